# SPDX-License-Identifier: GPL-3.0-or-later
"""One session: relayed, recorded, warned of its end, and ended for real. Lives in the loop of `Running`."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from breakglass.errors import BreakglassError
from breakglass.sessions import on_host
from breakglass.sessions.frames import Ended, frame, frame_of
from breakglass.sessions.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.canonical import JsonValue

    from breakglass.sessions.along import Along
    from breakglass.sessions.host_link import HostLink
    from breakglass.sessions.recording import Recording

LOG = logging.getLogger("breakglass.sessions")
KEEP_EVERY_SECONDS: Final = 5.0
LOOK_AT_PERSON_SECONDS: Final = 15.0
RENEW_EVERY_SECONDS: Final = 1.0
DROP_SECONDS: Final = 10.0
TOGETHER_SECONDS: Final = 0.1
TOGETHER_BYTES: Final = 16384
END_SECONDS: Final = 20.0
NOTICE_SECONDS: Final = 5.0
WARNINGS: Final = (300, 60)  # seconds before the end
MOST_UNSHOWN: Final = 8
GIVE_UP_SHOWING_SECONDS: Final = 5.0
MOST_UNTAKEN: Final = 65536
OUR_FAULT: Final = "the session failed for a fault of ours; see the log"
CHANNELS: Final = {on_host.OUTPUT: "out", on_host.ERROR_OUTPUT: "error"}


@dataclass(frozen=True)
class Shown:
    """Something for who sits at the terminal: `out`, `error`, `notice`, or `ended`, the last, which knows the database users that were dropped."""

    what: str
    content: bytes = b""
    status: int | None = None
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wish:
    """What the person wants.

    Attributes:
        command: For a shell to run without a terminal; None for a login shell in one.
        terminal: Its type, as TERM has it.
        columns: Its width.
        rows: Its height.
    """

    command: str | None
    terminal: str
    columns: int
    rows: int


@dataclass(frozen=True)
class Under:
    """The grant that a session is under.

    Attributes:
        incident: Of the grant.
        ends_at: When its time is over, by the monotonic clock.
        recording: The record of the session under this grant.
        person_changed: Why the person may not go on; empty when they may.
        along: Database users of the session under this grant.
    """

    incident: str
    ends_at: float
    recording: Recording
    person_changed: Callable[[], str]
    along: Along


class AtItsEnd(BreakglassError):
    """Raised when a session that is ending should go on."""


@dataclass
class Session:
    """One session.

    Attributes:
        host: Inventory name.
        wish: What the person wants; its size is the terminal's of now.
        under: The grant; another one when that is extended.
        connect: Reaches the host.
        to_person: What is shown; `ended` is the last.
        from_person: Whole frames for the keeper.
    """

    host: str
    wish: Wish
    under: Under
    connect: Callable[[], Awaitable[HostLink]]
    to_person: asyncio.Queue[Shown] = field(default_factory=lambda: asyncio.Queue(MOST_UNSHOWN))
    from_person: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(MOST_UNSHOWN))
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _why: str = ""
    _ended: Ended | None = None
    _gone: bool = False
    _pace: Pace = field(default_factory=Pace)
    _untaken: int = 0
    _taken: asyncio.Event = field(default_factory=asyncio.Event)
    _link: HostLink | None = None
    _moved: asyncio.Event = field(default_factory=asyncio.Event)
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def end(self, why: str) -> None:
        """Have it end; the first reason counts. For the loop's own thread."""
        if not self._over.is_set():
            self._why = why
            self._over.set()

    def person_is_gone(self) -> None:
        """Nobody looks any more; what comes still is recorded."""
        self._gone = True
        self.end("the line to the person was closed")

    async def go_on(self, under: Under, about: Mapping[str, JsonValue]) -> None:
        """Go on under another grant until its end, in a record of its own. Raises BreakglassError: then it stays under the one before.

        Not to be cancelled: a record that is being written comes to stand there all the same.
        """
        async with self._writing:
            before, until = self.under.recording, str(about["until"])
            size: dict[str, JsonValue] = {"columns": self.wish.columns, "rows": self.wish.rows}
            size |= {"terminal": self.wish.terminal, "continues": before.name}
            await asyncio.to_thread(under.recording.opened, {**about, **size})
            if self._link is None or self._over.is_set() or self._ended is not None:
                raise AtItsEnd("it is at its end, or at its very beginning")
            await self._link.send(frame_of(on_host.UNTIL, {"ends_in": max(0.0, under.ends_at - time.monotonic())}))
            await asyncio.to_thread(before.continued, under.recording, until)
            await self._replace_files(self._link, under.along)
            self.under = under
            with suppress(BreakglassError):
                before.close()
        self._moved.set()

    async def _replace_files(self, link: HostLink, along: Along) -> None:
        """Those of the grant before are of users that are dropped with it; without any from the beginning no variable names the new ones."""
        if not along.files:
            return
        if link.marks.get("directory"):
            await link.send(frame_of(on_host.FILES, along.for_keeper))
        else:
            along.untold = ["you have a database user now, for sessions that begin from here on."]

    async def run(self) -> str:
        """Live from the first byte to the end. Returns what can't be proven ended, in words; empty when all is."""
        try:
            link = await self.connect()
        except BreakglassError as error:
            return await self._close(str(error), "")
        except Exception:
            LOG.exception("A session on %s can't begin for a fault of ours.", self.host)
            return await self._close(OUR_FAULT, "")
        try:
            await self._relay(link)
        except BreakglassError as error:
            self.end(str(error))
        except Exception:
            LOG.exception("A session on %s failed for a fault of ours.", self.host)
            self.end(OUR_FAULT)
        self._ended = self._ended or await link.sweep()
        link.close()
        return await self._close(self._why or "it came to its end", self._left())

    async def _relay(self, link: HostLink) -> None:
        """Pass everything on until the keeper says that it is over, or nothing more comes from it."""
        mark = self.under.recording.name
        left = max(0.0, self.under.ends_at - time.monotonic())
        begin: dict[str, object] = {"mark": mark, "ends_in": left, "command": self.wish.command}
        begin |= self.under.along.for_keeper
        if self.wish.command is None:
            begin |= {"terminal": self.wish.terminal, "columns": self.wish.columns, "rows": self.wish.rows}
        await link.begin(begin)
        self._link = link
        if self.under.along.files and not link.marks.get("directory"):
            self.under.along.untold = [f"{self.host} has no room in its memory for the files of your database users."]
        others = [
            asyncio.create_task(work)
            for work in (
                self._pass_on_typed(link),
                self._keep(link),
                self._watch_clock(),
                self._watch_person(),
                self._keep_along(),
            )
        ]
        hearing = asyncio.create_task(self._hear(link))
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait({hearing, over, *others}, return_when=asyncio.FIRST_COMPLETED)
            if not hearing.done():
                await link.send(frame(on_host.STOP))
                await asyncio.wait({hearing}, timeout=END_SECONDS)
        finally:
            for task in (*others, hearing, over):
                task.cancel()
            await asyncio.gather(*others, hearing, over, return_exceptions=True)
        for task in (hearing, *others):
            if not task.cancelled() and (error := task.exception()) is not None:
                await self._after_trouble(link, error)

    async def _after_trouble(self, link: HostLink, error: BaseException) -> None:
        """Something of ours failed, the journal above all: nothing more is shown, and the keeper is told to end."""
        if not isinstance(error, BreakglassError):
            LOG.error("A session on %s failed for a fault of ours.", self.host, exc_info=error)
        self._why = str(error) if isinstance(error, BreakglassError) else OUR_FAULT
        self._over.set()
        await link.send(frame(on_host.STOP))
        with suppress(BreakglassError, TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                async for kind, content in link.heard():
                    if kind == on_host.DONE:
                        self._ended = Ended.read(content)
                        return

    async def _hear(self, link: HostLink) -> None:
        """Take what the host says; many small pieces become one record, and one frame to the person."""
        frames = link.heard()
        coming = asyncio.ensure_future(anext(frames, None))
        together = bytearray()
        channel, since = "out", 0.0
        try:
            while True:
                wait = max(0.0, since + TOGETHER_SECONDS - time.monotonic()) if together else None
                if len(together) < TOGETHER_BYTES:
                    await asyncio.wait({coming}, timeout=wait)
                came = coming.result() if coming.done() else None
                if came is not None and came[0] == on_host.TAKEN:
                    self._untaken -= int(came[1])
                    self._taken.set()
                    coming = asyncio.ensure_future(anext(frames, None))
                    continue
                is_output = came is not None and came[0] in CHANNELS
                if together and not (is_output and CHANNELS[came[0]] == channel and len(together) < TOGETHER_BYTES):  # type: ignore[index]
                    await self._show(bytes(together), channel)
                    together.clear()
                    since = time.monotonic()
                    continue
                if not coming.done():
                    continue
                if came is None:
                    return
                coming = asyncio.ensure_future(anext(frames, None))
                if came[0] == on_host.DONE:
                    self._ended = Ended.read(came[1])
                    return
                if is_output:
                    channel = CHANNELS[came[0]]
                    together += came[1]
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

    async def _show(self, said: bytes, channel: str) -> None:
        """Record, then show."""
        await self._pace.wait(len(said))
        async with self._writing:
            await asyncio.to_thread(self.under.recording.output, said, channel)
        await self._to_person(Shown(channel, said))

    async def _to_person(self, shown: Shown) -> None:
        """Hand it over; who does not read holds the host's program up, but not the end of the session."""
        if self._gone:
            return
        putting = asyncio.create_task(self.to_person.put(shown))
        over = asyncio.create_task(self._over.wait())
        await asyncio.wait({putting, over}, return_when=asyncio.FIRST_COMPLETED)
        if not putting.done():
            await asyncio.wait({putting}, timeout=GIVE_UP_SHOWING_SECONDS)
        self._gone = not putting.done()
        putting.cancel()
        over.cancel()

    async def _pass_on_typed(self, link: HostLink) -> None:
        """What is put into `from_person` are whole frames. No more input is under way than the program is likely to take soon."""
        while True:
            whole = await self.from_person.get()
            self._untaken += len(whole) - on_host.HEAD.size if whole[:1] == on_host.INPUT else 0
            await link.send(whole)
            while self._untaken >= MOST_UNTAKEN:
                self._taken.clear()
                await self._taken.wait()

    async def _keep(self, link: HostLink) -> None:
        """The keeper ends everything when it hears nothing."""
        while True:
            await asyncio.sleep(KEEP_EVERY_SECONDS)
            await link.send(frame(on_host.KEEP))

    async def _keep_along(self) -> None:
        """Tell what there is to tell of the database users, and renew them."""
        while True:
            along = self.under.along
            while along.untold:
                await self._notice(f"*** breakglass: {along.untold.pop(0)}")
            await asyncio.sleep(RENEW_EVERY_SECONDS)
            await asyncio.to_thread(along.renew, datetime.now(UTC))

    async def _watch_clock(self) -> None:
        """Warn, and end in time; anew whenever the end has moved."""
        while await self._is_moved():
            left = max(0, round(self.under.ends_at - time.monotonic()))
            await self._notice(
                f"*** breakglass: extended by {self.under.incident}: {left // 60} min {left % 60} s from now."
            )
        await self._notice("*** breakglass: the time box is over.")
        self.end("the time box is over")

    async def _is_moved(self) -> bool:
        """Warn until the end, or until that has moved."""
        ends_at = self.under.ends_at
        for seconds in WARNINGS:
            left = ends_at - seconds - time.monotonic()
            if left > 0:
                if await self._moves_within(left):
                    return True
                await self._notice(
                    f"*** breakglass: {_minutes(seconds)} left. Then this session ends, with all that it has started. "
                    f"Extend (a new approval): breakglass extend {self.under.incident}"
                )
        return await self._moves_within(max(0.0, ends_at - time.monotonic()))

    async def _moves_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._moved.wait()
        except TimeoutError:
            return False
        self._moved.clear()
        return True

    async def _watch_person(self) -> None:
        """End it when the person is disabled, or leaves the group by which they asked. Without Vault nobody knows, and the time box ends it."""
        while True:
            await asyncio.sleep(LOOK_AT_PERSON_SECONDS)
            with suppress(BreakglassError):
                if why := await asyncio.to_thread(self.under.person_changed):
                    return self.end(why)

    async def _notice(self, text: str) -> None:
        """Record, then show; a journal that hangs holds up neither the clock nor the end."""
        try:
            async with asyncio.timeout(NOTICE_SECONDS), self._writing:
                await asyncio.to_thread(self.under.recording.told, text)
        except TimeoutError:
            return
        await self._to_person(Shown("notice", text.encode()))

    async def resize(self, columns: int, rows: int) -> None:
        """The person's terminal has another size."""
        async with self._writing:
            self.wish = replace(self.wish, columns=columns, rows=rows)
            await asyncio.to_thread(self.under.recording.resized, columns, rows)
        await self.from_person.put(frame_of(on_host.RESIZE, {"columns": columns, "rows": rows}))

    def _left(self) -> str:
        """What can't be proven ended, in words."""
        if self._ended is None:
            return f"{self.host} could not be asked whether everything ended that the session had started"
        if self._ended.left:
            return f"these processes on {self.host} could not be ended: {', '.join(self._ended.left)}"
        if not self._ended.proven:
            return (
                f"what watches over the session on {self.host} was killed there; what could be found of it was ended, and "
                "whether something else goes on nobody can prove"
            )
        return ""

    async def _drop(self) -> list[str]:
        """Have its database users dropped; a Vault that does not answer holds nobody up, since closing the grant does it too."""
        try:
            async with asyncio.timeout(DROP_SECONDS):
                return await asyncio.to_thread(self.under.along.drop)
        except TimeoutError:
            return []

    async def _close(self, why: str, left: str) -> str:
        """The last record, the last word to the person; returns what can't be proven ended."""
        self._over.set()  # from here on nothing goes over to another grant
        async with self._writing:  # what is just going over is there, or stays
            dropped = await self._drop()
        status = self._ended.status if self._ended else None
        body: dict[str, JsonValue] = {
            "why": why,
            "proven": not left,
            **({"status": status} if status is not None else {}),
        }
        body |= {"left": left} if left else {}
        body |= {"dropped": [*dropped]} if dropped else {}
        async with self._writing:
            try:
                await asyncio.to_thread(self.under.recording.ended, body)
            except BreakglassError as error:
                LOG.error("The end of a session on %s can't be recorded: %s", self.host, error)  # noqa: TRY400 (a sentence)
            finally:
                with suppress(BreakglassError):
                    self.under.recording.close()
        said = f"{why}. {left[:1].upper()}{left[1:]}." if left else why
        await self._to_person(Shown("ended", said.encode(), status, tuple(dropped)))
        return left


def _minutes(seconds: int) -> str:
    return "1 minute" if seconds == WARNINGS[-1] else f"{seconds // 60} minutes"
