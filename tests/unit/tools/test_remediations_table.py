# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of repairs says what was recorded, and of which role nothing was; the page in the tree is the one of the results."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.lab.recording import keep, row_of, this_test
from tools.remediations_table import PAGE, RESULTS, page
from tools.role_docs import remediation_roles

from breakglass.timeline import Event

REPOSITORY = Path(__file__).parents[3]
FILE = Path(__file__).relative_to(REPOSITORY)
BEGAN = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
WELL = {"hosts": {"web1": {"failures": 0, "unreachable": 0}}}
FAILED = {"hosts": {"web1": {"failures": 0, "unreachable": 1}}}
PROVEN = {"proven": True}


def event(seconds: float, kind: str, body: dict[str, object] | None = None) -> Event:
    return Event(BEGAN + timedelta(seconds=seconds), kind, body or {}, "play-1")


OPERATOR = [event(1, "run.started"), event(4.04, "run.ended", WELL), event(4.5, "grant.revoked", PROVEN)]
ALERT = [event(10, "alert.firing"), *OPERATOR[1:], event(15, "run.ended", WELL), event(16, "grant.revoked", PROVEN)]


def row(events: list[Event], **given: datetime) -> dict[str, object]:
    return row_of(events, role="restart_service", fault="a fault", broken_at=given.get("broken_at"))


def test_times_of_an_operators_run() -> None:
    """They count from its beginning."""
    found = row(OPERATOR)
    assert (found["door"], found["noticed_seconds"]) == ("operator", None)
    assert (found["repaired_seconds"], found["revoked_seconds"], found["on"]) == (3.0, 3.5, "2026-11-27")


def test_times_of_an_incident() -> None:
    """They count from the alert, and the last attempt tells; the time until the alert counts from the fault."""
    found = row(ALERT, broken_at=BEGAN)
    assert (found["door"], found["noticed_seconds"]) == ("alert", 10.0)
    assert (found["repaired_seconds"], found["revoked_seconds"]) == (5.0, 6.0)


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([event(1, "run.started")], "not ended"),
        ([event(1, "run.started"), event(2, "run.ended", FAILED), event(3, "grant.revoked", PROVEN)], "end well"),
        (OPERATOR[:2], "no grant was revoked"),
        ([*OPERATOR[:2], event(3, "grant.revoked", {"proven": False})], "not proven gone"),
    ],
)
def test_what_is_no_repair_is_not_recorded(events: list[Event], why: str) -> None:
    """A play that has not ended well, and access that is not proven gone, are no times of a repair."""
    with pytest.raises(AssertionError, match=why):
        row(events)


def test_a_newer_run_takes_the_place_of_the_older(tmp_path: Path) -> None:
    """One row for each role, fault, door and test, in order."""
    file = tmp_path / "remediations.json"
    for fault, seconds in (("b", 1), ("a", 2), ("b", 3)):
        keep({"role": "r", "door": "alert", "fault": fault, "test": "t", "repaired_seconds": seconds}, file)
    rows = json.loads(file.read_text())["rows"]
    assert [(one["fault"], one["repaired_seconds"]) for one in rows] == [("a", 2), ("b", 3)]
    assert [path.name for path in tmp_path.iterdir()] == ["remediations.json"]


def test_a_test_says_what_it_proves() -> None:
    """Its first words are what the table tells, whatever its parameters."""
    found = this_test(f"{FILE}::test_a_test_says_what_it_proves[web1 x] (call)")
    assert found["test"] == f"{FILE}::test_a_test_says_what_it_proves"
    assert found["proven"] == "Its first words are what the table tells, whatever its parameters."


def test_a_role_of_which_nothing_is_recorded_is_named() -> None:
    """The page never looks more complete than it is; it says how busy the machine was."""
    told = {**row(OPERATOR), "load_average_1m": 3.2, "test": "tests/lab/test_x.py::test_y", "proven": "It works."}
    machine = {"processor": "P", "cores": 2, "memory_gib": 4, "kernel": "6"}
    text = page({"machine": machine, "rows": [told]}, ["restart_service", "lock_account"])
    assert "No run is recorded of `lock_account`." in text
    assert "Its load average was 3.2 to 3.2:\nabove 2 it" in text
    assert "| a fault | an operator |  | 3.0 s | 3.5 s | [test_x.py](../../tests/lab/test_x.py), ansible-core " in text
    assert "- `restart_service`, a fault (`test_y`): It works." in text
    assert "No run is recorded" not in page({"machine": machine, "rows": [told]}, ["restart_service"])


def test_the_page_is_that_of_the_results() -> None:
    """Nobody writes it by hand, and a new role is named in it from its first day."""
    recorded = json.loads((REPOSITORY / RESULTS).read_text(encoding="utf-8"))
    if (REPOSITORY / PAGE).read_text(encoding="utf-8") != page(recorded, remediation_roles(REPOSITORY / "roles")):
        pytest.fail(f"{PAGE} is not what {RESULTS} says: run `make remediations-table` and commit it.")
