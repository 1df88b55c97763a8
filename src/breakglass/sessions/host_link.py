# SPDX-License-Identifier: GPL-3.0-or-later
"""A session's connection to its host: SSH from the runner's own process, the host proven by the CA, the keeper at its other end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import asyncssh

from breakglass.errors import BreakglassError
from breakglass.sessions import on_host
from breakglass.sessions.frames import BrokenLine, Ended, Frames, frame, frame_of, json_of, keeper_command, keeper_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from breakglass.ways import Way

CONNECT_SECONDS: Final = 15
BEGIN_SECONDS: Final = 20
SWEEP_SECONDS: Final = 20
CHUNK: Final = 16384
LONGEST_SAID: Final = 300
DEAD_AFTER: Final = {"keepalive_interval": 10, "keepalive_count_max": 3}


class UnreachedHost(BreakglassError):
    """Raised when no session can begin on a host; the sentence says why."""


@dataclass(frozen=True)
class Login:
    """What the runner logs in with, in memory.

    Attributes:
        user: On the host.
        key: Private key, OpenSSH format.
        certificate: Of the key, one line.
        known_hosts: The authorities that are believed of this host, as `@cert-authority` lines.
    """

    user: str
    key: bytes = field(repr=False)
    certificate: bytes
    known_hosts: bytes


class HostLink:
    """One connection with the keeper at its end; made by `connect`.

    Attributes:
        marks: By what the session is known on the host: `mark`, and `audit` and `scope` where it has them.
    """

    def __init__(self, connection: asyncssh.SSHClientConnection, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._connection, self._process = connection, process
        self._frames = Frames()
        self.marks: dict[str, object] = {}

    @classmethod
    async def connect(cls, way: Way, login: Login) -> HostLink:
        """Log in and start the keeper. Raises UnreachedHost."""
        if not way.is_direct:
            raise UnreachedHost(
                f"{way.host} is reached through a jump host, which a session can't do; log in from where it can be reached."
            )
        key = asyncssh.import_private_key(login.key)
        pair = (key, asyncssh.import_certificate(login.certificate))
        try:
            connection = await asyncssh.connect(
                way.address,
                way.port,
                config=None,
                username=login.user,
                client_keys=[pair],
                known_hosts=login.known_hosts,
                host_key_alias=way.host,
                agent_path=None,
                agent_forwarding=False,
                x11_forwarding=False,
                preferred_auth="publickey",
                gss_host=None,
                compression_algs=None,
                connect_timeout=CONNECT_SECONDS,
                login_timeout=CONNECT_SECONDS,
                **DEAD_AFTER,
            )
        except asyncssh.HostKeyNotVerifiable as error:
            raise UnreachedHost(
                f"{way.host} does not prove itself by a certificate of the CA ({_said(error)}), so nobody has logged in there."
            ) from None
        except asyncssh.PermissionDenied:
            raise UnreachedHost(
                f"{way.host} does not let {login.user} in with the certificate; look at its clock first, then at the "
                "principal and the CA that it trusts (breakglass doctor --log-in)."
            ) from None
        except (OSError, asyncssh.Error, TimeoutError) as error:
            raise UnreachedHost(f"{way.host} can't be reached at {way.address}:{way.port}: {_said(error)}.") from None
        try:
            return cls(connection, await _keeper(connection, way.host))
        except BaseException:
            connection.abort()
            raise

    async def begin(self, begin: Mapping[str, object]) -> None:
        """Have the keeper start the person's shell or command. Raises UnreachedHost, BrokenLine."""
        try:
            async with asyncio.timeout(BEGIN_SECONDS):
                await self.send(frame_of(on_host.BEGIN, begin))
                async for kind, content in self._read():
                    if kind == on_host.STARTED:
                        self.marks = {**json_of(content), "mark": begin["mark"]}
                        return
        except TimeoutError:
            raise UnreachedHost(f"The host did not start a shell within {BEGIN_SECONDS} s.") from None
        raise UnreachedHost("The host ended the connection before a shell was there.")

    async def send(self, whole: bytes) -> None:
        """Send one frame; one that can't be sent is no error here: the line's end is heard."""
        with suppress(OSError, asyncssh.Error):
            self._process.stdin.write(whole)
            await self._process.stdin.drain()

    async def heard(self) -> AsyncIterator[tuple[bytes, bytes]]:
        """What the keeper says, until the line ends."""
        async for one in self._read():
            yield one

    async def sweep(self) -> Ended | None:
        """End what is left of a session whose keeper is gone; None when the host can't be asked any more."""
        try:
            async with asyncio.timeout(SWEEP_SECONDS):
                process = await _keeper(self._connection, "the host")
                process.stdin.write(frame_of(on_host.BEGIN, {**self.marks, "sweep": True}))
                frames = Frames()
                while came := await process.stdout.read(CHUNK):
                    for kind, content in frames.take(came):
                        if kind == on_host.DONE:
                            return Ended.read(content)
        except (OSError, asyncssh.Error, TimeoutError, BreakglassError):
            return None
        return None

    def close(self) -> None:
        """Cut the connection: the keeper, if it lives, ends everything then."""
        self._connection.abort()

    async def _read(self) -> AsyncIterator[tuple[bytes, bytes]]:
        for one in self._frames.take(b""):
            yield one
        with suppress(OSError, asyncssh.Error):
            while came := await self._process.stdout.read(CHUNK):
                for one in self._frames.take(came):
                    yield one


async def _keeper(connection: asyncssh.SSHClientConnection, host: str) -> asyncssh.SSHClientProcess[bytes]:
    """Start the keeper, and wait until it listens: what is sent before that would be taken for its program."""
    program = keeper_text()
    try:
        process = await connection.create_process(keeper_command(len(program)), encoding=None)
        process.stdin.write(program)
        async with asyncio.timeout(BEGIN_SECONDS):
            came = await process.stdout.readexactly(on_host.HEAD.size)
    except (OSError, asyncssh.Error, TimeoutError) as error:
        raise UnreachedHost(f"No program can be started on {host}: {_said(error)}.") from None
    except asyncio.IncompleteReadError:
        said = (await process.stderr.read(LONGEST_SAID)).decode(errors="replace")
        raise UnreachedHost(
            f"No session can be kept on {host}, which needs python3: {' '.join(said.split())}."
        ) from None
    if came != frame(on_host.READY):
        raise BrokenLine(
            f"The login on {host} says something before the session begins (a profile that prints?): {came!r}."
        )
    return process


def _said(error: BaseException) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:LONGEST_SAID]
