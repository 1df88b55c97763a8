# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills that were asked for, by people or by the clock: what became of each, and up to when each schedule was looked at."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from breakglass.domain.draft import Note
from breakglass.store import journal_queue
from breakglass.store.database import NOW, milliseconds, moment
from breakglass.store.database import now as database_now
from breakglass.store.tables import DRILL, DRILL_SCHEDULE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from breakglass.store.database import Database

CLOCK = "schedule"
"""Who asks for a drill when it is time; never a person's name, since it holds no uid and people are named by theirs."""


@dataclass(frozen=True)
class DrillRun:
    """One drill that was asked for.

    Attributes:
        incident: Id of its incident, chosen when it was asked for.
        name: The drill's.
        by: Who asked; CLOCK for the policy's schedule.
        wanted_at: When it was asked for, or was due.
        missed: Why a scheduled one was not run, a sentence; empty for one that runs.
        host: Where it runs; empty before it has begun.
        check: Whether it runs in check mode.
        begun_at: When its alert was taken in.
        ended_at: When its result was clear.
        result: `passed`, `failed`, `gave way`, `missed` or `withdrawn`; empty before.
        passages: What was measured: phase, seconds (or None), sentence, whether it failed.
    """

    incident: str
    name: str
    by: str
    wanted_at: datetime
    missed: str
    host: str
    check: bool
    begun_at: datetime | None
    ended_at: datetime | None
    result: str
    passages: tuple[tuple[str, float | None, str, bool], ...]


class DrillRuns:
    """The table of drills."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self) -> datetime:
        """The database's clock."""
        with self._database.reading() as connection:
            return database_now(connection)

    def ask(self, name: str, incident: str, by: str) -> None:
        """A person wants this drill now; durable on return, and begun by the runner at its next look."""
        with self._database.transaction() as connection:
            _insert(connection, name, incident, by, database_now(connection), "")

    def withdraw(self, incident: str) -> bool:
        """Take back one that was not begun; False when it was."""
        waits = sa.and_(DRILL.c.incident == incident, DRILL.c.begun_at.is_(None), DRILL.c.ended_at.is_(None))
        with self._database.transaction() as connection:
            done = connection.execute(sa.update(DRILL).where(waits).values(ended_at=NOW, result="withdrawn"))
            return bool(done.rowcount)

    def looked_until(self, name: str, schedule: str) -> datetime:
        """Up to when this schedule was looked at; one that is new, or was changed, begins now."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(DRILL_SCHEDULE).where(DRILL_SCHEDULE.c.name == name)).first()
        if row is not None and row.schedule == schedule:
            return moment(row.looked_until)
        with self._database.transaction() as connection:
            connection.execute(sa.delete(DRILL_SCHEDULE).where(DRILL_SCHEDULE.c.name == name))
            at = database_now(connection)
            first = {"name": name, "schedule": schedule, "looked_until": milliseconds(at)}
            connection.execute(sa.insert(DRILL_SCHEDULE).values(first))
            return at

    def due(self, name: str, incident: str, at: datetime, missed: str) -> None:
        """A scheduled one is due, or (with a reason) was missed; its schedule is looked at up to here with it, once."""
        until = milliseconds(at)
        mine = sa.and_(DRILL_SCHEDULE.c.name == name, DRILL_SCHEDULE.c.looked_until < until)
        with self._database.transaction() as connection:
            if connection.execute(sa.update(DRILL_SCHEDULE).where(mine).values(looked_until=until)).rowcount:
                _insert(connection, name, incident, CLOCK, at, missed)

    def wanted(self) -> list[DrillRun]:
        """Those that wait for their beginning, oldest first."""
        return self._runs(sa.and_(DRILL.c.begun_at.is_(None), DRILL.c.ended_at.is_(None)))

    def under_way(self) -> list[DrillRun]:
        """Those that have begun and whose result is not clear yet, oldest first."""
        return self._runs(sa.and_(DRILL.c.begun_at.is_not(None), DRILL.c.ended_at.is_(None)))

    def of(self, incident: str) -> DrillRun | None:
        """The drill of an incident."""
        return next(iter(self._runs(DRILL.c.incident == incident)), None)

    def latest(self, most: int, name: str = "") -> list[DrillRun]:
        """The newest so many, of one drill or of all, oldest first."""
        query = sa.select(DRILL).order_by(DRILL.c.seq.desc()).limit(most)
        if name:
            query = query.where(DRILL.c.name == name)
        with self._database.reading() as connection:
            return [_run(row) for row in reversed(connection.execute(query).all())]

    def ended_between(self, since: datetime, until: datetime) -> list[DrillRun]:
        """Those whose result became clear after `since` and not after `until`, in order; without those that were withdrawn."""
        within = sa.and_(DRILL.c.ended_at > milliseconds(since), DRILL.c.ended_at <= milliseconds(until))
        return [run for run in self._runs(within) if run.result != "withdrawn"]

    def times_begun(self, name: str) -> int:
        """How often this drill has begun on a host."""
        query = sa.select(sa.func.count()).select_from(DRILL).where(DRILL.c.name == name, DRILL.c.host != "")
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def begun(self, incident: str, host: str, *, check: bool) -> None:
        """Its alert is taken in; `host` is empty where nothing will run."""
        values = {"host": host, "check": check}
        with self._database.transaction() as connection:
            connection.execute(sa.update(DRILL).where(DRILL.c.incident == incident).values(begun_at=NOW, **values))

    def ended(self, run: DrillRun, result: str, passages: Sequence[tuple[str, float | None, str, bool]]) -> None:
        """Its result is clear; it is journalled in the stream of the day."""
        failures = [f"{phase}: {sentence}" for phase, _, sentence, failed in passages if failed]
        seconds = {phase: taken for phase, taken, _, _ in passages if taken is not None}
        body = {"drill": run.name, "incident": run.incident, "host": run.host, "by": run.by, "result": result}
        note = Note("drill.ended", {**body, "seconds": seconds, "failures": failures})
        open_still = sa.and_(DRILL.c.incident == run.incident, DRILL.c.ended_at.is_(None))
        with self._database.transaction() as connection:
            values = {"ended_at": NOW, "result": result, "passages": json.dumps(list(passages))}
            if connection.execute(sa.update(DRILL).where(open_still).values(**values)).rowcount:
                journal_queue.add(connection, journal_queue.day_stream(connection), [note])

    def _runs(self, which: sa.ColumnElement[bool]) -> list[DrillRun]:
        with self._database.reading() as connection:
            return [_run(row) for row in connection.execute(sa.select(DRILL).where(which).order_by(DRILL.c.seq))]


def _insert(connection: sa.Connection, name: str, incident: str, by: str, at: datetime, missed: str) -> None:  # noqa: PLR0917 (a row)
    row = {"name": name, "incident": incident, "person": by, "wanted_at": milliseconds(at), "missed": missed}
    row |= {"host": "", "check": False, "result": "", "passages": "[]"}
    connection.execute(sa.insert(DRILL).values(row))


def _run(row: sa.Row[tuple[object, ...]]) -> DrillRun:
    begun, ended = (None if at is None else moment(at) for at in (row.begun_at, row.ended_at))
    passages = tuple(
        (str(p), None if s is None else float(s), str(why), bool(f)) for p, s, why, f in json.loads(row.passages)
    )
    return DrillRun(
        incident=row.incident,
        name=row.name,
        by=row.person,
        wanted_at=moment(row.wanted_at),
        missed=row.missed,
        host=row.host,
        check=row.check,
        begun_at=begun,
        ended_at=ended,
        result=row.result,
        passages=passages,
    )
