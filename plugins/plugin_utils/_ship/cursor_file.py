# SPDX-License-Identifier: GPL-3.0-or-later
"""A sink's cursor on the disk: `JOURNAL/.ship/SINK.json`, replaced in one step, synced with its directory."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import astuple, dataclass, field
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._journal import durable
from .cursor import NO_CHECKPOINT, Cursor, Followed, Position

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DIRECTORY = ".ship"
_VERSION = 1
_LARGEST_BYTES = 256 * 1024 * 1024


class UnwritableCursor(BreakglassError):
    """Raised when a sink's cursor can't be brought to the disk; what it would skip is sent again."""


@dataclass
class State:
    """What is kept of one sink."""

    ledger_origin: str
    """Of the journal: the cursor of another one says nothing here."""
    cursor: Cursor = field(default_factory=Cursor)
    trouble: str = ""
    """Why nothing is being acknowledged now; empty when all is well."""


def state_path(journal: Path, sink: str) -> Path:
    """Where a sink's cursor is kept."""
    return journal / DIRECTORY / f"{sink}.json"


def save(path: Path, state: State) -> None:
    """Keep a state; durable on return. Raises UnwritableCursor."""
    cursor = state.cursor
    text = json.dumps(
        {
            "version": _VERSION,
            "ledger_origin": state.ledger_origin,
            "trouble": state.trouble,
            "shipped": cursor.shipped,
            "refused": cursor.refused,
            "ledger": astuple(cursor.ledger),
            "followed": {
                name: [*astuple(one.position), one.sealed_size, one.last_checkpoint]
                for name, one in cursor.followed.items()
            },
            "finished": {name: astuple(position) for name, position in cursor.finished.items()},
        }
    )
    try:
        if not path.parents[1].is_dir():  # a journal that was taken away is not made anew
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        durable.make_directory(path.parent)
        durable.replace(path, text.encode())
    except OSError as error:
        raise UnwritableCursor(
            f"How far the sink has got can't be written to {path}: {error.strerror}. Is the disk full? "
            "What the sink has already is sent again, with the same ids."
        ) from error


def load(path: Path, ledger_origin: str) -> State:
    """Return the state that is kept, or one from the beginning where there is none, or none that can be used.

    To begin anew loses nothing: a sink knows by its id what comes twice.
    """
    state = State(ledger_origin)
    try:
        with path.open("rb") as file:
            kept = json.loads(file.read(_LARGEST_BYTES))
        if kept["version"] == _VERSION and kept["ledger_origin"] == ledger_origin:
            state.cursor, state.trouble = _cursor(kept), str(kept["trouble"])
    except FileNotFoundError:
        return state
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        state.trouble = f"The cursor {path} could not be read: everything is sent again, with the same ids."
    return state


def _cursor(kept: Mapping[str, object]) -> Cursor:
    """Raises ValueError, KeyError, TypeError or AttributeError for what is no cursor."""
    cursor = Cursor()
    cursor.shipped, cursor.refused = _number(kept["shipped"]), _number(kept["refused"])
    cursor.ledger = _position(kept["ledger"])
    for name, values in _mapping(kept["followed"]).items():
        *place, sealed, last = _list(values)
        size = None if sealed is None else _number(sealed)
        cursor.followed[name] = Followed(_position(place), size, _checkpoint(last))
    cursor.finished = {name: _position(values) for name, values in _mapping(kept["finished"]).items()}
    return cursor


def _position(values: object) -> Position:
    offset, seq, checkpoint = _list(values)
    return Position(_number(offset), _number(seq), _checkpoint(checkpoint))


def _checkpoint(value: object) -> int:
    return NO_CHECKPOINT if value == NO_CHECKPOINT else _number(value)


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("not a number of bytes or records")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _mapping(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError("not a mapping")
    return value
