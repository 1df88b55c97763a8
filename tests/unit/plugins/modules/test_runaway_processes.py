# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as a runaway, what is refused, and what a service is limited to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.module_utils.memory_processes import Process
from ansible_collections.breakglass.remediation.plugins.modules import runaway_processes
from ansible_collections.breakglass.remediation.plugins.modules.runaway_processes import (
    Outcome,
    Refused,
    Systemd,
    full_name,
    limit_unit,
    refuse,
    runaways,
)

if TYPE_CHECKING:
    from pathlib import Path

MEGABYTE = 1_000_000
PROCESSES = [
    Process(10, 1, "worker", 500 * MEGABYTE, ""),
    Process(11, 1, "worker", 90 * MEGABYTE, ""),
    Process(12, 1, "shop", 300 * MEGABYTE, "shop.service"),
    Process(13, 1, "worker", 200 * MEGABYTE, "shop.service"),
    Process(14, 1, "other", 900 * MEGABYTE, "other.service"),
]


class Script:
    """A systemctl that answers from a table and remembers what it was told to do."""

    def __init__(self, **shown: str) -> None:
        self.shown = shown
        self.told: list[list[str]] = []

    def __call__(self, words: list[str]) -> tuple[int, str, str]:
        """Answer."""
        if words[1] == "show":
            return 0, self.shown.get(words[2].partition("=")[2], ""), ""
        self.told.append(words[1:])
        return 0, "", ""


def _found(names: list[str], units: list[str], limit: int, main: int = 0) -> list[str]:
    found = runaways(PROCESSES, names, units, limit * MEGABYTE, lambda one: one.pid == main)
    return [one.shown for one in found]


def test_only_what_is_allowed_is_a_runaway() -> None:
    """By its name or its unit, however large others are."""
    assert _found(["worker"], [], 100) == ["worker (process 10): 500 MB", "worker (process 13): 200 MB"]
    assert _found([], [], 1) == []


def test_a_unit_counts_with_all_its_processes() -> None:
    """None of which need be above the limit; and a process of a unit that is stopped is not ended besides."""
    assert _found(["worker"], ["shop.service"], 450) == ["shop.service: 500 MB", "worker (process 10): 500 MB"]


def test_the_main_process_of_a_service_is_ended_through_it() -> None:
    """Another process of the service alone."""
    assert _found(["shop"], [], 100, main=12) == ["shop.service: 300 MB"]
    assert _found(["shop"], [], 100) == ["shop (process 12): 300 MB"]


@pytest.mark.parametrize(
    ("names", "units", "limit"),
    [
        (["sshd"], [], 1),
        (["worker", "systemd"], [], 1),
        ([], ["ssh.service"], 1),
        ([], ["user@0.service"], 1),
        ([], ["system.slice"], 1),
        (["worker"], [], 0),
    ],
)
def test_what_is_never_ended_is_refused(names: list[str], units: list[str], limit: int) -> None:
    """Before anything is looked at."""
    with pytest.raises(Refused):
        refuse(names, units, limit)


def test_a_unit_may_be_named_without_its_suffix() -> None:
    """As systemd takes it; another suffix stays."""
    assert [full_name(name) for name in ("nginx", "a.b", "x.service", "x.slice")] == [
        "nginx.service",
        "a.b.service",
        "x.service",
        "x.slice",
    ]


@pytest.mark.parametrize(("before", "told"), [("infinity", 1), ("", 1), ("200", 1), ("100", 0), ("50", 0)])
def test_a_service_is_never_allowed_more_than_before(before: str, told: int) -> None:
    """A smaller limit stays; what was there is remembered for the undo."""
    script, outcome = Script(MemoryMax=before), Outcome()
    limit_unit(Systemd(script), "shop.service", 100, outcome)
    assert len(script.told) == len(outcome.limits_before) == told
    if told:
        assert script.told == [["set-property", "--runtime", "--", "shop.service", "MemoryMax=100"]]
        assert outcome.limits_before[0]["maximum"] == (before if before.isdecimal() else "infinity")


@pytest.mark.parametrize(
    ("shown", "stays"),
    [
        ({"ActiveState": "active", "MainPID": "7"}, True),
        ({"ActiveState": "inactive", "MainPID": "0"}, True),
        ({"ActiveState": "failed", "MainPID": "0"}, False),
        ({"ActiveState": "activating", "MainPID": "0"}, False),
    ],
)
def test_a_service_that_was_started_has_to_stay_up(shown: dict[str, str], stays: bool) -> None:  # noqa: FBT001
    """One that is started again and again does not; one that has done its work may end."""
    assert Systemd(Script(**shown)).stays_up("shop.service", 0.3) is stays


def test_undone_is_limit_and_start() -> None:
    """A service that does not run is started with the limit that it had."""
    script = Script(ActiveState="failed")
    assert runaway_processes.undo(Systemd(script), [{"unit": "shop.service", "maximum": "infinity"}]) == []
    assert script.told == [
        ["set-property", "--runtime", "--", "shop.service", "MemoryMax=infinity"],
        ["start", "--", "shop.service"],
    ]


@pytest.mark.parametrize(
    ("file", "text", "held"),
    [
        ("system.slice/shop.service/memory.max", "999424\n", True),
        ("memory/system.slice/shop.service/memory.limit_in_bytes", "999424", True),
        ("system.slice/shop.service/memory.max", "max\n", False),
        ("system.slice/shop.service/memory.max", "5\n", False),
        ("nothing", "", False),
    ],
)
def test_a_limit_holds_only_when_the_kernel_has_it(tmp_path: Path, file: str, text: str, held: bool) -> None:  # noqa: FBT001
    """Rounded down to a page, in either version of control groups."""
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    script = Script(MemoryMax="1000000", ControlGroup="/system.slice/shop.service")
    assert runaway_processes.is_held(Systemd(script), "shop.service", tmp_path) is held
