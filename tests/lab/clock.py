# SPDX-License-Identifier: GPL-3.0-or-later
"""A wrong clock of a host: what its sshd sees, and everything that comes in through it, also by sudo.

Containers share the clock of the machine, so a library that is preloaded lies to new processes: what ran before, and what systemd
starts, sees the right time. sshd is one that matters: it judges certificates by its own.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.ssh import (
    SshRequest,
    generate_key_pair,
    sign,
)
from tests.lab.errors import FailedCommand
from tests.lab.vault import admin, write_secret
from tests.support import wrong_date

if TYPE_CHECKING:
    from tests.lab.host import LabHost

AN_HOUR: Final = 3600
LIBRARY: Final = "/usr/local/lib/breakglass-lab-clock.so"
DROP_IN: Final = "/run/systemd/system/ssh.service.d/breakglass-lab-clock.conf"
SESSIONS: Final = "/etc/ssh/sshd_config.d/00-breakglass-lab-clock.conf"
OF_SUDO: Final = "/etc/breakglass-lab-clock"
SUDOERS: Final = "/etc/sudoers.d/breakglass-lab-clock"


def set_wrong(host: LabHost, seconds: int) -> None:
    """Let its clock be so far ahead, or behind if less than 0, until `set_right`; raises MissingCompiler."""
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(wrong_date.build(Path(directory)), f"{host.place.root(host.name)}{LIBRARY}")
    lies = [f"{name}={value}" for name, value in wrong_date.environment(LIBRARY, seconds).items()]
    host.write(DROP_IN, f"[Service]\nEnvironment={' '.join(lies)}\n")
    host.write(SESSIONS, f"SetEnv {' '.join(lies)}\n")
    host.write(OF_SUDO, "".join(f"{lie}\n" for lie in lies))
    kept = " ".join(lie.partition("=")[0] for lie in lies)
    host.write(SUDOERS, f'Defaults env_file={OF_SUDO}\nDefaults env_keep += "{kept}"\n', 0o440)
    _read_anew(host)


def set_right(host: LabHost) -> None:
    """Let it see the right time again; also where it always did."""
    host.run(["rm", "-f", DROP_IN, SESSIONS, OF_SUDO, SUDOERS])
    _read_anew(host)
    host.run(["rm", "-f", LIBRARY])


def refuses_fresh_certificate(host: LabHost, life: timedelta = timedelta(minutes=1)) -> bool:
    """Tell whether a certificate of this moment does not open it; called from inside of the controller's network."""
    login = log_in(host, "true", life)
    if login.returncode and "Permission denied (publickey)" not in login.stderr:
        raise FailedCommand(f"{host.name} could not be asked: {login.stderr.strip()}")
    return login.returncode != 0


def log_in(host: LabHost, command: str, life: timedelta = timedelta(minutes=1)) -> subprocess.CompletedProcess[str]:
    """Run a command there as `breakglass`, with a certificate of this moment that lives so long."""
    pair = generate_key_pair()
    with tempfile.TemporaryDirectory() as directory:
        request = SshRequest((host.name,), "a test of the lab", life)
        write_secret(Path(directory) / "id", pair.private_key.decode().strip())
        certificate = sign(admin(host.place), "lab-operator", pair.public_key, request)
        write_secret(Path(directory) / "id-cert.pub", certificate.text)
        known = ("-F", "/dev/null", "-o", f"UserKnownHostsFile={host.place.secret('known_hosts')}")
        key = ("-i", f"{directory}/id", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none")
        return subprocess.run(
            ("ssh", *known, *key, f"breakglass@{host.address}", command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )


def _read_anew(host: LabHost) -> None:
    host.run("systemctl daemon-reload; systemctl reset-failed ssh; systemctl restart ssh")
