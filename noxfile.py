# SPDX-License-Identifier: GPL-3.0-or-later
"""Every ansible-core on every Python of this machine, and the lowest versions that we say are enough.

nox -l                            what there is
nox -s collection                 all of it; `nox -s "collection(2.17-3.12)"` one
nox -s lowest                     the runner and the collection on the lowest versions of their dependencies
nox -s support                    writes docs/reference/support.md from what the others have recorded

Environments are made as for `make cores` (tests/support/cores.py): pinned, checked by hash. Nothing is downloaded twice.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nox

TREE = Path(__file__).parent
sys.path.insert(0, str(TREE))

from tests.support.cores import COLLECTIONS, EVERY, Core  # noqa: E402 (this directory is no package)
from tools.support_matrix import LOWEST, Trial  # noqa: E402

nox.options.default_venv_backend = "none"  # the environments are ours
nox.options.sessions = ["collection", "lowest", "support"]
OF_THE_NEWEST = (
    "policy/test_schemas.py",  # compares with schemas that the locked pydantic has written; others word them otherwise
    "test_guide_commands.py",  # warns of what the lowest typer asks of the newest click; looks at docs only
    "tools/test_changelog.py",  # needs antsibull-changelog, which only developers have
)
"""Unit tests that are about the tools of development."""
HERE = [core for core in EVERY if core.find_python()]


@nox.session
@nox.parametrize("core", HERE, ids=[core.place.name for core in HERE])
def collection(session: nox.Session, core: Core) -> None:
    """The collection's unit tests on this ansible-core and Python, and its repair on real parts."""
    python = core.find_python()
    if python and not core.is_ready:
        core.make(python)
    trial = Trial(core.place.name, core.programs)
    words = ("-n", "2", "--dist", "loadfile", "tests/unit/plugins")
    trial.run(session, "unit", core.programs / "python", *words, environment={"PYTHONPATH": str(COLLECTIONS)})
    words = ("-n", "0", "tests/trials/test_ansible_cores.py", "-k", "not secret")
    trial.run(session, "repair", Path(sys.executable), *words, environment={"BREAKGLASS_CORE": core.place.name})
    trial.record()


@nox.session
def lowest(session: nox.Session) -> None:
    """Unit tests, the repair and the main job on the lowest versions that pyproject.toml and the docs name."""
    trial = Trial("lowest", LOWEST.make())
    left_out = [f"--ignore=tests/unit/{name}" for name in OF_THE_NEWEST]
    trial.run(session, "unit", trial.programs / "python", "-n", "2", "--dist", "loadfile", *left_out, "tests/unit")
    words = ("-n", "0", "tests/e2e/test_main_job.py", "tests/integration/collection/test_collection_remediate.py")
    trial.run(session, "repair", trial.programs / "python", *words)
    trial.record()


@nox.session
def support(session: nox.Session) -> None:
    """Write the table of what has been tried."""
    session.run(sys.executable, "-m", "tools.support_matrix", external=True)
