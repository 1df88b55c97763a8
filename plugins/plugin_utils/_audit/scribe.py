# SPDX-License-Identifier: GPL-3.0-or-later
"""The scribe: a process that signs the streams of a run without a grant, with the key of a file.

It signs while the run goes on, and seals when the callback asks for it or when Ansible's main process is gone, however
that happened. Where a grant is opened its guard does all this, so the scribe leaves.
"""

from __future__ import annotations

import os
import select
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from .._credential.register import credential_stream
from .._errors import BreakglassError
from .._guard import line
from .._guard.detaching import in_a_process_of_its_own, leave_run
from .._journal.anchor import NoAnchors
from .._journal.stream import StreamBusy
from .._sealing import seal_run
from .._signing import OpenStream

if TYPE_CHECKING:
    from .._journal.file_signer import FileSigner
    from .place import Place

LOOK_EVERY_SECONDS = 1.0
SEAL_LIMIT_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 10.0
PAUSE_SECONDS = 0.1
READY = "ready"


class UnstartedScribe(BreakglassError):
    """Raised when the process that signs can't be started."""


class Scribe:
    """The callback's end of the line to it."""

    def __init__(self, end: socket.socket, pid: int) -> None:
        """Take the line and the process; `start` makes them."""
        self._end = end
        self._pid = pid

    @classmethod
    def start(cls, place: Place, signer: FileSigner) -> Scribe:
        """Have the streams of this run signed from now on; raises UnstartedScribe."""
        try:
            ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            main = os.getpid()
            in_a_process_of_its_own(lambda: _Work(place, signer, its, main).do(), lambda: None)
        except OSError as error:
            raise UnstartedScribe(f"The process that signs the journal can't be started: {error.strerror}.") from error
        its.close()
        pid = line.receive(ours).get(READY)
        if not isinstance(pid, int):
            raise UnstartedScribe("The process that signs the journal died at its start. Try again.")
        return cls(ours, pid)

    def seal(self) -> str:
        """Have the streams, which are complete, sealed; returns why they are not, or nothing."""
        answer = line.ask(self._end, line.SEAL, self._pid, SEAL_LIMIT_SECONDS)
        self._end.close()
        if answer is None:
            return "The journal's end is not signed: the process that signs it was killed, or hangs."
        return str(answer.get("why", ""))


class _Work:
    def __init__(self, place: Place, signer: FileSigner, end: socket.socket, main: int) -> None:
        self._place = place
        self._signer = signer
        self._end = end
        self._main = main
        self._streams = (place.stream, credential_stream(place.stream))

    def do(self) -> None:
        """Sign until there is nothing more to sign."""
        leave_run({self._end.fileno()})
        watch = os.pidfd_open(self._main)
        line.send(self._end, {READY: os.getpid()})
        open_streams = [OpenStream(self._place.journal / f"{name}.jsonl", name) for name in self._streams]
        while not select.select([self._end.fileno(), watch], [], [], LOOK_EVERY_SECONDS)[0]:
            if self._place.run.grant.exists():
                return  # its guard signs
            for stream in open_streams:
                with suppress(BreakglassError):  # tried again, and sealed at the end, where a changed stream shows
                    stream.sign(time.monotonic(), self._signer, NoAnchors())
        if not self._place.run.grant.exists():
            line.send(self._end, {"to": line.SEAL, "why": self._seal()})

    def _seal(self) -> str:
        """Seal once nobody writes any more; a worker that is ending may still have the file open for a moment."""
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while (error := self._sealed()) is not None:
            if not isinstance(error, StreamBusy) or time.monotonic() > deadline:
                return f"The journal's end is not signed. {error}"
            time.sleep(PAUSE_SECONDS)
        return ""

    def _sealed(self) -> BreakglassError | None:
        try:
            seal_run(self._place.journal, self._streams, self._signer, NoAnchors())
        except BreakglassError as error:
            return error
        return None
