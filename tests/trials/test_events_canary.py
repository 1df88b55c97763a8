# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret of the run gets into no record, whatever it is wrapped in and whichever event brings it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.support.canary import CANARY, traces
from tests.support.corpus_play import OWN, CorpusRun
from tests.support.record_schema import assert_valid

if TYPE_CHECKING:
    from pathlib import Path


def _run(run: CorpusRun, known: str) -> CorpusRun:
    masked = run.directory / "masked.json"
    masked.write_text(json.dumps({"secrets": [CANARY]}), encoding="utf-8")
    given = run.directory / "given.json"
    given.write_text(
        json.dumps({"canary": CANARY, "canary_file": str(masked), "canary_known": known}), encoding="utf-8"
    )
    return run.playbook("canary.yml", "-e", f"@{given}", "-vvv", BREAKGLASS_AUDIT_DIFF="1")


@pytest.fixture(scope="module")
def core() -> Path:
    """Where the programs of this environment's ansible-core are."""
    return OWN


def test_no_record_has_the_canary(core: Path) -> None:
    """Names, items, labels, differences, exceptions, environment, facts, rescue, retries, jobs, delegation, handlers."""
    with CorpusRun(core) as run:
        _run(run, "true")
        assert run.code == 0, run.text
        kinds = run.kinds()
        ways = (
            "item.result",
            "task.retried",
            "task.changed_files",
            "async.ended",
            "handler.notified",
            "tasks.included",
        )
        assert all(kinds[kind] for kind in ways), kinds
        assert traces(run.journal) == []
        assert "[masked]" in str(run.bodies("task.result"))
        assert "[masked]" in str(run.bodies("item.result"))
        assert "[masked]" in str(run.bodies("task.changed_files"))
        assert_valid(run.journal)


def test_the_canary_can_be_found() -> None:
    """The same playbook without the run's knowing the secret leaves it in names, messages, labels and differences."""
    with CorpusRun(OWN) as run:
        _run(run, "false")
        assert run.code == 0, run.text
        found = " ".join(traces(run.journal))
        assert all(kind in found for kind in ("task.started", "task.result", "item.result", "task.changed_files"))
        assert len(traces(run.journal)) > 50
