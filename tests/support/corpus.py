# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that an alert, a person or a host may hand in, each with a name."""

from __future__ import annotations

import json
from pathlib import Path

HOSTILE: list[tuple[str, object]] = [
    (entry["name"], entry["value"])
    for entry in json.loads(Path(__file__).with_name("hostile-text.json").read_text(encoding="utf-8"))
]
"""Name and value. `CANARY` in a value stands for a path that must not exist afterwards."""


def with_canary(value: object, canary: Path) -> object:
    """The value with the path of a real canary in it."""
    return json.loads(json.dumps(value).replace("CANARY", json.dumps(str(canary))[1:-1]))
