# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes that fields of records have, in the words of JSON Schema (draft 2020-12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

Shape: TypeAlias = Mapping[str, object]

TEXT: Shape = {"type": "string"}
WHOLE: Shape = {"type": "integer"}
COUNT: Shape = {"type": "integer", "minimum": 0}
NUMBER: Shape = {"type": "number"}
TRUTH: Shape = {"type": "boolean"}
TEXTS: Shape = {"type": "array", "items": TEXT}
OPEN: Shape = {"type": "object"}
"""Names that somebody else chooses: labels of an alert, parameters of a role."""
DIGEST: Shape = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
COMMIT: Shape = {"type": "string", "pattern": "^([0-9a-f]{40}|[0-9a-f]{64})$"}
MOMENT: Shape = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"}
MOMENT_OR_NOTHING: Shape = {"anyOf": [{"const": ""}, MOMENT]}
FIELD: Shape = {"$ref": "#/$defs/text"}
"""Masked text, which is cut when it is long."""
FIELDS: Shape = {"type": "array", "items": FIELD}
FINDING: Shape = {"$ref": "#/$defs/finding"}
"""What a module reports of a host: a number, a truth, a masked text, or a list of these."""
FINDINGS: Shape = {"anyOf": [FIELD, WHOLE, TRUTH, {"type": "array", "items": {"anyOf": [FIELD, WHOLE, TRUTH]}}]}
LONG_TEXT: Shape = {
    "type": "object",
    "description": "A text that was cut: its beginning, masked; the characters of the original; its keyed digest.",
    "properties": {"text": TEXT, "size": COUNT, "sha256": DIGEST},
    "required": ["text", "size", "sha256"],
    "additionalProperties": False,
}
PREVIEW: Shape = {
    "const": True,
    "description": "The play only shows, before people are asked, what the plan would change.",
}
AWX: Shape = {"type": "object", "additionalProperties": FIELD, "description": "Which job of AWX, as it was told."}


@dataclass(frozen=True)
class Kind:
    """One kind of record.

    Attributes:
        what: What has happened when there is such a record, a sentence.
        always: The fields that its body always has, and their shapes.
        sometimes: The fields that it may have.
    """

    what: str
    always: Mapping[str, Shape] = field(default_factory=dict)
    sometimes: Mapping[str, Shape] = field(default_factory=dict)

    def body(self) -> dict[str, object]:
        """Return the JSON Schema of its body; it has no other fields."""
        return {
            "type": "object",
            "description": self.what,
            "properties": {**self.always, **self.sometimes},
            "required": sorted(self.always),
            "additionalProperties": False,
        }

    def of_a_run(self) -> Kind:
        """The same kind in a stream of a run, which may be a job of AWX, or a preview, and says so in every record."""
        return replace(self, sometimes={**self.sometimes, "awx": AWX, "preview": PREVIEW})


def one_of(*words: str) -> Shape:
    """Return the shape of a text that is one of these words."""
    return {"enum": list(words)}


def entries(each: Shape) -> Shape:
    """Return the shape of a mapping from names that are not ours to values of one shape."""
    return {"type": "object", "additionalProperties": each}
