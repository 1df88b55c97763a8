# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sessions of a database are to end, and what is said of its connections. Pure."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LISTENING = "0A"
"""The state of a listening socket in /proc/net/tcp."""
MOST_NAMED = 3
NO_TEXT = 200


@dataclass(frozen=True)
class Session:
    """A session that is over a limit.

    Attributes:
        pid: Of its server process.
        started: When it began; with the pid it names the session for ever.
        role: Whose it is.
        state: `idle`, `active`, `idle in transaction` or `idle in transaction (aborted)`.
        seconds: For how long it has been so.
    """

    pid: int
    started: str
    role: str
    state: str
    seconds: int


@dataclass(frozen=True)
class Connections:
    """The connections of a database.

    Attributes:
        ordinary: How many there are for ordinary users.
        free: How many of these are not taken.
        states: How many sessions are in which state.
        roles: How many sessions each role has.
        candidates: The sessions that are over a limit.
    """

    ordinary: int
    free: int
    states: Mapping[str, int]
    roles: Mapping[str, int]
    candidates: tuple[Session, ...]

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Connections:
        """Read the answer to the query LOOK."""
        ordinary = max(0, said["most"] - said["reserved"])
        return cls(
            ordinary=ordinary,
            free=max(0, ordinary - said["taken"]),
            states=said["states"] or {},
            roles=said["roles"] or {},
            candidates=tuple(Session(**one) for one in said["candidates"]),
        )

    def wanted_free(self, percent: int) -> int:
        """How many must be free, at least one."""
        return max(1, -(-self.ordinary * percent // 100))

    def for_room(self, room: int) -> list[Session]:
        """The sessions that make room for `room` new ones: those that wait for nothing first, a working one last."""
        return sorted(self.candidates, key=_least_missed)[: max(0, room - self.free)]

    def to_end(self, wanted_free: int, gone: Sequence[Session] = ()) -> list[Session]:
        """Everything stuck and runaway; and idle sessions only as far as connections are short, the longest idle first."""
        left = [session for session in self.candidates if session not in gone]
        stuck = [session for session in left if session.state != "idle"]
        freed = len(gone) + sum(session.state != "active" for session in stuck)
        short = max(0, wanted_free - self.free - freed)
        idle = sorted((session for session in left if session.state == "idle"), key=_least_missed)
        return [*stuck, *idle[:short]]

    def sentence(self) -> str:
        """Who holds the connections, for people."""
        states = ", ".join(f"{count} {state}" for state, count in _largest(self.states))
        roles = ", ".join(f"{role} {count}" for role, count in _largest(self.roles)[:MOST_NAMED])
        held = f" ({states}; most by: {roles})" if states else ""
        return f"{self.ordinary - self.free} of {self.ordinary} connections for ordinary users are taken{held}"


def findings(said: Mapping[str, Any]) -> list[str]:
    """What else may keep clients out, a sentence each, of the answer to the query SETTINGS; lines and names, never content."""
    rules = ", ".join(map(str, said["rules"]))
    sentences = [
        f"pg_hba.conf has an error in line {rules}: the rules in force are those from before it, and the next start would fail."
        if rules
        else "",
        _named("The configuration files set {} to what PostgreSQL does not take.", said["settings"]),
        _named("A changed {} waits for a restart.", said["waiting"]),
        _named("These roles are at their own connection limit: {}.", said["full_roles"]),
        _named("These databases are at their own connection limit: {}.", said["full_databases"]),
    ]
    return [sentence for sentence in sentences if sentence]


def listening(tables: Iterable[str], port: int) -> list[str]:
    """The addresses at which something listens at a TCP port, of the texts of /proc/net/tcp and /proc/net/tcp6."""
    found = set()
    for table in tables:
        for line in table.splitlines()[1:]:
            words = line.split()
            if len(words) > MOST_NAMED and words[3] == LISTENING:
                address, _colon, number = words[1].partition(":")
                if int(number, 16) == port:
                    found.add(_address(address))
    return sorted(found)


def _address(digits: str) -> str:
    """Hexadecimal, in words of four bytes, each in the host's order (little-endian everywhere that we know)."""
    words = [digits[start : start + 8] for start in range(0, len(digits), 8)]
    parts = b"".join(bytes.fromhex(word)[::-1] for word in words)
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, parts)


def _least_missed(session: Session) -> tuple[int, int]:
    rank = {"idle": 1, "active": 2}.get(session.state, 0)
    return rank, -session.seconds


def _largest(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _named(form: str, names: Sequence[str]) -> str:
    return form.format(", ".join(names)[:NO_TEXT]) if names else ""
