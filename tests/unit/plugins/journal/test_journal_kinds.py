# SPDX-License-Identifier: GPL-3.0-or-later
"""The published schema of records is the one that the code has, and every kind that the code writes is in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.fields import OF_OUR_MODULES
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.kinds import KINDS, schema
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import _KIND
from jsonschema import Draft202012Validator
from tests.support.record_schema import PUBLISHED, fault_of, text

ROOT = Path(__file__).resolve().parents[4]
WRITES = re.compile(
    r"""(?x) (?: \b(?:note|Note|record|_record|tell|append|append_unsynced|write|_told|_intent|_announce|_write)\(
    (?:descriptor,\s*)? \s* | (?:CREATED|ANNOUNCED|SEALED|ABSENT|ASKED|OBTAINED|REFUSED|RENEWED|LEFT|UNREADABLE)\ =\ )
    "([a-z_]+(?:\.(?!json")[a-z_]+)+|observed|verified)" """
)
RECORD = {
    "origin": "o",
    "seq": 1,
    "id": "o#1",
    "at": "2026-11-22T02:52:04.000000Z",
    "kind": "stream.absent",
    "body": {"stream": "x.jsonl"},
    "previous": "0" * 64,
}


def test_the_published_schema_is_up_to_date() -> None:
    """It is written anew by `python -m tests.support.record_schema`."""
    assert PUBLISHED.read_text(encoding="utf-8") == text()


@pytest.mark.parametrize("module", sorted(OF_OUR_MODULES))
@pytest.mark.parametrize("kind", ["task.result", "item.result"])
def test_what_our_modules_report_is_in_the_schema(module: str, kind: str) -> None:
    """A field that the callback writes down is one that a reader of records knows."""
    assert set(OF_OUR_MODULES[module]) <= KINDS[kind].always.keys() | KINDS[kind].sometimes.keys()


def test_the_schema_is_one() -> None:
    """By the rules of its own dialect; and every kind has a name that a record may have."""
    Draft202012Validator.check_schema(schema())
    assert all(_KIND.fullmatch(kind) for kind in KINDS)


def test_every_kind_that_is_written_is_listed() -> None:
    """Whatever the sources name where they write records; the search finds a good part of all kinds."""
    files = [*(ROOT / "plugins").rglob("*.py"), *(ROOT / "src").rglob("*.py")]
    written = {kind for file in files for kind in WRITES.findall(file.read_text(encoding="utf-8"))}
    assert written - KINDS.keys() == set()
    assert len(written) > (40 if (ROOT / "src").is_dir() else 30)  # the collection is also tested without the runner


def test_a_record_of_a_known_kind_is_valid() -> None:
    """The test's own record, by the part for its kind and by the whole schema."""
    assert not fault_of(RECORD)
    assert Draft202012Validator(schema()).is_valid(RECORD)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "stream.forgotten"},
        {"body": {}},
        {"body": {"stream": 5}},
        {"body": {"stream": "x", "more": 1}},
        {"seq": 0},
        {"previous": "0"},
        {"at": "yesterday"},
        {"more": 1},
    ],
    ids=lambda change: json.dumps(change)[:30],
)
def test_any_other_record_is_not(change: dict[str, object]) -> None:
    """Unknown kinds, missing, wrong and unknown fields are faults, by the part and by the whole."""
    assert fault_of({**RECORD, **change})
    assert not Draft202012Validator(schema()).is_valid({**RECORD, **change})
