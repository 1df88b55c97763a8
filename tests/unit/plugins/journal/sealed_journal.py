# SPDX-License-Identifier: GPL-3.0-or-later
"""A small complete journal for the tests: two sealed streams, an absent one, a signed ledger, anchors in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.checkpoint import (
    Checkpoint,
    sign,
    write_checkpoint,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import Ledger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.local_key import LocalKey
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import Stream

if TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.public_key import PublicKey

START = datetime(2026, 11, 22, 2, 52, 4, tzinfo=timezone.utc)
KEY = LocalKey("breakglass-journal/v1", bytes(range(32)))
OTHER_KEY = LocalKey("breakglass-journal/v2", bytes(range(1, 33)))
KEYS = (KEY.key(),)
PLAY = "2026/11/22/INC-7K3M/play-1.jsonl"
RUNNER = "2026/11/22/INC-7K3M/runner.jsonl"
LOST = "2026/11/22/INC-7K3M/play-2.jsonl"


class AnchorRefusal(BreakglassError):
    """Raised when an anchor is put over another one, or when the anchors are away."""


@dataclass
class MemoryAnchors:
    """Create-only anchors in memory."""

    kept: dict[str, dict[int, str]] = field(default_factory=dict)
    is_away: bool = False

    def put(self, origin: str, size: int, note: str) -> None:
        if self.kept.setdefault(origin, {}).setdefault(size, note) != note:
            raise AnchorRefusal("another note")

    def newest(self, origin: str) -> tuple[int, str] | None:
        if self.is_away:
            raise AnchorRefusal("Vault is sealed.")
        notes = self.kept.get(origin)
        return max(notes.items()) if notes else None


class Keyed:
    """A signer with one version of its key."""

    def keys(self) -> list[PublicKey]:
        return [KEY.key()]

    def key(self) -> PublicKey:
        return KEY.key()

    def sign(self, message: bytes) -> bytes:
        return KEY.sign(message)


def clock() -> datetime:
    return START


def write(stream: Stream, count: int) -> None:
    """Append records as a play does."""
    for number in range(stream.size + 1, stream.size + count + 1):
        body = {"task": f"restart_service : step {number}", "host": "web3", "changed": number % 2 == 0}
        stream.append("task.result", body, at=START + timedelta(seconds=number))


def checkpoint(path: Path, origin: str, head: tuple[int, bytes], anchors: MemoryAnchors | None = None) -> None:
    """Sign, keep and (when there are anchors) anchor a checkpoint."""
    note = sign(Checkpoint(origin, *head), KEY)
    write_checkpoint(path, note, head[0])
    if anchors is not None:
        anchors.put(origin, head[0], note)


def build(directory: Path, anchors: MemoryAnchors | None = None) -> Ledger:
    """Write the journal: 6 ledger records, 8 of the play (checkpoints at 5 and 8), 4 of the runner (checkpoint at 4)."""
    ledger = Ledger.create(directory, clock, "breakglass/ledger/test")
    for name, parts in ((PLAY, (5, 3)), (RUNNER, (4,))):
        origin = f"breakglass/{name}"
        ledger.announce(directory / name, origin)
        stream = Stream.create(directory / name, origin)
        sizes = []
        for count in parts:
            write(stream, count)
            checkpoint(directory / name, origin, stream.head(), anchors)
            sizes.append(stream.size)
        size, root = stream.head()
        stream.close()
        ledger.seal(directory / name, size, root.hex(), sizes)
    ledger.announce(directory / LOST, "breakglass/lost")
    ledger.absent(directory / LOST)
    checkpoint(ledger.path, ledger.origin, ledger.head(), anchors)
    return ledger
