# SPDX-License-Identifier: GPL-3.0-or-later
"""The role restart_service on a systemd unit.

No systemd runs where these tests run, so a small `systemctl` of their own stands in for it: it keeps one unit's state in
a file and writes down how it was called. The lab tries the same on real systemd.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from tests.integration.roles.test_restart_service import Bench

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

SYSTEMCTL = """#!/bin/sh
# state: what the unit is now; after: what a restart makes of it
cd "$(dirname "$0")" || exit 1
state=$(cat state)
echo "$*" >> calls
case "$1" in
  show)
    loaded=loaded; [ "$state" = missing ] && loaded=not-found
    printf 'Id=nginx.service\\nLoadState=%s\\nActiveState=%s\\nSubState=x\\nResult=success\\n' "$loaded" "$state" ;;
  is-active) echo "$state"; [ "$state" = active ] ;;
  is-enabled) echo enabled ;;
  restart|start) [ -e after ] && cp after state && exit 0; echo 'Job for nginx.service failed.' >&2; exit 1 ;;
  stop) echo inactive > state ;;
esac
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """One host on which `systemctl` is the stand-in."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in {"systemctl": SYSTEMCTL, "journalctl": "#!/bin/sh\necho 'nginx: cannot bind :443'\n"}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    host = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "breakglass_evidence_directory": str(tmp_path / "kept" / "evidence"),
    }
    return Bench(tmp_path, {"web1": {**host, "ansible_remote_tmp": str(tmp_path / "remote")}})


def _set(bench: Bench, **states: str) -> None:
    for name, state in states.items():
        (bench.directory / "bin" / name).write_text(f"{state}\n")


def _changes(bench: Bench) -> list[str]:
    """How the stand-in was asked to change something."""
    calls = (bench.directory / "bin" / "calls").read_text().splitlines()
    return [call for call in calls if call.split()[0] in ("restart", "start", "stop")]


@pytest.mark.parametrize("found", ["failed", "activating"])
def test_repair(bench: Bench, found: str) -> None:
    """A unit that is not active is restarted, and has to be active afterwards."""
    _set(bench, state=found, after="active")
    outcome = bench.run({"restart_service_name": "nginx"})
    assert (outcome.code, outcome.count("changed")) == (0, 1), outcome.text
    assert len(_changes(bench)) == 1


def test_active_unit(bench: Bench) -> None:
    """An active unit is left alone."""
    _set(bench, state="active", after="active")
    outcome = bench.run({"restart_service_name": "nginx.service"})
    assert (outcome.code, outcome.count("changed"), _changes(bench)) == (0, 0, []), outcome.text


def test_check_mode(bench: Bench) -> None:
    """Check mode says that a failed unit would be restarted, and does not do it."""
    _set(bench, state="failed", after="active")
    outcome = bench.run({"restart_service_name": "nginx"}, "--check")
    assert (outcome.code, outcome.count("changed"), _changes(bench)) == (0, 1, []), outcome.text


def test_unit_that_stays_down(bench: Bench) -> None:
    """A unit that fails again after the restart is stopped, as found, and the sentence names its state."""
    _set(bench, state="inactive", after="failed")
    outcome = bench.run({"restart_service_name": "nginx", "restart_service_health_timeout": 5})
    assert outcome.sentence == "nginx is failed after the restart, wanted active for 5 s; stopped again, as found."
    assert outcome.code == 2


def test_sick_active_unit(bench: Bench) -> None:
    """A unit that was active but did not answer is left running when the restart does not help."""
    _set(bench, state="active", after="active")
    outcome = bench.run(
        {
            "restart_service_name": "nginx",
            "restart_service_health_url": "http://127.0.0.1:1/",
            "restart_service_health_timeout": 1,
        }
    )
    assert outcome.sentence == (
        "http://127.0.0.1:1/ did not answer, wanted 200 to 206 for 1 s; nothing to undo, it ran before and was left as it is."
    )
    assert _changes(bench) == ["restart nginx"]


def test_restart_that_fails(bench: Bench) -> None:
    """What systemctl says stands in the sentence."""
    _set(bench, state="inactive")
    outcome = bench.run({"restart_service_name": "nginx"})
    assert outcome.sentence.startswith("nginx could not be restarted: ")
    assert "Job for nginx.service failed." in outcome.sentence
    assert outcome.sentence.endswith("; stopped again, as found.")


def test_unknown_unit(bench: Bench) -> None:
    """A unit that the host does not know is refused, naming what to correct."""
    _set(bench, state="missing")
    outcome = bench.run({"restart_service_name": "nginx9"})
    assert outcome.code == 2
    assert "web1 has no unit nginx9 that can be started (not-found). Correct restart_service_name" in outcome.text
    assert _changes(bench) == []


def test_host_without_systemd(bench: Bench) -> None:
    """A host without a working systemctl is told apart from an unknown unit."""
    (bench.directory / "bin" / "systemctl").write_text("#!/bin/sh\nexit 1\n")
    outcome = bench.run({"restart_service_name": "nginx"})
    assert "web1 does not answer systemctl" in outcome.text
