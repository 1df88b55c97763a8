# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that were begun and of which no result was recorded: nobody knows what became of them.

That is no fault of the journal, which says truly what was known; so it is a remark and not a finding. Parts of a stream
are looked at apart from each other and joined, so a part also remembers results whose beginning it has not seen.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from .findings import Remark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LIMIT = 10_000
"""Tasks without a result that are remembered for one stream, so that memory stays bounded."""

_INTENT = b',"kind":"task.intent","origin":'
_RESULT = b',"kind":"task.result","origin":'

_TASK = b'"task":"'
_HOST = b'"host":"'

_Key = tuple[bytes, bytes]


class _Begun(NamedTuple):
    """A task that was begun; a handler may be begun again before the first time is known to have ended."""

    number: int
    line: bytes
    earlier: _Begun | None


class Intents:
    """What is begun and not ended in a part of a stream."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._begun: dict[_Key, _Begun] = {}
        self._ended: Counter[_Key] = Counter()
        self._room = LIMIT

    def take(self, lines: Sequence[bytes], first: int) -> None:
        """Take lines; `first` is the number of the first of them."""
        for number, line in enumerate(lines, first):
            if _RESULT in line:
                # Nearly always its intent is there under the names that stand first; only else the JSON is read.
                if not self._close(_first_names(line)):
                    self._end(_names(line), 1)
            elif _INTENT in line:
                self._begin(_names(line) if _is_doubtful(line) else _first_names(line), number, line)

    def join(self, following: Intents) -> None:
        """Take the part that follows this one."""
        for key, count in following._ended.items():
            self._end(key, count)
        for key in following._begun:
            for begun in reversed(following._of(key)):
                self._begin(key, begun.number, begun.line)

    def remarks(self) -> tuple[Remark, ...]:
        """Return a remark for each task without a result."""
        begun = sorted((begun.number, begun.line) for key in self._begun for begun in self._of(key))
        return tuple(Remark(number, _about(line)) for number, line in begun)

    def _of(self, key: _Key) -> list[_Begun]:
        """Return what is begun under a name, the newest first."""
        found, begun = [], self._begun.get(key)
        while begun is not None:
            found.append(begun)
            begun = begun.earlier
        return found

    def _begin(self, key: _Key, number: int, line: bytes) -> None:
        if self._room:
            self._begun[key] = _Begun(number, line, self._begun.get(key))
            self._room -= 1

    def _close(self, key: _Key) -> bool:
        begun = self._begun.pop(key, None)
        if begun is None:
            return False
        self._room += 1
        if begun.earlier is not None:
            self._begun[key] = begun.earlier
        return True

    def _end(self, key: _Key, count: int) -> None:
        for left in range(count, 0, -1):
            if not self._close(key):
                if key in self._ended or len(self._ended) < LIMIT:
                    self._ended[key] += left
                return


def _first_names(line: bytes) -> _Key:
    """Return the first texts in a line that are called task and host, as they are written there."""
    task, host = line.find(_TASK) + len(_TASK), line.find(_HOST) + len(_HOST)
    return line[task : line.find(b'"', task)], line[host : line.find(b'"', host)]


def _is_doubtful(line: bytes) -> bool:
    return line.count(_TASK) != 1 or line.count(_HOST) != 1 or b"\\" in line


def _names(line: bytes) -> _Key:
    body = _body(line)
    return _written(body.get("task")), _written(body.get("host"))


def _written(value: object) -> bytes:
    """Return a name as it stands in a canonical line, without its quotes; a long one is an object."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return (text[1:-1] if isinstance(value, str) else text).encode(errors="surrogatepass")


def _body(line: bytes) -> Mapping[str, object]:
    try:
        body = json.loads(line)["body"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return {}
    return body if isinstance(body, dict) else {}


def _about(line: bytes) -> str:
    body = _body(line)
    return f'task "{_shown(body.get("name") or body.get("task"))}", host {_shown(body.get("host"))}'


def _shown(value: object) -> str:
    """Return a name; of one that was too long to record in full, its beginning."""
    return str(value.get("text")) if isinstance(value, dict) else str(value)
