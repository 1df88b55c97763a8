# SPDX-License-Identifier: GPL-3.0-or-later
"""The verifier of the collection and the stand-alone one, asked the same question; they must give the same answer."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.anchors_file import KeptAnchors
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.keys_file import write_keys
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.verify import verify
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.verify_report import exit_code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.public_key import PublicKey
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.verify import Report

SCRIPT = Path(__file__).parents[2] / "tools" / "verify_journal.py"


@dataclass(frozen=True)
class Verdict:
    """What both said.

    Attributes:
        code: 0 intact, 1 could not be checked, 2 changed.
        place: The first stream with a finding, and the first bad record of it; empty and None when there is none.
        kind: Of that finding, as the collection's verifier names it.
        report: Of the collection's verifier.
    """

    code: int
    place: tuple[str, int | None]
    kind: str
    report: Report


def ask_both(directory: Path, keys: Sequence[PublicKey], anchors: Mapping[str, tuple[int, str]] | None) -> Verdict:
    """Ask both verifiers, and insist that they agree on exit code and first bad place."""
    report = verify(directory, keys, None if anchors is None else KeptAnchors(anchors))
    first = next((stream for stream in report.streams if stream.findings), None)
    place = ("", None) if first is None else (first.path, first.findings[0].record)
    code = exit_code(report)
    said = _stand_alone(directory, keys, anchors)
    assert said == (code, place), f"the stand-alone verifier says {said}, the other one {(code, place)}"
    return Verdict(code, place, "" if first is None else first.findings[0].kind.value, report)


def _stand_alone(
    directory: Path, keys: Sequence[PublicKey], anchors: Mapping[str, tuple[int, str]] | None
) -> tuple[int, tuple[str, int | None]]:
    key_file = directory.parent / "both.keys"
    write_keys(key_file, keys)
    kept = (
        None if anchors is None else {origin: {"note": note, "size": size} for origin, (size, note) in anchors.items()}
    )
    journal = script.Journal(str(directory), script.read_keys(str(key_file)), json.loads(json.dumps(kept)))
    journal.verify()
    changed = any(kind not in script.UNCHECKED for _, kind, _, _ in journal.found)
    places = ((stream, record) for stream, _, record, _ in journal.found if stream)
    return 2 if changed else int(bool(journal.found)), next(places, ("", None))


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_journal", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = _load()
