# SPDX-License-Identifier: GPL-3.0-or-later
"""What is recorded of signing in: who, from what kind of network, and failures only so often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from breakglass.domain.requests import Person
from breakglass.sign_in_records import MOST_REFUSALS, SignInRecords, address_class
from breakglass.store.database import Database
from breakglass.store.journal_queue import JournalQueue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BEN = Person("e-ben", "ben-laptop", frozenset({"dba"}), "ben")


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[JournalQueue]:
    database = Database.open(f"sqlite:///{tmp_path}/breakglass.db")
    yield JournalQueue(database)
    database.close()


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("127.0.0.1", "this machine"),
        ("::1", "this machine"),
        ("::ffff:127.0.0.1", "this machine"),
        ("10.1.2.3", "private"),
        ("::ffff:192.168.1.9", "private"),
        ("fe80::1%eth0", "private"),
        ("fd00::1", "private"),
        ("9.9.9.9", "public"),
        ("2620:fe::fe", "public"),
        ("", "unknown"),
        ("testclient", "unknown"),
    ],
)
def test_an_address_becomes_a_kind_of_network(host: str, kind: str) -> None:
    """No record holds the address itself."""
    assert address_class(host) == kind


def test_who_comes_and_goes_is_recorded(queue: JournalQueue) -> None:
    """By the person whose entity it is, else by the entity's own name."""
    records = SignInRecords(queue)
    records.accepted(BEN, "10.1.2.3")
    records.ended(Person("e-1", "robot", frozenset(), ""), "127.0.0.1")
    assert [(one.kind, dict(one.body)) for one in queue.waiting()] == [
        ("sign_in.accepted", {"by": "ben", "entity": "e-ben", "from": "private"}),
        ("sign_in.ended", {"by": "robot", "entity": "e-1", "from": "this machine"}),
    ]


def test_many_failures_do_not_fill_the_journal(queue: JournalQueue) -> None:
    """What was left out is counted, and told when there is room again."""
    now = 100.0
    records = SignInRecords(queue, lambda: now)
    for _ in range(MOST_REFUSALS + 7):
        records.refused("Vault gave no code", "9.9.9.9")
    assert len(queue.waiting()) == MOST_REFUSALS
    now += 61
    records.refused("x" * 900, "9.9.9.9")
    newest = dict(queue.waiting()[-1].body)
    assert (newest["left_out"], newest["why"]) == (7, "x" * 300)
