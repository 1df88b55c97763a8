# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner's side of the journal: takes queued records to their streams, announces streams, seals what is over."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import OrderedDict
from datetime import UTC, datetime
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import Ledger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import parse
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.redaction import Redactor
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.registry import Registry
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import Stream
from ansible_collections.breakglass.remediation.plugins.plugin_utils._sealing import checkpoint, seal_stream
from ansible_collections.breakglass.remediation.plugins.plugin_utils._signing import OpenStream

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.anchor import Anchors
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.canonical import JsonValue
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._sealing import KeyedSigner

    from breakglass.domain.incident import Incident
    from breakglass.store.journal_queue import JournalQueue, Queued

OPEN_STREAMS = 32
TEXT_LIMIT = 1000
LONGEST_LIST = 200
LARGEST_NUMBER = 2**53  # beyond it canonical JSON has no exact form


class Journal:
    """The one writer of the runner's streams. Safe to use from several threads."""

    def __init__(self, directory: Path, queue: JournalQueue, redaction_key: bytes) -> None:
        self.directory = directory
        self._queue = queue
        self._redactor = Redactor(key=redaction_key)
        self._ledger = Ledger.create_if_absent(directory)
        self._streams: OrderedDict[str, Stream] = OrderedDict()
        self._found: dict[str, frozenset[str]] = {}
        self._named = _open_streams(self._ledger.path)
        self._signed: dict[str, int] = {}
        self._others: dict[str, OpenStream] = {}
        self._lock = threading.Lock()

    def flush(self, stream: str | None = None, step: Callable[[], None] = lambda: None) -> None:
        """Bring what waits (of one stream, or all) to the disk, in order; durable on return.

        Args:
            stream: Its name; None for all streams.
            step: Called before each record.

        Raises:
            BreakglassError: A record could not be written. It stays queued, and nothing may start that it announces.
        """
        failure = None
        with self._lock:
            waiting = self._queue.waiting(stream)
            for name, records in groupby(sorted(waiting, key=lambda queued: queued.stream), lambda q: q.stream):
                try:
                    self._write(name, list(records), step)
                except BreakglassError as error:  # a stream that is broken does not stop the others
                    failure = failure or error
        if failure is not None:
            raise failure

    def stream_of(self, incident: Incident) -> str:
        """The runner's own stream of an incident."""
        return self._queue.stream_of(incident)

    def announce(self, stream: str, incident: str | None) -> None:
        """Have the ledger name a stream before it comes to be; once."""
        path = Path(f"{stream}.jsonl")
        if path.as_posix() not in self._named:
            # Our own list comes first: a stream that the ledger names and nobody seals would seem to have been taken away.
            self._queue.announced(stream, incident)
            self._ledger.announce(path, stream)
            self._named.add(path.as_posix())

    def newest_streams(self, most: int) -> dict[str, bool]:
        """The streams of incidents that the ledger has named last, newest first, and whether each is still open."""
        named = reversed(_registry(self._ledger.path).entries.items())
        return dict(
            islice(((path.removesuffix(".jsonl"), entry.is_open) for path, entry in named if "/INC-" in path), most)
        )

    def over(self, stream: str) -> None:
        """Nobody writes this stream any more; it can be sealed."""
        self._queue.over(stream)

    def seal_what_is_over(self, signer: KeyedSigner, anchors: Anchors) -> list[str]:
        """Seal the streams of ended plays, closed incidents and past days; returns them.

        Raises:
            BreakglassError: Not all could be sealed; they are tried again next time.
        """
        over = self._queue.to_seal()
        failure: BreakglassError | None = None
        for name in over:
            with self._lock:
                self._close(name)
            try:
                seal_stream(self._ledger, self.directory, name, signer, anchors)
                self._named.discard(f"{name}.jsonl")
                self._queue.sealed([name])
            except BreakglassError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return over

    def sign_what_is_new(self, signer: KeyedSigner, anchors: Anchors) -> None:
        """Sign and anchor what was written since the last time to streams that are still open, and the ledger.

        Streams of plays, which others write, are signed at their start and then now and then (see `_signing.py`).

        Raises:
            BreakglassError: Not all could be signed; the rest is tried again next time.
        """
        with self._lock:
            heads = {name: (stream.path, stream.head()) for name, stream in self._streams.items()}
        heads[self._ledger.origin] = (self._ledger.path, self._ledger.head())
        for name, (path, head) in heads.items():  # outside of the lock: records must not wait for Vault
            if head[0] > self._signed.get(name, 0):
                checkpoint(path, name, head, signer, anchors)
                self._signed[name] = head[0]
        self._sign_others(signer, anchors)

    def _sign_others(self, signer: KeyedSigner, anchors: Anchors) -> None:
        with self._lock:
            written_here = {f"{name}.jsonl" for name in self._streams}
            theirs = [name.removesuffix(".jsonl") for name in self._named - written_here if _is_written_by_a_play(name)]
        self._others = {
            name: self._others.get(name) or OpenStream(self.directory / f"{name}.jsonl", name) for name in theirs
        }
        failure: BreakglassError | None = None
        for stream in self._others.values():
            try:
                stream.sign(time.monotonic(), signer, anchors)
            except BreakglassError as error:  # a stream that was changed does not keep the others from being signed
                failure = failure or error
        if failure is not None:
            raise failure

    def masked(self, text: str) -> JsonValue:
        """A text of a person's as a record may have it: what looks like a secret is masked, what is long is cut."""
        return self._redactor.field(text, TEXT_LIMIT)

    def close(self) -> None:
        """Let go of all streams."""
        with self._lock:
            for name in list(self._streams):
                self._close(name)

    def _write(self, name: str, records: Sequence[Queued], step: Callable[[], None]) -> None:
        stream = self._open(name)
        try:
            for queued in records:
                step()
                if _record_id(queued) not in self._found[name]:
                    body = {key: self._clean(value) for key, value in queued.body.items()}
                    stream.append(queued.kind, body, id=_record_id(queued), at=queued.at)  # type: ignore[arg-type]
            self._queue.written([queued.seq for queued in records])
        except BaseException:
            self._close(name)  # what stands in it already is looked up when it is opened again
            raise
        self._found[name] = frozenset()  # what has left the queue does not come again

    def _open(self, name: str) -> Stream:
        if name not in self._streams:
            path = self.directory / f"{name}.jsonl"
            self.announce(name, _incident_of(name))
            if path.exists():
                self._streams[name] = Stream.resume(path, name, lambda: datetime.now(UTC))
                self._found[name] = _ids(path)
            else:
                self._streams[name], self._found[name] = Stream.create(path, name), frozenset()
            while len(self._streams) > OPEN_STREAMS:
                self._close(next(iter(self._streams)))
        self._streams.move_to_end(name)
        return self._streams[name]

    def _close(self, name: str) -> None:
        self._signed.pop(name, None)
        self._found.pop(name, None)
        if stream := self._streams.pop(name, None):
            stream.close()

    def _clean(self, value: object) -> object:
        match value:
            case str():
                return self._redactor.field(value, TEXT_LIMIT)
            case dict():
                pairs = list(value.items())[:LONGEST_LIST]
                return {str(self._redactor.field(str(key), 200)): self._clean(item) for key, item in pairs}
            case list() | tuple():
                return [self._clean(item) for item in value[:LONGEST_LIST]]
            case int() | float() if not abs(value) < LARGEST_NUMBER:
                return str(value)
        return value


def _open_streams(ledger: Path) -> set[str]:
    """Paths of the streams that the ledger names and that are not sealed since."""
    return {name for name, entry in _registry(ledger).entries.items() if entry.is_open}


def _registry(ledger: Path) -> Registry:
    registry = Registry()
    with ledger.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):  # another door may be writing its next one
                registry.take(parse(line[:-1]))
    return registry


def _incident_of(stream: str) -> str | None:
    """A stream below an incident's directory belongs to it; the day's own stream to none."""
    parent = stream.rsplit("/", 2)[-2]
    return parent if parent.startswith("INC-") else None


def _is_written_by_a_play(path: str) -> bool:
    """Whether a stream of an incident is written by a play, by a session, or by who obtains its credentials."""
    directory, _, name = path.rpartition("/")
    return "/INC-" in directory and name.startswith(("play-", "credentials-", "session-"))


def _record_id(queued: Queued) -> str:
    """The same for the same queued record, and for no other one, not even of a database that was restored or made anew."""
    content = json.dumps([queued.kind, queued.at.isoformat(), queued.body], sort_keys=True)
    return f"{queued.stream}#q{queued.seq}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def _ids(path: Path) -> frozenset[str]:
    """Ids of the records in a stream: a crash may have come between a record's writing and its leaving the queue."""
    return frozenset(parse(line).id for line in path.read_bytes().splitlines())
