# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching an incident, and all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.incidents import NOW, SECOND
from tests.support.journal_on_disk import append, write_example, write_stream
from tests.support.journal_records import INCIDENT, OPERATOR_RUN

from breakglass.reading import NoJournal, UnknownStory
from breakglass.watching import Watching

if TYPE_CHECKING:
    from pathlib import Path

OPENED = ("incident.opened", {"trigger": "web", "hosts": ["web1"]})
CLOSED = ("incident.closed", {"result": "repaired", "seconds": 2})


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return write_example(tmp_path / "journal")


def test_one_that_is_closed_already(journal: Path) -> None:
    """Is told from its beginning to its end, and that is all."""
    watching = Watching.of(journal, INCIDENT)
    lines = list(watching.new_lines())
    assert "incident    web-service-failed on web1" in lines[0]
    assert lines[-1].endswith("closed      repaired in 2.3 s")
    assert watching.is_over


def test_one_that_goes_on(journal: Path) -> None:
    """Is over when it is closed, and not before; what comes of others is not told."""
    write_stream(journal, "2026/11/22/INC-NEW1/runner", [OPENED])
    watching = Watching.of(journal, "INC-NEW1")
    assert [line.split()[1] for line in watching.new_lines()] == ["INC-NEW1"]
    append(journal, OPERATOR_RUN, "run.stopped", {"why": "the disk is full"}, NOW)
    append(journal, "2026/11/22/INC-NEW1/runner", "limits.waiting", {"why": "cooldown of web1"}, NOW + SECOND)
    assert [line.split()[2] for line in watching.new_lines()] == ["waiting"]
    assert not watching.is_over
    append(journal, "2026/11/22/INC-NEW1/runner", *CLOSED, NOW + 2 * SECOND)
    assert len(list(watching.new_lines())) == 1
    assert watching.is_over


def test_all_of_them(journal: Path) -> None:
    """From now on, without runs of operators and the runner's own days; it is never over."""
    watching = Watching.of(journal, "")
    assert list(watching.new_lines()) == []
    write_stream(journal, "2026/11/22/INC-NEW1/runner", [OPENED, CLOSED])
    append(journal, OPERATOR_RUN, "run.stopped", {"why": "the disk is full"}, NOW)
    append(journal, "2026/11/22/runner", "runner.stopped", {"pid": 1}, NOW)
    assert [line.split()[1] for line in watching.new_lines()] == ["INC-NEW1", "INC-NEW1"]
    assert not watching.is_over


def test_what_can_not_be_watched(journal: Path, tmp_path: Path) -> None:
    """An incident that the journal has not, and a place without a journal."""
    with pytest.raises(UnknownStory, match="INC-NONE"):
        Watching.of(journal, "INC-NONE")
    with pytest.raises(NoJournal):
        Watching.of(tmp_path, "")
