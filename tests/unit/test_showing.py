# SPDX-License-Identifier: GPL-3.0-or-later
"""An incident or a run as text for a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.support.corpus import HOSTILE
from tests.support.incidents import NOW
from tests.support.journal_on_disk import write_example, write_stream
from tests.support.journal_records import INCIDENT, RUN, hostile_records

from breakglass.reading import Troubles, find_story, stories
from breakglass.selection import Selection
from breakglass.showing import Show

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE_TEXTS = [pytest.param(value, id=name) for name, value in HOSTILE if isinstance(value, str)]


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_example(tmp_path_factory.mktemp("showing") / "journal")


def shown(journal: Path, name: str, selection: Selection | None = None) -> list[str]:
    return list(Show(journal, selection or Selection()).lines(find_story(journal, name), Troubles()))


def test_incident(journal: Path) -> None:
    """An incident has its name and what it is about as a headline, and a line for each thing that happened, as in the demo."""
    headline, *lines = shown(journal, INCIDENT)
    assert headline == "  INC-7K3M   web-service-failed on web1   2026-11-22 03:12:09 UTC"
    assert lines[0] == "   + 1.000 s  alert       ServiceDown   stored, answered 202"
    assert "   + 8.309 s  credential  SSH certificate 7, until 03:22:09" in lines
    assert lines[-1] == "   +13.000 s  closed      repaired in 2.3 s"


def test_run_without_a_runner(journal: Path) -> None:
    """An operator's run that died shows who ran it, why, and that the task in flight has an unknown outcome."""
    headline, *lines = shown(journal, RUN)
    assert headline == f"  {RUN}   restart.yml by ada on bastion   2026-11-22 04:12:09 UTC"
    assert lines == [
        "   + 1.000 s  reason      nginx answers 502 · OPS-4711",
        f"   + 3.000 s  remediate   Restart nginx {'.' * 43} OUTCOME UNKNOWN",
        "   + 4.000 s  died        its process was killed",
        "   + 5.000 s  closing     NOT PROVEN GONE: Vault is sealed",
    ]


def test_only_what_is_wanted(journal: Path) -> None:
    """With filters only the lines that fit are shown, under their headline; a story without one is left out."""
    wanted = Selection(text="restart shop")
    assert len(shown(journal, INCIDENT, wanted)) == 2
    assert shown(journal, RUN, wanted) == []


def test_every_record(journal: Path) -> None:
    """Asked for everything, each record has a line."""
    every = list(Show(journal, Selection(), every=True).lines(find_story(journal, INCIDENT), Troubles()))
    assert len(every) == 22  # the headline stands for the record that opened the incident
    assert any("task.intent {" in line for line in every)


def test_json_is_the_records(journal: Path) -> None:
    """As JSON the wanted records come as they stand in their lines, one a line, safe to look at."""
    lines = list(
        Show(journal, Selection(kinds=frozenset({"grant"}))).objects(find_story(journal, INCIDENT), Troubles())
    )
    assert [json.loads(line)["kind"] for line in lines] == ["grant.intent", "grant.minted", "grant.revoked"]
    assert all(line.isascii() and line.isprintable() for line in lines)


@pytest.mark.parametrize("turn", range(3))
def test_hostile_text_moves_no_cursor(tmp_path: Path, turn: int) -> None:
    """Whatever texts a journal holds, each line of its timeline is one line that is plainly visible."""
    journal = tmp_path / "journal"
    for number, param in enumerate(HOSTILE_TEXTS[turn::3]):
        text = str(param.values[0]).encode(errors="replace").decode()
        records = hostile_records(text)[turn::3][:40]
        write_stream(journal, f"2026/11/22/INC-{number}/runner", [(one.kind, dict(one.body)) for one in records], NOW)
    troubles = Troubles()
    for every in (False, True):
        show = Show(journal, Selection(), every)
        for story in stories(journal):
            assert all(line.isprintable() for line in (*show.lines(story, troubles), *show.objects(story, troubles)))
    assert troubles.sentences == []
