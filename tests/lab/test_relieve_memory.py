# SPDX-License-Identifier: GPL-3.0-or-later
"""relieve_memory on a real host: runaways end, politely or not, the kernel limits their services, and nothing else is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.lab.faults import HOG_BYTES

from breakglass.verification import verify_journal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.api import Lab
    from tests.lab.host import LabHost

ROLE = "relieve_memory"
END = "End what has run away"
PYTHON = {"relieve_memory_processes": ["python3"], "relieve_memory_limit": HOG_BYTES // 1_500_000}
LEAKS = "/run/lab-leaks"
PROGRAM = f"import os, time; x = b'x' * ({HOG_BYTES} if os.path.exists('{LEAKS}') else 1); time.sleep(36000)"
UNIT = f'[Service]\nExecStart=/usr/bin/python3 -c "{PROGRAM}"\n'
STUBBORN = (
    f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); x = b'x' * {HOG_BYTES}; time.sleep(36000)"
)
GROWN = "timeout 20 sh -c 'until grep -qsE \"^RssAnon:\\s+[23][0-9]{5} \" /proc/[0-9]*/status; do sleep 0.1; done'"


@pytest.fixture
def leaking(lab: Lab) -> Iterator[LabHost]:
    """A host with a service that leaks as long as a file says so, and has leaked."""
    web1 = lab.host("web1")
    web1.write("/run/systemd/system/lab-leak.service", UNIT)
    try:
        web1.run(f"touch {LEAKS}; systemctl daemon-reload; systemctl start lab-leak; {GROWN}")
        yield web1
    finally:
        web1.run(
            f"systemctl stop lab-leak; systemctl revert lab-leak; rm -f {LEAKS} /run/systemd/system/lab-leak.service"
        )
        web1.run("systemctl daemon-reload; systemctl reset-failed lab-leak", check=False)


def _limit(host: LabHost) -> str:
    return host.run("systemctl show --property=MemoryMax --value lab-leak").stdout.strip()


def _memory(host: LabHost) -> str:
    """The memory controller of a host; skips where all controllers are one tree, of which none can be taken away alone."""
    if not host.exists("/sys/fs/cgroup/memory/cgroup.procs"):
        pytest.skip("the controllers of this machine are one tree")
    return "/sys/fs/cgroup/memory"


@pytest.mark.core
def test_check_mode_predicts_what_the_repair_then_ends(lab: Lab) -> None:
    """A process with 300 MB: check mode says what would end, the repair ends exactly that, a second run nothing."""
    web1 = lab.host("web1")
    lab.break_("memory-hog", "web1")
    try:
        web1.run(GROWN)
        predicted = lab.run_role(ROLE, ["web1"], PYTHON, check=True)
        assert web1.active("lab-hog") == "active"
        repaired = lab.run_role(ROLE, ["web1"], PYTHON)
        assert "relieve_memory" in web1.run("ls /var/lib/breakglass/evidence").stdout
        assert (predicted.code, repaired.code) == (0, 0), repaired.text
        assert repaired.changed("web1") == predicted.changed("web1") == [END]
        assert web1.active("lab-hog") != "active"
        assert web1.active("nginx") == "active"
        assert lab.run_role(ROLE, ["web1"], PYTHON).changed("web1") == []
        lab.record_run(role=ROLE, fault="memory-hog", run=repaired)
        verified = verify_journal(repaired.journal, None, lab.environment, offline=False)
        assert verified.exit_code == 0, verified.text()
    finally:
        lab.mend("memory-hog", "web1")


def test_a_service_that_has_leaked_is_limited_by_the_kernel(lab: Lab, leaking: LabHost) -> None:
    """It runs again, with a limit that the kernel holds: when it leaks once more it is killed, before it has what it had."""
    leaking.run(f"rm {LEAKS}")
    before = leaking.run("systemctl show --property=MainPID --value lab-leak").stdout
    run = lab.run_role(ROLE, ["web1"], {"relieve_memory_units": ["lab-leak"], "relieve_memory_limit": 200})
    assert run.code == 0, run.text
    assert leaking.active("lab-leak") == "active"
    assert leaking.run("systemctl show --property=MainPID --value lab-leak").stdout != before
    assert _limit(leaking) == "200000000"
    assert "no memory controller" not in run.text
    assert [one["limits_not_held"] for one in run.bodies("task.result") if "limits_not_held" in one] == [0, 0, 0]
    leaking.run(
        f"touch {LEAKS}; systemctl restart lab-leak; timeout 20 sh -c 'while systemctl is-active -q lab-leak; do sleep 0.1; done'"
    )
    killed = leaking.run("systemctl show --property=ExecMainCode --property=ExecMainStatus lab-leak").stdout.split()
    assert sorted(killed) == ["ExecMainCode=2", "ExecMainStatus=9"]
    assert leaking.active("nginx") == "active"


def test_a_limit_that_the_kernel_does_not_hold_is_told(lab: Lab, leaking: LabHost) -> None:
    """On a host whose systemd has no memory controller: the limit is set for a day when it has one, and the journal says how it is."""
    leaking.run(f"rm {LEAKS}; mount -o remount,bind,ro {_memory(leaking)}; systemctl daemon-reexec")
    try:
        run = lab.run_role(ROLE, ["web1"], {"relieve_memory_units": ["lab-leak"], "relieve_memory_limit": 200})
    finally:
        leaking.run(f"mount -o remount,bind,rw {_memory(leaking)}; systemctl daemon-reexec")
    assert run.code == 0, run.text
    assert _limit(leaking) == "200000000"
    assert "no memory controller" in run.text
    assert [one["limits_not_held"] for one in run.bodies("task.result") if one.get("limits_not_held")] == [1]


def test_a_service_that_leaks_again_at_once_is_told_and_gets_its_limit_back(lab: Lab, leaking: LabHost) -> None:
    """The kernel ends it at its limit; what was set is taken back, it runs as before, and one sentence says all of it."""
    run = lab.run_role(ROLE, ["web1"], {"relieve_memory_units": ["lab-leak"], "relieve_memory_limit": 200})
    assert run.code != 0
    assert run.sentence.startswith("lab-leak.service did not stay up with at most 200 MB; ended lab-leak.service: 3")
    assert run.sentence.endswith("; its former limit was given back.")
    assert _limit(leaking) == "infinity"
    assert leaking.active("lab-leak") == "active"


def test_a_service_that_leaks_again_and_is_not_limited_is_told(lab: Lab, leaking: LabHost) -> None:
    """The check at the end finds it again; there is nothing to take back."""
    asked = {"relieve_memory_units": ["lab-leak"], "relieve_memory_limit": 200, "relieve_memory_cap": False}
    run = lab.run_role(ROLE, ["web1"], asked)
    assert run.code != 0
    assert run.sentence.startswith("lab-leak.service: 3")
    assert "again after it was ended, wanted at most 200 MB; ended lab-leak.service: 3" in run.sentence
    assert run.sentence.endswith("; nothing to undo.")
    assert (leaking.active("lab-leak"), _limit(leaking)) == ("active", "infinity")


def test_a_service_may_stay_stopped(lab: Lab, leaking: LabHost) -> None:
    """When it is not to be started again."""
    asked = {"relieve_memory_units": ["lab-leak"], "relieve_memory_limit": 200, "relieve_memory_restart": False}
    run = lab.run_role(ROLE, ["web1"], {**asked, "relieve_memory_cap": False})
    assert run.code == 0, run.text
    assert (leaking.active("lab-leak"), _limit(leaking)) == ("inactive", "infinity")


def test_who_does_not_end_when_asked_is_killed_and_the_service_around_it_goes_on(lab: Lab) -> None:
    """A process that is not the main one of its service, and refuses SIGTERM."""
    web1 = lab.host("web1")
    program = f'/usr/bin/python3 -c "{STUBBORN}"; exec sleep infinity'
    web1.run(["systemd-run", "--quiet", "--unit=lab-stubborn", "--collect", "/bin/bash", "-c", program])
    try:
        web1.run(GROWN)
        run = lab.run_role(ROLE, ["web1"], {**PYTHON, "relieve_memory_grace": 1})
        assert run.code == 0, run.text
        assert [(one["ended"], one["killed"]) for one in run.bodies("task.result") if one.get("ended")][-1] == (1, 1)
        assert web1.active("lab-stubborn") == "active"
    finally:
        web1.run("systemctl kill --signal=KILL lab-stubborn", check=False)


def test_what_is_not_allowed_is_not_ended(lab: Lab) -> None:
    """Too little memory and nobody who may be ended: one sentence says who holds most, and nothing is changed."""
    lab.break_("memory-hog", "web1")
    try:
        lab.host("web1").run(GROWN)
        asked = {
            "relieve_memory_processes": ["report-worker"],
            "relieve_memory_limit": 200,
            "relieve_memory_floor": 100,
        }
        for check in (True, False):
            run = lab.run_role(ROLE, ["web1"], asked, check=check)
            assert run.code != 0
            assert "available, wanted 100 %; most is held by python3 3" in run.sentence
            assert run.sentence.endswith("; nothing of what may be ended was above 200 MB; nothing to undo.")
            assert run.changed("web1") == []
        assert lab.host("web1").active("lab-hog") == "active"
    finally:
        lab.mend("memory-hog", "web1")


@pytest.mark.parametrize(
    "asked", [{"relieve_memory_processes": ["sshd"]}, {"relieve_memory_units": ["systemd-journald"]}, {}]
)
def test_some_are_never_ended(lab: Lab, asked: dict[str, list[str]]) -> None:
    """What lets people in can't be allowed, and without any name nothing is."""
    run = lab.run_role(ROLE, ["web1"], {**asked, "relieve_memory_limit": 1})
    assert run.code != 0
    assert "are never ended" in run.sentence or "must name what may be ended" in run.sentence
    assert run.changed("web1") == []
