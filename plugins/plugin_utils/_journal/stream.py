# SPDX-License-Identifier: GPL-3.0-or-later
"""The one writer of one stream: a file of records, appended to and nothing else.

What holds when `append` or `sync` returns: this record's whole line, and every line before it, is on the disk
(fdatasync): acknowledged. `append_unsynced` only hands its line to the system, which keeps it when this process dies but
not when the machine does; the next `append`, `sync` or `close` acknowledges it. `append_for_children` leaves the sync to
each child that is forked from then on: it does it before anything else, or dies, and then this stream is broken. What holds after a failure: nothing is
ever written after a line that may be half there; the next `resume` cuts a half line off and says so in a record.

Forks: only the process that opened a stream writes to it. A forked child closes its copy of the descriptor at once, and
its `append` raises; a process that makes itself a daemon opens its streams afterwards.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, NoReturn

from .._errors import BreakglassError
from . import checkpoint_files, durable, inherited, tail
from .chain import Chain
from .record import Record, line_of
from .shared import Shared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from .canonical import JsonValue

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_CLOSED = -1
UNRECORDABLE = 97
"""The return code of a process that ends because something could not be recorded."""


class StreamBusy(BreakglassError):
    """Raised when another process is writing the stream."""


class StreamExists(BreakglassError):
    """Raised when a stream is to be created where a file is already."""


class MissingStream(BreakglassError):
    """Raised when a stream is to be resumed and its file is not there."""


class ChangedStream(BreakglassError):
    """Raised when the records that are there do not form the chain that was written."""


class UnwritableStream(BreakglassError):
    """Raised when a record could not be brought to the disk, and for every record after it."""


class InheritedStream(BreakglassError):
    """Raised when a forked child writes to a stream of its parent."""


class Stream(AbstractContextManager["Stream"]):
    """An open stream. Make one with `create` or `resume`; close it, or use it in a `with` block."""

    def __init__(self, path: Path, chain: Chain, descriptor: int, offset: int) -> None:
        """Take over an open and locked file; for `create` and `resume` only."""
        self._path = path
        self._chain = chain
        self._descriptor = descriptor
        self._offset = offset
        self._failure: str | None = None
        self._unsynced = False
        self._for_children = False
        self._shared = Shared()
        self._owner = os.getpid()
        self._lock = threading.Lock()
        inherited.watch(self)

    @classmethod
    def create(cls, path: Path, origin: str) -> Stream:
        """Create an empty stream (0600) and its missing directories (0700). When this returns, they are on the disk.

        Raises:
            StreamExists: a file of that name is there.
            UnrecordableValue: the origin can't be one.
            UnwritableStream: the system refuses.
        """
        chain = Chain(origin)
        try:
            durable.make_directory(path.parent)
            descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, durable.FILE_MODE)
        except FileExistsError as error:
            raise StreamExists(f"The stream {path} exists already. Resume it, or choose another name.") from error
        except OSError as error:
            raise UnwritableStream(_sentence("create", path, error)) from error
        try:
            _take_lock(descriptor, path)
            os.fsync(descriptor)
            durable.sync_directory(path.parent)
        except OSError as error:
            os.close(descriptor)
            raise UnwritableStream(_sentence("create", path, error)) from error
        except StreamBusy:
            os.close(descriptor)
            raise
        return cls(path, chain, descriptor, 0)

    @classmethod
    def resume(cls, path: Path, origin: str, clock: Callable[[], datetime]) -> Stream:
        """Open a stream that exists, after checking all of its chain.

        A half line at the end (its writer died) is cut off, and a record `stream.recovered` says how many bytes that
        were and their SHA-256: it was never acknowledged. A record without its newline was not either.

        Raises:
            MissingStream: no file is there; it is never created silently.
            StreamBusy: another process has it open for writing.
            ChangedStream: the chain is broken, or a signed checkpoint beside it counts more records.
            UnwritableStream: the system refuses.
        """
        chain = Chain(origin)
        try:
            descriptor = os.open(path, _FLAGS)
        except FileNotFoundError as error:
            raise MissingStream(
                f"The stream {path} is not there. Do not make a new one in its place: verify."
            ) from error
        except OSError as error:
            raise UnwritableStream(_sentence("open", path, error)) from error
        try:
            _take_lock(descriptor, path)
            end = _walk(descriptor, chain, path)
        except OSError as error:
            os.close(descriptor)
            raise UnwritableStream(_sentence("read", path, error)) from error
        except BreakglassError:
            os.close(descriptor)
            raise
        stream = cls(path, chain, descriptor, end.offset)
        stream._recover(end, clock)
        return stream

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def origin(self) -> str:
        """The name that stands in every record and every checkpoint of this stream."""
        return self._chain.origin

    @property
    def size(self) -> int:
        """The number of records."""
        return self._chain.size

    @property
    def last(self) -> Record | None:
        """The newest record."""
        return self._chain.last

    def head(self) -> tuple[int, bytes]:
        """Return the number of records and the RFC 6962 root over their lines: what a checkpoint signs.

        Raises:
            UnwritableStream: records that are not on the disk yet can't be brought there.
        """
        self.sync()
        return self._chain.head()

    def append(
        self,
        kind: str,
        body: Mapping[str, JsonValue],
        *,
        id: str | None = None,  # noqa: A002 (the field of the record is called so)
        at: datetime,
    ) -> Record:
        """Write one record. When this returns, it is on the disk.

        Raises:
            UnrecordableValue: the body has no canonical form; nothing was written and the stream is as it was.
            UnwritableStream: the record may not be on the disk; this stream takes no more.
            InheritedStream: this process is a fork of the one that opened the stream.
        """
        self._refuse_child()  # before the lock, which another thread of the parent may have held at the fork
        with self._lock:
            record = self._chain.draft(kind, body, id, at)
            line = line_of(record)
            self._write(line)
            self._sync()
            self._chain.add(line)
        return record

    def append_unsynced(self, kind: str, body: Mapping[str, JsonValue], *, at: datetime) -> None:
        """Write one record that the next `append`, `sync` or `close` brings to the disk, together with its own.

        For what has happened already: a power cut may lose it, and then its outcome is unknown.

        Raises:
            UnrecordableValue, UnwritableStream, InheritedStream: as `append` does.
        """
        self._refuse_child()
        with self._lock:
            line = self._chain.line(kind, body, at)
            self._write(line)
            self._chain.add(line)
            self._unsynced = True

    def append_for_children(self, kind: str, body: Mapping[str, JsonValue], *, at: datetime) -> None:
        """Write one record that is on the disk before a child that is forked from now on does anything.

        For announcing what such a child is to do, and nobody else: this process does not wait for the disk. A child that
        can't bring it there ends at once with the return code 97, and this stream takes no more.

        Raises:
            UnrecordableValue, UnwritableStream, InheritedStream: as `append` does.
        """
        self.append_unsynced(kind, body, at=at)
        self._for_children = True

    def sync(self) -> None:
        """Bring to the disk what `append_unsynced` wrote. When this returns, it is there.

        Raises:
            UnwritableStream: it may not be on the disk; this stream takes no more.
        """
        if not self._unsynced or os.getpid() != self._owner:
            return
        with self._lock:
            if self._unsynced:
                self._refuse_broken()
                self._sync()

    def close(self) -> None:
        """Close the file and give up its lock; closing twice is fine.

        Raises:
            UnwritableStream: records that were not on the disk could not be brought there. The file is closed.
        """
        if self._descriptor == _CLOSED or os.getpid() != self._owner:
            return
        try:
            if self._failure is None:
                self.sync()
        finally:
            with self._lock:
                os.close(self._descriptor)
                self._descriptor = _CLOSED

    def __exit__(self, *_: object) -> None:
        """Close the stream."""
        self.close()

    def leave_to_parent(self) -> None:
        """Close a forked child's copy of the file; the parent keeps its own and its lock.

        What was announced for the child is brought to the disk first, unless another child, which was forked a moment
        before or after, has just done it. The error of a failed sync is told once, to whoever asks first: so the child,
        which has just heard it, leaves word of it.
        """
        if self._descriptor != _CLOSED:
            if self._for_children and self._shared.synced < self._offset:
                try:
                    there = os.fstat(self._descriptor).st_size
                    os.fdatasync(self._descriptor)
                    self._shared.tell_synced(there)
                except OSError:
                    self._shared.report_broken()
                    os._exit(UNRECORDABLE)
            os.close(self._descriptor)
            self._descriptor = _CLOSED

    def _recover(self, end: tail.Tail, clock: Callable[[], datetime]) -> None:
        if not end.torn:
            return
        try:
            tail.cut(self._descriptor, end)
            self.append("stream.recovered", {"size": end.torn, "sha256": end.sha256}, at=clock())
        except OSError as error:
            self.close()
            raise UnwritableStream(_sentence("repair", self._path, error)) from error
        except BreakglassError:
            self.close()
            raise

    def _write(self, line: bytes) -> None:
        self._refuse_broken()
        try:
            state = os.fstat(self._descriptor)
            if state.st_size != self._offset or state.st_nlink == 0:
                self._give_up("somebody else changed or deleted the file")
            size = len(line) + 1
            written = os.write(self._descriptor, line + b"\n")
            if written != size:
                self._give_up(f"only {written} of {size} bytes could be written; is the disk full?")
        except OSError as error:
            self._give_up(_reason(error))
        self._offset += size

    def _sync(self) -> None:
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            self._give_up(_reason(error))
        self._unsynced = self._for_children = False

    def _refuse_child(self) -> None:
        if os.getpid() != self._owner:
            raise InheritedStream(f"A forked child can't write to {self._path}; only the process that opened it can.")

    def _refuse_broken(self) -> None:
        if self._failure is None and self._shared.is_broken:
            self._give_up("a process of the run could not bring its announcement to the disk")
        if self._failure is not None:
            raise UnwritableStream(self._failure)
        if self._descriptor == _CLOSED:
            raise UnwritableStream(f"The stream {self._path} is closed.")

    def _give_up(self, why: str) -> NoReturn:
        self._failure = (
            f"The stream {self._path} can't be written: {why}. It takes no more records; what it acknowledged is kept. "
            "Repair the cause and start again: the stream is resumed from its last whole record."
        )
        raise UnwritableStream(self._failure)


def _take_lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StreamBusy(f"Another process is writing the stream {path}. Wait until it ends, or end it.") from error


def _walk(descriptor: int, chain: Chain, path: Path) -> tail.Tail:
    try:
        end = tail.follow(descriptor, chain, 0)
    except tail.BrokenLine as error:
        raise ChangedStream(  # pylint: disable=bad-exception-cause
            f"The stream {path} has been changed, {error} Verify the journal; do not repair it."
        ) from error
    signed = checkpoint_files.sizes(path)
    if signed and signed[-1] > chain.size:
        raise ChangedStream(
            f"The stream {path} has {chain.size} whole records, but a checkpoint counts {signed[-1]}. "
            "Verify the journal; do not repair it."
        )
    return end


def _sentence(verb: str, path: Path, error: OSError) -> str:
    return f"The stream {path} can't be used: {verb} failed, {_reason(error)}. Nothing was recorded."


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
