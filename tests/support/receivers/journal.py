# SPDX-License-Identifier: GPL-3.0-or-later
"""Journals to ship: small, real, with a ledger, several streams and signed checkpoints."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.checkpoint import Checkpoint, sign
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.checkpoint_files import write_checkpoint
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import Ledger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.local_key import LocalKey
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.redaction import Redactor
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import Stream
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.dead_letters import NAME as LETTERS
from tests.support.corpus import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import ExitStack

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import JsonValue

MASKED = Redactor(key=b"k" * 32)
RUN = "2026/11/23/RUN-{}/play-1"


class ShippedJournal:
    """A journal that a test writes and ships."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ledger = Ledger.create(directory)
        self.key = LocalKey.create(directory.with_name(f"{directory.name}.key"), "journal")

    def run(self, name: str, records: int = 5, text: str = "restarted") -> list[str]:
        """Write the stream of one run, checkpoint and seal it; returns its records' ids."""
        return self.write(name, [{"n": number, "text": text} for number in range(records)])

    def write(self, name: str, bodies: Sequence[Mapping[str, JsonValue]]) -> list[str]:
        """Write a stream with these bodies, checkpoint and seal it; returns its records' ids."""
        path, origin = self.announce(name)
        with Stream.create(path, origin) as stream:
            ids = [stream.append("task.result", body, at=datetime.now(timezone.utc)).id for body in bodies]
            size, root = stream.head()
        write_checkpoint(path, sign(Checkpoint(origin, size, root), self.key), size)
        self.ledger.seal(path.relative_to(self.directory), size, root.hex(), [size])
        return ids

    def announce(self, name: str) -> tuple[Path, str]:
        """Name a stream in the ledger; returns its path and its origin."""
        origin = RUN.format(name)
        self.ledger.announce(Path(f"{origin}.jsonl"), origin)
        return self.directory / f"{origin}.jsonl", origin

    def open_stream(self, name: str, keep: ExitStack) -> Stream:
        """Announce a stream and leave it open."""
        return keep.enter_context(Stream.create(*self.announce(name)))

    def ids(self) -> list[str]:
        """The ids of every record in it now, the ledger's and those of dead letters too."""
        return [str(record["id"]) for record in self.records()]

    def records(self) -> Iterator[dict[str, object]]:
        """Every record."""
        for path in sorted(self.directory.rglob("*.jsonl")):
            yield from map(json.loads, path.read_bytes().splitlines())

    def letters(self) -> list[dict[str, object]]:
        """The bodies of the dead letters."""
        found = []
        for path in self.directory.rglob(LETTERS):
            found += [dict(json.loads(line)["body"]) for line in path.read_bytes().splitlines()]
        return found


def hostile_bodies() -> list[dict[str, JsonValue]]:
    """A body for each hostile text, masked and capped as the journal's writers mask it."""
    return [{"name": name, "text": MASKED.mask(str(value))[:1000]} for name, value in HOSTILE]
