# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds every record that a test writes to the published schema. Run as a module, it writes the schema anew."""

from __future__ import annotations

import functools
import json
from pathlib import Path

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.kinds import schema
from jsonschema import Draft202012Validator

PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "reference" / "record.schema.json"
MOST_FAULTS = 5


def faults(journal: Path) -> list[str]:
    """What is wrong with the records below a journal's directory; a half line at the end of a stream is nothing wrong."""
    found: list[str] = []
    for path in sorted(journal.rglob("*.jsonl")):
        lines = path.read_bytes().rpartition(b"\n")[0].splitlines()
        judged = ((fault_of(json.loads(line)), line) for line in lines)
        found += [f"{path.name}: {fault}: {line.decode(errors='replace')[:600]}" for fault, line in judged if fault]
    return found


def fault_of(record: dict[str, object]) -> str:
    """What is wrong with one record; empty if nothing is."""
    return next((error.message for error in _validator(str(record.get("kind"))).iter_errors(record)), "")


def assert_valid(journal: Path) -> None:
    """Fail when a record is not as the schema says."""
    found = faults(journal)
    assert not found, f"{len(found)} records are not as the schema says, the first: {found[:MOST_FAULTS]}"


def text() -> str:
    """The schema as it is published."""
    return json.dumps(schema(), indent=2) + "\n"


@functools.cache
def _validator(kind: str) -> Draft202012Validator:
    """The whole schema, of whose conditions only the one for this kind is left: the others could not apply."""
    whole = schema()
    conditions = whole["allOf"]
    assert isinstance(conditions, list)
    own = [one for one in conditions if one["if"]["properties"]["kind"]["const"] == kind]
    return Draft202012Validator({**whole, "allOf": own} if own else {**whole, "allOf": [False]})


if __name__ == "__main__":
    PUBLISHED.write_text(text(), encoding="utf-8")
