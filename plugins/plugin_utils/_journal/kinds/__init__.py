# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of record that any stream has, with the fields of its body: the one list, and the JSON Schema made of it.

A record of a new kind, or a new field, is written down here first; tests hold all journals to it.
"""

from __future__ import annotations

from .others import CREDENTIALS, LEDGER, STREAMS
from .play import OF_GRANTS, PLAY
from .runner import RUNNER
from .session import SESSION
from .shapes import COUNT, DIGEST, FINDINGS, LONG_TEXT, TEXT, Kind
from .shipping import SHIPPING

__all__ = ["KINDS", "Kind", "schema"]

OF_RUNS = {kind: known.of_a_run() for kind, known in {**PLAY, **OF_GRANTS, **CREDENTIALS}.items()}
KINDS: dict[str, Kind] = {**OF_RUNS, **RUNNER, **SESSION, **SHIPPING, **STREAMS, **LEDGER}
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, object]:
    """Return the JSON Schema of a record, as `docs/reference/record.schema.json` has it."""
    return {
        "$schema": DIALECT,
        "$id": "urn:breakglass:record:1",
        "title": "A record of the journal",
        "description": "One line of a stream, as canonical JSON (RFC 8785).",
        "type": "object",
        "properties": {
            "origin": {**TEXT, "description": "The stream, the same in all of its records."},
            "seq": {**COUNT, "minimum": 1, "description": "The number of the line."},
            "id": {**TEXT, "description": "What the record is known by in every sink; unique over all streams."},
            "at": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"},
            "kind": {"enum": sorted(KINDS)},
            "body": {"type": "object"},
            "previous": {**DIGEST, "description": "SHA-256 of the line before; zeros in the first record."},
        },
        "required": ["at", "body", "id", "kind", "origin", "previous", "seq"],
        "additionalProperties": False,
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
                "then": {"properties": {"body": {"$ref": f"#/$defs/{kind}"}}},
            }
            for kind in sorted(KINDS)
        ],
        "$defs": {
            "text": {"anyOf": [TEXT, LONG_TEXT]},
            "finding": FINDINGS,
            **{kind: KINDS[kind].body() for kind in sorted(KINDS)},
        },
    }
