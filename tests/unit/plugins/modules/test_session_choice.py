# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sessions of a database are ended, and which are not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.breakglass.remediation.plugins.module_utils.session_choice import (
    Connections,
    Session,
    findings,
    listening,
)

IDLE = [Session(pid, "2026-01-01", "shop", "idle", pid) for pid in range(1, 11)]
STUCK = Session(50, "2026-01-01", "shop", "idle in transaction", 400)
RUNAWAY = Session(60, "2026-01-01", "report", "active", 9000)
NOTHING: dict[str, Any] = {"rules": [], "settings": [], "waiting": [], "full_roles": [], "full_databases": []}


def _connections(free: int, *candidates: Session) -> Connections:
    return Connections(ordinary=20, free=free, states={}, roles={}, candidates=candidates)


def test_idle_sessions_are_left_alone_while_connections_are_free() -> None:
    """Only what is stuck or runs away is ended."""
    assert _connections(5, *IDLE, STUCK, RUNAWAY).to_end(5) == [STUCK, RUNAWAY]


def test_as_many_idle_sessions_end_as_are_short_and_the_longest_idle_first() -> None:
    """One that is stuck frees a connection, a query that is cancelled does not."""
    chosen = _connections(0, *IDLE, STUCK, RUNAWAY).to_end(4)
    assert chosen == [STUCK, RUNAWAY, IDLE[9], IDLE[8], IDLE[7]]


def test_room_is_made_by_those_who_are_missed_least() -> None:
    """Idle in a transaction, then idle, a working one last; and no more than it takes."""
    assert _connections(0, RUNAWAY, *IDLE, STUCK).for_room(2) == [STUCK, IDLE[9]]
    assert _connections(1, RUNAWAY, STUCK).for_room(2) == [STUCK]
    assert _connections(0, RUNAWAY).for_room(2) == [RUNAWAY]
    assert _connections(2, *IDLE).for_room(2) == []


def test_what_has_made_room_is_not_ended_twice() -> None:
    """It counts as gone, and as freed."""
    found = _connections(0, *IDLE, STUCK)
    room = found.for_room(2)
    assert found.to_end(4, room) == [IDLE[8], IDLE[7]]
    assert len(room) + 2 == 4


@pytest.mark.parametrize(("percent", "wanted"), [(1, 1), (5, 1), (10, 2), (11, 3), (100, 20)])
def test_a_percentage_is_rounded_up(percent: int, wanted: int) -> None:
    """At least one connection must be free."""
    assert _connections(0).wanted_free(percent) == wanted


def test_superusers_may_have_taken_what_is_not_theirs() -> None:
    """Then fewer than none are free, which is none."""
    said = {"most": 20, "reserved": 3, "taken": 19, "states": None, "roles": None, "candidates": []}
    found = Connections.read(said)
    assert (found.ordinary, found.free) == (17, 0)
    assert found.sentence() == "17 of 17 connections for ordinary users are taken"


def test_who_holds_the_connections_is_said_in_a_sentence() -> None:
    """States by number, and the three roles with most sessions."""
    roles = {"a": 1, "b": 2, "c": 3, "d": 4}
    found = Connections(17, 7, {"idle": 7, "active": 3}, roles, ())
    assert found.sentence() == (
        "10 of 17 connections for ordinary users are taken (7 idle, 3 active; most by: d 4, c 3, b 2)"
    )


def test_what_is_wrong_is_said_by_line_and_name() -> None:
    """Never the content of a file."""
    assert findings(NOTHING) == []
    said = findings({**NOTHING, "rules": [3, 7], "full_roles": ["shop"]})
    assert said[0].startswith("pg_hba.conf has an error in line 3, 7: ")
    assert said[1:] == ["These roles are at their own connection limit: shop."]


def test_listening_addresses_are_read_from_the_kernels_tables() -> None:
    """IPv4 and IPv6, those of the port alone, and those that listen."""
    tcp = """  sl  local_address rem_address   st
   0: 0100007F:1538 00000000:0000 0A 0
   1: 00000000:0016 00000000:0000 0A 0
   2: 040012C6:1538 010012C6:C000 01 0
"""
    tcp6 = """  sl  local_address                         remote_address                        st
   0: 00000000000000000000000001000000:1538 00000000000000000000000000000000:0000 0A 0
   1: B80D0120000000000000000001000000:1538 00000000000000000000000000000000:0000 0A 0
"""
    assert listening([tcp, tcp6], 5432) == ["127.0.0.1", "2001:db8::1", "::1"]
