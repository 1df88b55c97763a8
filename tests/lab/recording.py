# SPDX-License-Identifier: GPL-3.0-or-later
"""How long repairs took, kept in the JSON file that $BREAKGLASS_RECORD names; `make remediations-table` makes a page of it."""

from __future__ import annotations

import ast
import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.machine import describe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from breakglass.timeline import Event

FILE: Final = "BREAKGLASS_RECORD"
REPOSITORY: Final = Path(__file__).parents[2]

Row = dict[str, object]


def row_of(events: Sequence[Event], *, role: str, fault: str, broken_at: datetime | None) -> Row:
    """What the records of a repair say of its times, in seconds.

    They count from the alert at the runner, or from the beginning of the run where an operator started it. `broken_at` says when the
    fault happened, where the time until the alert matters.

    Raises:
        AssertionError: The last play did not end well, or its grant is not proven gone.
    """
    alerts = [event.at for event in events if event.kind == "alert.firing"]
    begun = (alerts or [event.at for event in events if event.kind == "run.started"])[0]
    ended = [event for event in events if event.kind == "run.ended"]
    assert ended, "the play has not ended"
    assert _well(ended[-1].body), "the play did not end well"
    revoked = [event for event in events if event.kind == "grant.revoked"]
    assert revoked, "no grant was revoked"
    assert all(event.body.get("proven") is True for event in revoked), "a grant is not proven gone"
    return {
        "role": role,
        "fault": fault,
        "door": "alert" if alerts else "operator",
        "noticed_seconds": round((begun - broken_at).total_seconds(), 1) if broken_at and alerts else None,
        "repaired_seconds": round((ended[-1].at - begun).total_seconds(), 1),
        "revoked_seconds": round((revoked[-1].at - begun).total_seconds(), 1),
        "ansible_core": version("ansible-core"),
        "on": begun.date().isoformat(),
    }


def _well(body: Mapping[str, object]) -> bool:
    hosts = body["hosts"]
    assert isinstance(hosts, dict)
    return not any(counts["failures"] or counts["unreachable"] for counts in hosts.values())


def keep(row: Row, file: Path) -> None:
    """Put a row into a file, in the place of an older one of the same role, fault, door and test."""
    kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"rows": []}
    rows = [one for one in kept["rows"] if _key(one) != _key(row)]
    content = {"machine": describe(), "rows": sorted([*rows, row], key=_key)}
    fresh = file.with_name(f"{file.name}.new")
    fresh.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    fresh.replace(file)


def _key(row: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(str(row.get(name)) for name in ("role", "door", "fault", "test"))


def this_test(current: str) -> Row:
    """The test that runs now, out of what pytest says ($PYTEST_CURRENT_TEST), and the truth that it states."""
    file, _, name = current.partition(" ")[0].partition("::")
    tree = ast.parse((REPOSITORY / file).read_text(encoding="utf-8"))
    function = next(
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name.partition("[")[0]
    )
    return {"test": f"{file}::{function.name}", "proven": " ".join((ast.get_docstring(function) or "").split())}


def record(events: Sequence[Event], *, role: str, fault: str, broken_at: datetime | None = None) -> None:
    """Keep what the running test has seen of a repair; without $BREAKGLASS_RECORD nothing is kept, but it is looked at all the same."""
    row = row_of(events, role=role, fault=fault, broken_at=broken_at)
    if os.environ.get(FILE):
        busy = {"load_average_1m": round(os.getloadavg()[0], 1)}
        keep({**row, **busy, **this_test(os.environ["PYTEST_CURRENT_TEST"])}, Path(os.environ[FILE]).resolve())
