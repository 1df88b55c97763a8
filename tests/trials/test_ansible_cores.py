# SPDX-License-Identifier: GPL-3.0-or-later
"""The oldest and the newest ansible-core, with the collection as Galaxy installs it: it works, closes, and leaks nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.fault_matrix.ground import Ground
from tests.fault_matrix.run import complaints
from tests.fault_matrix.trial import Trial
from tests.integration.collection.operator_run import PROVEN, OperatorRun
from tests.support.canary_ground import CanaryGround
from tests.support.canary_run import CanaryRun
from tests.support.cores import ALL, COLLECTIONS, TREE, Core
from tests.support.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(240)
FAILED = 2
COLLECTION = "ansible_collections.breakglass.remediation"
SHORT_NAME = "breakglass.remediation"
IMPORT = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
DOCUMENTED = {
    kind: [path.stem for path in sorted((TREE / "plugins" / directory).glob("*.py")) if path.stem != "__init__"]
    for kind, directory in (("module", "modules"), ("lookup", "lookup"), ("callback", "callback"))
}
OF_PREPARATION = ("deploy_runner", "prepare_hosts", "prepare_vault")
ENDS_BY_ITSELF = "    - name: The end\n      ansible.builtin.command: {argv: ['true']}\n"


@pytest.fixture(scope="module")
def canary_ground() -> Iterator[CanaryGround]:
    """The servers of the canary test."""
    with CanaryGround() as made:
        yield made


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A Vault, a host with a service, an operator."""
    with Site() as made:
        yield made


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """The servers of the fault matrix."""
    with Ground() as made:
        yield made


@pytest.fixture(params=ALL, ids=lambda core: core.version)
def core(request: pytest.FixtureRequest) -> Core:
    """Each core that runs here."""
    assert isinstance(request.param, Core)
    request.param.ready_or_skip()
    return request.param


@pytest.fixture
def trial(core: Core, ground: Ground) -> Iterator[Trial]:
    """A run of that core."""
    with Trial(ground) as made:
        made.programs, made.collections = core.programs, COLLECTIONS
        yield made


def test_every_plugin_loads_without_a_warning(core: Core) -> None:
    """Every Python file of the collection is imported by the oldest and newest Python that run it, warnings as errors."""
    names = [".".join(path.relative_to(TREE).with_suffix("").parts) for path in sorted(TREE.glob("plugins/**/*.py"))]
    modules = [f"{COLLECTION}.{name.removesuffix('.__init__')}" for name in names]
    _answer([str(core.programs / "python"), "-W", "error", "-c", IMPORT, *modules], PYTHONPATH=str(COLLECTIONS))


def test_its_documentation_is_read(core: Core) -> None:
    """`ansible-doc` reads every plugin, and warns of nothing."""
    for kind, names in DOCUMENTED.items():
        command = [
            str(core.programs / "ansible-doc"),
            "--json",
            "-t",
            kind,
            *(f"{SHORT_NAME}.{name}" for name in names),
        ]
        assert len(json.loads(_answer(command, ANSIBLE_COLLECTIONS_PATH=str(COLLECTIONS)))) == len(names)


def test_every_playbook_finds_what_it_imports(core: Core, tmp_path: Path) -> None:
    """By its full name, from anywhere, each playbook of a remediation runs the one beside it that opens the grant."""
    inventory = tmp_path / "hosts"
    inventory.write_text("web1\n", encoding="ascii")
    names = [f"{SHORT_NAME}.{path.stem}" for path in sorted((TREE / "playbooks").glob("*.yml"))]
    command = [str(core.programs / "ansible-playbook"), "-i", str(inventory), "--list-tasks", *names]
    listed = _answer(command, ANSIBLE_COLLECTIONS_PATH=str(COLLECTIONS), ANSIBLE_HOME=str(tmp_path))
    assert listed.count("playbook: ") == len(names)
    assert listed.count("  Remediate\t") == len(names) - len(OF_PREPARATION)


def test_it_warns_of_nothing_and_closes(trial: Trial) -> None:
    """A run with every kind of credential succeeds without a warning, and everything is proven gone."""
    trial.start(ENDS_BY_ITSELF)
    trial.until_over()
    trial.strike()
    ending = trial.ending()
    output = (trial.directory / "output").read_text(encoding="utf-8")
    assert ending.code == 0, output
    assert complaints(ending) == []
    assert "WARNING" not in output


def test_it_repairs_a_host(core: Core, site: Site) -> None:
    """`ansible-playbook` alone repairs a service over SSH under a grant, which is proven gone; the journal verifies."""
    site.service.kill()
    with OperatorRun(site) as run:
        words = site.playbook_command()[1:]
        run.command([str(core.programs / "ansible-playbook"), *words], ANSIBLE_COLLECTIONS_PATH=str(COLLECTIONS))
        assert run.code == 0, run.text
        assert run.last_line.startswith(PROVEN)
        assert run.verified().exit_code == 0
        run.assert_nothing_left()
    assert site.service_answers()


def test_a_killed_run_is_closed(trial: Trial) -> None:
    """After SIGKILL of the play its guard closes all, and the task in flight has no later effect."""
    trial.start()
    trial.until_in_flight()
    trial.strike()
    os.kill(trial.main_process(), signal.SIGKILL)
    assert complaints(trial.ending()) == []


def test_no_secret_is_left_or_shown_by_any_core(core: Core, canary_ground: CanaryGround) -> None:
    """At -vvvv, with log, fact cache and remote files kept, no secret of any kind is to be found."""
    collections = str(COLLECTIONS)
    with canary_ground.way("token") as way, CanaryRun(canary_ground, way, core.programs, collections) as run:
        run.start()
        run.look()
        assert run.end() == FAILED, run.output[-3000:]
        assert run.output.count("proven.") == 1
        assert list(run.runs.iterdir()) == []
        leaks = run.leaks()
        assert leaks == [], "\n".join(leaks)
        assert "[DEPRECATION WARNING]" not in run.output


def _answer(command: list[str], **environment: str) -> str:
    """What a program prints that succeeds and says nothing else."""
    home = {"HOME": "/nowhere", "ANSIBLE_HOME": "/nowhere", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command,
        env={"PATH": os.defpath, "LANG": "C.UTF-8", **home, **environment},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout
