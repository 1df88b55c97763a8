# SPDX-License-Identifier: GPL-3.0-or-later
"""deploy_runner on a real host: a service that works, a second run that changes nothing, and the way back from everything."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
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
    from collections.abc import Iterator
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
WORST_EXPOSURE = 3.0
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


def forget(host: LabHost) -> None:
    """Take away all that the role makes."""
    host.run(
        f"systemctl disable --now {UNIT}; systemctl reset-failed {UNIT}; rm -rf {UNIT_PATH} /etc/breakglass {STATE}"
        " /opt/breakglass-runner; systemctl daemon-reload; userdel breakglass-runner",
        check=False,
    )


def forget_anchors(lab: Lab) -> None:
    """Take away the anchors of a journal that `forget` has removed: the runner would rightly call a new one rolled back."""
    admin, place = vault.admin(lab.place), f"kv/metadata/breakglass/anchors/{datetime.now(UTC):%Y/%m/%d}/runner"
    with suppress(MissingPath):
        for size in admin.list(place)["data"]["keys"]:  # type: ignore[index]
            admin.delete(f"{place}/{size}")


@pytest.fixture(scope="module")
def host(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabHost]:
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
    host.run(["systemd-run", "--unit=vault-forwarder", *forwarder])
    with subprocess.Popen([sys.executable, "-c", FORWARDER, CONTROLLER, FORWARDED, *here]) as controller:
        yield host
        controller.kill()
    forget(host)
    forget_anchors(lab)
    host.run("systemctl stop vault-forwarder; systemctl reset-failed vault-forwarder", check=False)
    host.run(["rm", "-rf", WHEELS, "/srv/forwarder.py"])


@pytest.fixture
def site(lab: Lab, tmp_path: Path) -> dict[str, object]:
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
        f"getent passwd; ls -lARn --time-style=full-iso /etc/breakglass; stat -c '%a %u:%g' {STATE}; sha256sum /etc/breakglass/* /etc/breakglass/*/*;"
        f" cat {UNIT_PATH}; ls -A /opt /opt/breakglass-runner; systemctl is-enabled {UNIT}; systemctl is-active {UNIT}",
        check=False,
    ).stdout


def main_pid(host: LabHost) -> str:
    """The runner's process."""
    return host.run(f"systemctl show -P MainPID {UNIT}").stdout.strip()


def answer(host: LabHost, page: str) -> str:
    """What the runner says on its own host."""
    return host.run(["curl", "-s", "-w", " %{http_code}", f"http://127.0.0.1:8443/{page}"], check=False).stdout


def test_a_fresh_host_where_it_fails_is_bare_again(
    lab: Lab, host: LabHost, site: dict[str, object], tmp_path: Path
) -> None:
    """Settings that the runner refuses: a sentence says why, and there is no file, directory or user of ours."""
    before = state_of(host)
    broken = {**site, "deploy_runner_files": {**site["deploy_runner_files"], "breakglass.yml": "/dev/null"}}  # type: ignore[dict-item]
    assert deploy(lab, broken).code != 0
    assert state_of(host) == before
    text = (tmp_path / "site" / "settings.yml").read_text(encoding="utf-8")
    (tmp_path / "refused.yml").write_text(text.replace("127.0.0.1:8443", "nowhere"), encoding="utf-8")
    files = {**site["deploy_runner_files"], "settings.yml": str(tmp_path / "refused.yml")}  # type: ignore[dict-item]
    run = deploy(lab, {**site, "deploy_runner_files": files})
    assert run.code != 0
    assert run.sentence.startswith(f"The runner was not deployed to {HOST}: it refuses its settings: ")
    assert run.sentence.endswith("What was there before was put back.")
    assert state_of(host) == before


def test_check_mode_predicts_and_the_runner_is_ready(lab: Lab, host: LabHost, site: dict[str, object]) -> None:
    """Check mode changes nothing and names the tasks that then change; the service can do all of its work; again nothing changes."""
    forget(host)
    forget_anchors(lab)
    bare = state_of(host)
    predicted = deploy(lab, site, "--check", "--diff")
    assert (predicted.code, state_of(host)) == (0, bare)
    run = deploy(lab, site)
    assert run.code == 0, run.text
    assert [task for task in run.changed(HOST) if task != "Start it"] == predicted.changed(HOST)
    assert answer(host, "readyz") == '{"ready":true} 200'
    assert host.run(f"systemctl is-enabled {UNIT}").stdout == "enabled\n"
    deployed, pid = state_of(host), main_pid(host)
    again = deploy(lab, site)
    assert (again.code, again.changed(HOST), main_pid(host), state_of(host)) == (0, [], pid, deployed)


def test_the_unit_lets_it_do_its_work_only(lab: Lab, host: LabHost, site: dict[str, object]) -> None:
    """It is its own user without a capability, its files are its own, and systemd calls its exposure low."""
    assert deploy(lab, site).code == 0
    status = host.read(f"/proc/{main_pid(host)}/status")
    assert "NoNewPrivs:\t1" in status
    assert "CapBnd:\t0000000000000000" in status
    assert "Seccomp:\t2" in status
    assert host.run(f"ps -o user:30= -p {main_pid(host)}").stdout.strip() == "breakglass-runner"
    modes = host.run(
        f"stat -c '%a %U:%G' /etc/breakglass /etc/breakglass/settings.yml /etc/breakglass/secrets/secret_id {STATE}"
    )
    assert modes.stdout.splitlines() == [
        "750 root:breakglass-runner",
        "640 root:breakglass-runner",
        "400 breakglass-runner:breakglass-runner",
        "700 breakglass-runner:breakglass-runner",
    ]
    said = host.run(f"systemd-analyze security --no-pager {UNIT} | tail -1").stdout
    print(said)
    assert float(said.split(":")[1].split()[0]) <= WORST_EXPOSURE, said


def test_a_unit_of_others_stays(lab: Lab, host: LabHost, site: dict[str, object]) -> None:
    """It is refused by name, and nothing is changed."""
    forget(host)
    forget_anchors(lab)
    host.write(UNIT_PATH, "[Service]\nExecStart=/bin/true\n")
    before = state_of(host)
    run = deploy(lab, site)
    assert (run.code != 0, run.changed(HOST), state_of(host)) == (True, [], before)
    assert run.sentence == f"{UNIT_PATH} is not this role's; nothing was changed. Move it away, or rename it."
    host.run(["rm", UNIT_PATH])


@pytest.mark.parametrize(
    "bad",
    [
        {"deploy_runner_requirements": []},
        {"deploy_runner_program": "/usr/bin/breakglass"},
        {"deploy_runner_requirements": ["a; CANARY"]},
        {"deploy_runner_python": "python3"},
        {"deploy_runner_files": {"../CANARY": "/etc/hostname", "settings.yml": "/etc/hostname"}},
        {"deploy_runner_secrets": {"settings.yml": "/etc/hostname"}},
        {"deploy_runner_files": {}},
        {"deploy_runner_url": "http://127.0.0.1:8443/CANARY"},
        {"deploy_runner_proof_within": 601},
        {"deploy_runner_drain_seconds": 29},
        {"deploy_runner_writable": ["/srv/archive\nCANARY"]},
    ],
)
def test_bad_parameters_are_refused(lab: Lab, host: LabHost, site: dict[str, object], bad: dict[str, object]) -> None:
    """Before anything is looked at or changed, by a sentence that names the parameter and not the value."""
    run = deploy(lab, {**site, **bad})
    assert (run.code != 0, run.changed(HOST)) == (True, [])
    assert next(iter(bad)) in run.sentence
    assert "CANARY" not in run.sentence
    assert "Read the unit that is there" not in run.tasks
