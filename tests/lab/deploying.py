# SPDX-License-Identifier: GPL-3.0-or-later
"""Deploying the runner to a host of the lab by the role deploy_runner, and looking at what it has made."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tarfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import MissingPath
from tests.lab import playbooks, vault
from tests.lab.places import CONTROLLER
from tests.lab.wheels import build_wheels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.lab.api import Lab
    from tests.lab.host import LabHost
    from tests.lab.playbooks import RoleRun

HOST = "web2"
UNIT = "breakglass-runner"
UNIT_PATH = f"/etc/systemd/system/{UNIT}.service"
WHEELS = "/srv/wheels"
STATE = "/var/lib/breakglass-runner"
FORWARDED = "18200"
FORWARDER_UNIT = "/etc/systemd/system/vault-forwarder.service"
RULES = "/srv/rules/breakglass.yml"
READY = '{"ready":true} 200'
FORWARDER = """
import asyncio, sys
async def copy(reader, writer):
    try:
        while block := await reader.read(65536):
            writer.write(block); await writer.drain()
    finally:
        writer.close()
async def serve(reader, writer):
    there = await asyncio.open_connection(sys.argv[3], int(sys.argv[4]))
    await asyncio.gather(copy(reader, there[1]), copy(there[0], writer), return_exceptions=True)
async def main():
    async with await asyncio.start_server(serve, sys.argv[1], int(sys.argv[2])) as server:
        await server.serve_forever()
asyncio.run(main())
"""


def put_directory(host: LabHost, source: Path, target: str) -> None:
    """Copy a directory to a host."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(source, arcname=".")
    host.run(["mkdir", "-p", target])
    subprocess.run(host.inside("tar", "-xC", target), input=packed.getvalue(), check=True)


def put_program(host: LabHost, source: Path, target: str) -> None:
    """Copy a program of this machine to a host."""
    subprocess.run(host.inside("tee", target), input=source.read_bytes(), stdout=subprocess.DEVNULL, check=True)
    host.run(["chmod", "755", target])


def forget(host: LabHost) -> None:
    """Take away all that the role makes."""
    host.run(
        f"systemctl disable --now {UNIT}; systemctl reset-failed {UNIT}; rm -rf {UNIT_PATH} /etc/breakglass {STATE}"
        f" /opt/breakglass-runner {RULES}; systemctl daemon-reload; userdel breakglass-runner",
        check=False,
        timeout=150,  # a stop may take as long as a drain
    )


def forget_anchors(lab: Lab) -> None:
    """Take away the anchors of a journal that `forget` has removed: the runner would rightly call a new one rolled back."""
    admin, place = vault.admin(lab.place), f"kv/metadata/breakglass/anchors/{datetime.now(UTC):%Y/%m/%d}/runner"
    with suppress(MissingPath):
        for size in admin.list(place)["data"]["keys"]:  # type: ignore[index]
            admin.delete(f"{place}/{size}")


@pytest.fixture(scope="session")
def runner_host(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabHost]:
    """A host with the wheels on it, and no runner yet; its own 127.0.0.1:8200 leads to the lab's OpenBao."""
    directory = tmp_path_factory.mktemp("wheels")
    build_wheels(directory)
    host = lab.host(HOST)
    forget(host)
    forget_anchors(lab)
    put_directory(host, directory, WHEELS)
    host.write("/srv/forwarder.py", FORWARDER)
    here = ("127.0.0.1", "8200")
    forwarder = ("/usr/bin/python3", "/srv/forwarder.py", *here, CONTROLLER, FORWARDED)
    # A unit of the host, not a transient one: other tests restart the host.
    host.write(
        FORWARDER_UNIT,
        f"[Service]\nExecStart={' '.join(forwarder)}\nRestart=always\n[Install]\nWantedBy=multi-user.target\n",
    )
    host.run("systemctl daemon-reload && systemctl enable vault-forwarder && systemctl restart vault-forwarder")
    with subprocess.Popen([sys.executable, "-c", FORWARDER, CONTROLLER, FORWARDED, *here]) as controller:
        yield host
        forget(host)
        forget_anchors(lab)
        controller.kill()
    host.run("systemctl disable --now vault-forwarder; systemctl reset-failed vault-forwarder", check=False)
    host.run(["rm", "-rf", WHEELS, "/srv/forwarder.py", FORWARDER_UNIT])


@pytest.fixture
def runner_site(lab: Lab, tmp_path: Path) -> dict[str, object]:
    """What the role is given: the lab's own policy, inventory and secrets, and settings for the host."""
    directory = tmp_path / "site"
    shutil.copytree(lab.place.controller / "secrets", directory / "secrets")
    for name in ("breakglass.yml", "inventory.yml"):
        shutil.copy(lab.place.controller / name, directory / name)
    settings = yaml.safe_load((lab.place.controller / "settings.yml").read_text(encoding="utf-8"))
    settings |= {"database_url": f"sqlite:///{STATE}/breakglass.db", "journal": {"directory": f"{STATE}/journal"}}
    settings.pop("run_directory")
    (directory / "settings.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    secrets = ("role_id", "secret_id", "alertmanager", "on-call")
    pip = next((line for line in lab.host(HOST).run(f"ls {WHEELS}/pip-*.whl").stdout.split()), "")
    return {
        "deploy_runner_requirements": ["--no-index", "--find-links", WHEELS, "breakglass-remediation==0.1.0"],
        "deploy_runner_pip": pip,
        "deploy_runner_files": {
            name: str(directory / name) for name in ("settings.yml", "breakglass.yml", "inventory.yml")
        },
        "deploy_runner_secrets": {f"secrets/{name}": str(directory / "secrets" / name) for name in secrets},
    }


def deploy(lab: Lab, given: dict[str, object], *options: str) -> RoleRun:
    """Run the playbook `deploy_runner`, coming in as root."""
    inventory = (
        "-i",
        str(lab.place.controller / "first-contact.yml"),
        "--private-key",
        str(lab.place.secret("bootstrap")),
    )
    playbook = ("breakglass.remediation.deploy_runner", *inventory, "-u", "root", *options)
    return playbooks.play(lab.place, playbook, [HOST], given, timeout=280, environment={})


def state_of(host: LabHost) -> str:
    """All that the role may touch, but what the runner itself writes."""
    return host.run(
        f"getent passwd; ls -lARn --time-style=full-iso /etc/breakglass; stat -c '%a %u:%g' {STATE};"
        f" find /etc/breakglass -type f | sort | xargs -r sha256sum; stat -c '%a %u:%g %y' {UNIT_PATH}; cat {UNIT_PATH} {RULES};"
        f" ls -A /opt /opt/breakglass-runner; systemctl is-enabled {UNIT}; systemctl is-active {UNIT}",
        check=False,
    ).stdout


def main_pid(host: LabHost) -> str:
    """The runner's process."""
    return told(host, "MainPID")


def told(host: LabHost, name: str) -> str:
    """What systemd says of the unit."""
    return host.run(["systemctl", "show", "-P", name, UNIT]).stdout.strip()


def answer(host: LabHost, page: str) -> str:
    """What the runner says on its own host."""
    return host.run(["curl", "-s", "-w", " %{http_code}", f"http://127.0.0.1:8443/{page}"], check=False).stdout


def settled(host: LabHost, what: Callable[[], bool], seconds: float) -> None:
    """Wait until something holds; says what systemd and the log say if it does not."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            raise AssertionError(host.run(f"systemctl status {UNIT}; journalctl -u {UNIT} -n 60", check=False).stdout)
        time.sleep(0.2)


def records(host: LabHost) -> list[str]:
    """The kinds of the records of the day, in order."""
    text = host.run(f"cat {STATE}/journal/*/*/*/runner.jsonl", check=False).stdout
    return [str(json.loads(line)["kind"]) for line in text.splitlines()]
