# SPDX-License-Identifier: GPL-3.0-or-later
"""Archive: sealed streams that every sink has are moved to another journal, with their checkpoints.

The archive has a ledger of its own, so that it can be verified like any journal; the ledger of what is left says what was
moved. The order, so that nothing is ever nowhere: copy, synced; the archive's ledger; the journal's ledger; delete. What
was interrupted is finished by the next call.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from filecmp import cmp
from pathlib import PurePath
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._journal import checkpoint_files, durable
from .._journal.journal_files import read_lines
from .._journal.ledger import ABSENT, ANNOUNCED, ARCHIVED, SEALED, Ledger
from .._journal.merkle import Tree
from .._journal.record import parse
from .cursor_file import load, state_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from pathlib import Path

    from .._journal.record import Record
    from .cursor import Cursor


class UnarchivableStream(BreakglassError):
    """Raised when a stream is not what its seal says, or its place in the archive is taken by something else."""


class UnusableArchive(BreakglassError):
    """Raised when the archive can't be where it is wanted, or can't be written."""


@dataclass(frozen=True)
class Archived:
    """What came of it."""

    moved: tuple[str, ...]
    unshipped: tuple[str, ...]
    """Old enough, but a sink has not acknowledged all of it."""


@dataclass(frozen=True)
class _Sealed:
    """A sealed stream."""

    name: str
    origin: str
    size: int
    root: str
    checkpoints: tuple[int, ...]
    at: str
    told_at: int
    """Bytes of the ledger up to and with the seal."""
    is_archived: bool = False


@dataclass(frozen=True)
class _Place:
    """A journal."""

    directory: Path
    ledger: Ledger


def _always() -> bool:
    return True


def archive(
    journal: Path,
    to: Path,
    before: datetime,
    sinks: Iterable[str],
    clock: Callable[[], datetime],
    *,
    go_on: Callable[[], bool] = _always,
) -> Archived:
    """Move the streams that were sealed before a moment.

    Args:
        journal: the journal's directory.
        to: the archive's, made if it is not there.
        before: a moment with a time zone.
        sinks: names of all that the journal is shipped to.
        clock: tells the time.
        go_on: asked before each stream; what it does not let move stays for the next call.

    Raises:
        UnarchivableStream: a stream was changed since it was sealed: verify the journal.
        UnusableArchive: the archive can't be written.
        BreakglassError: a ledger can't be used.
    """
    if to.resolve().is_relative_to(journal.resolve()) or journal.resolve().is_relative_to(to.resolve()):
        raise UnusableArchive(f"The archive {to} and the journal {journal} must not lie in each other.")
    ledger = Ledger.open(journal, clock)
    cursors = [load(state_path(journal, sink), ledger.origin).cursor for sink in sinks]
    limit = before.isoformat(timespec="microseconds")
    old = [one for one in _sealed(ledger.path) if one.at.replace("Z", "+00:00") < limit]
    ready = [one for one in old if one.is_archived or all(_has(cursor, one) for cursor in cursors)]
    moved = []
    if ready:
        archive_ledger = Ledger.create_if_absent(to, clock)
        there = {one.name for one in _sealed(archive_ledger.path)}
        for one in ready:
            if not go_on():
                break
            _move(one, _Place(journal, ledger), _Place(to, archive_ledger), there)
            moved.append(one.name)
    unshipped = {one.name for one in old} - {one.name for one in ready}
    return Archived(tuple(moved), tuple(sorted(unshipped)))


def _sealed(ledger: Path) -> list[_Sealed]:
    """Sealed streams whose files are there, as a ledger names them now."""
    found: dict[str, _Sealed] = {}
    origins: dict[str, str] = {}
    offset = 0
    with ledger.open("rb") as lines:
        for line in lines:
            offset += len(line)
            if not line.endswith(b"\n"):
                break
            record = parse(line[:-1])
            name = str(record.body.get("stream"))
            if record.kind == ANNOUNCED:
                origins.setdefault(name, str(record.body["origin"]))
            if record.kind in {ANNOUNCED, ABSENT}:
                found.pop(name, None)
            elif record.kind == SEALED and name in origins:
                found[name] = _seal(name, origins[name], record, offset)
            elif record.kind == ARCHIVED and name in found:
                found[name] = replace(found[name], is_archived=True)
    return [one for one in found.values() if (ledger.parent / one.name).exists()]


def _seal(name: str, origin: str, record: Record, told_at: int) -> _Sealed:
    size, root, checkpoints = (record.body[part] for part in ("size", "root", "checkpoints"))
    sizes = checkpoints if isinstance(checkpoints, list) else []
    return _Sealed(name, origin, int(str(size)), str(root), tuple(int(str(one)) for one in sizes), record.at, told_at)


def _has(cursor: Cursor, one: _Sealed) -> bool:
    return cursor.ledger.offset >= one.told_at and one.name not in cursor.followed


def _move(one: _Sealed, journal: _Place, archive_place: _Place, there: set[str]) -> None:
    stream, name = journal.directory / one.name, PurePath(one.name)
    _check(stream, one)
    notes = [checkpoint_files.checkpoint_path(stream, size) for size in checkpoint_files.sizes(stream)]
    try:
        durable.make_directory((archive_place.directory / name).parent)
        for path in (stream, *notes):
            _copy(path, archive_place.directory / path.relative_to(journal.directory))
        if one.name not in there:
            archive_place.ledger.announce(name, one.origin)
            archive_place.ledger.seal(name, one.size, one.root, one.checkpoints)
        if not one.is_archived:
            journal.ledger.archived(name, archive_place.ledger.origin)
        for path in (*notes, stream):
            path.unlink()
        durable.sync_directory(stream.parent)
    except OSError as error:
        raise UnusableArchive(f"{stream} can't be moved to {archive_place.directory}: {error.strerror}.") from error
    with suppress(OSError):  # it has other streams
        stream.parent.rmdir()


def _check(stream: Path, one: _Sealed) -> None:
    """Refuse a stream that is not what was sealed."""
    tree = Tree()
    torn = read_lines(stream, tree.add)
    if torn or (tree.size, tree.root().hex()) != (one.size, one.root):
        raise UnarchivableStream(
            f"The stream {stream} is not what the ledger sealed. Verify the journal; move nothing."
        )


def _copy(path: Path, to: Path) -> None:
    """Copy a file; durable on return. The same file again is fine, another one is refused."""
    if to.exists():
        if not cmp(path, to, shallow=False):
            raise UnarchivableStream(f"{to} is there already, and is not {path}.")
        return
    draft = to.with_name(f".{to.name}.part")
    with path.open("rb") as source, draft.open("wb") as target:
        os.fchmod(target.fileno(), durable.FILE_MODE)
        shutil.copyfileobj(source, target)
        target.flush()
        os.fsync(target.fileno())
    draft.replace(to)
    durable.sync_directory(to.parent)
