# SPDX-License-Identifier: GPL-3.0-or-later
"""A way to Vault that a test can cut: between a runner and its server, passing on, slow, refusing, hanging, or cutting at a step."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from breakglass.demo.parts import free_port

if TYPE_CHECKING:
    from types import TracebackType

LOOPBACK = "127.0.0.1"
CHUNK = 65_536


@dataclass(eq=False)
class _Link:
    """One client's connection and ours to the server."""

    client: socket.socket
    server: socket.socket
    loses_answer: threading.Event = field(default_factory=threading.Event)
    is_asked: threading.Event = field(default_factory=threading.Event)

    def cut(self) -> None:
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class CutProxy:
    """Listens from its creation to the end of its `with` block, on a port of its own.

    Attributes:
        url: What the client is told instead of the server's address.
    """

    def __init__(self, target: str) -> None:
        """Stand before the server at the address `target` (`http://host:port`), passing everything on."""
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 0)
        # A port that was asked for by number stays ours while nobody listens: a refusal is then a real one.
        self._listener = socket.create_server((LOOPBACK, free_port()))
        self.url = f"http://{LOOPBACK}:{self._listener.getsockname()[1]}"
        self._change = threading.Condition()
        self._listening, self._hanging, self._over = True, False, False
        self._cut_request, self._cut_answer = b"", b""
        self._delay = 0.0
        self._links: set[_Link] = set()
        self._threads = [threading.Thread(target=self._accept, name="cut-proxy")]
        self._threads[0].start()

    def __enter__(self) -> Self:
        """It listens already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Refuse for ever."""
        with self._change:
            self._over = True
            self._change.notify_all()
        self.refuse()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def pass_on(self) -> None:
        """Let everything through from now on, also what hangs at this moment."""
        with self._change:
            self._cut_request = self._cut_answer = b""
            self._hanging, self._delay = False, 0.0
            if not self._listening:
                self._listener.listen()
                self._listening = True
            self._change.notify_all()

    def refuse(self) -> None:
        """Break every connection, and refuse new ones: nobody listens any more."""
        with self._change:
            self._hanging, self._delay = False, 0.0
            if self._listening:
                self._listening = False
                self._listener.shutdown(socket.SHUT_RDWR)
            links = tuple(self._links)
            self._change.notify_all()
        for link in links:
            link.cut()

    def hang(self) -> None:
        """Take connections and requests, and pass nothing on, as a network does that loses every packet."""
        with self._change:
            self._hanging = True

    def slow_down(self, seconds: float) -> None:
        """Hold the answer to every request back for so long, which the server has obeyed at once; until `pass_on`."""
        with self._change:
            self._delay = seconds

    def cut_at(self, path: str) -> None:
        """Refuse from the next request to this path on, which the server never sees."""
        with self._change:
            self._cut_request = path.encode()

    def cut_after(self, path: str) -> None:
        """Refuse from the answer to the next request to this path on, which the server has obeyed."""
        with self._change:
            self._cut_answer = path.encode()

    @property
    def is_cut(self) -> bool:
        """Whether it refuses."""
        with self._change:
            return not self._listening

    def _accept(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._listening or self._over)
                if self._over:
                    return
            with suppress(OSError):  # it is also what tells us that nobody listens any more
                client, _ = self._listener.accept()
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            link = _Link(client, socket.create_connection(self._target))
        except OSError:
            client.close()
            raise
        with self._change:
            self._links.add(link)
            if not self._listening:
                link.cut()
        thread = threading.Thread(target=self._carry, args=(link,), name="cut-proxy-link")
        self._threads.append(thread)
        thread.start()

    def _carry(self, link: _Link) -> None:
        back = threading.Thread(target=self._answers, args=(link,), name="cut-proxy-answers")
        back.start()
        with suppress(OSError):
            while (request := link.client.recv(CHUNK)) and self._may_pass(link, request):
                link.server.sendall(request)
        link.cut()
        back.join()
        with self._change:
            self._links.discard(link)
        link.client.close()
        link.server.close()

    def _answers(self, link: _Link) -> None:
        with suppress(OSError):
            while answer := link.server.recv(CHUNK):
                if link.loses_answer.is_set():
                    self.refuse()
                    break
                self._hold_back(link)
                link.client.sendall(answer)
        link.cut()

    def _hold_back(self, link: _Link) -> None:
        """Wait before the first part of each answer, until the delay is over or is not wanted any more."""
        if link.is_asked.is_set():
            link.is_asked.clear()
            with self._change:
                self._change.wait_for(lambda: not self._delay or self._over, timeout=self._delay)

    def _may_pass(self, link: _Link, request: bytes) -> bool:
        with self._change:
            self._change.wait_for(lambda: not self._hanging or self._over)
            first_line = request.partition(b"\r\n")[0]
            if self._cut_answer and self._cut_answer in first_line:
                link.loses_answer.set()
            passes = not (self._cut_request and self._cut_request in first_line)
            link.is_asked.set()
        if not passes:
            self.refuse()
        return passes
