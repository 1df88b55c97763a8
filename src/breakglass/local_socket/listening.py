# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner's end: who may, is heard, and what was done is answered. It works for as long as the runner does, whatever comes."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from breakglass.errors import BreakglassError
from breakglass.local_socket.answering import answer
from breakglass.local_socket.peer import Peer
from breakglass.local_socket.wire import Unheard, hear, say
from breakglass.people import user_named

if TYPE_CHECKING:
    import socket

    from breakglass.holding import Holding
    from breakglass.local_socket.place import Place

LOG = logging.getLogger("breakglass.socket")
LOOK_EVERY_SECONDS = 1.0
AFTER_TROUBLE_SECONDS = 5.0
REQUEST_SECONDS = 5.0
AT_ONCE = 8


class LocalSocket:
    """Listens, and listens again when its socket was taken away.

    Attributes:
        trouble: Why nobody can reach it now; empty when somebody can.
    """

    def __init__(self, place: Place, holding: Holding) -> None:
        self.trouble = ""
        self._place = place
        self._holding = holding
        self._stop = threading.Event()
        self._free = threading.BoundedSemaphore(AT_ONCE)
        self._thread = threading.Thread(target=self._work, name="local socket", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Take the socket away, and return when who was heard already has an answer."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        until = time.monotonic() + REQUEST_SECONDS
        for _ in range(AT_ONCE):
            self._free.acquire(timeout=max(until - time.monotonic(), 0))

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                with self._place.listen() as listener:
                    self.trouble = ""
                    self._serve(listener)
            except (BreakglassError, OSError) as error:
                if self.trouble != str(error):
                    LOG.error("local socket: %s", error)  # noqa: TRY400 (a sentence for people)
                self.trouble = str(error)
            except Exception:
                LOG.exception("local socket: a fault of ours; it is tried again")
                self.trouble = "the local socket failed for a fault of ours; see the log"
            if self.trouble:
                self._stop.wait(AFTER_TROUBLE_SECONDS)

    def _serve(self, listener: socket.socket) -> None:
        """Until the runner stops, or another file than ours stands there."""
        ours, group = self._place.identity(), self._place.group_id()
        listener.settimeout(LOOK_EVERY_SECONDS)
        while not self._stop.is_set() and ours is not None and self._place.identity() == ours:
            with suppress(TimeoutError):
                connection, _ = listener.accept()
                self._hand_over(connection, group)
        if self._place.identity() == ours:
            self._place.path.unlink(missing_ok=True)

    def _hand_over(self, connection: socket.socket, group: int | None) -> None:
        """To a thread of its own; one too many at once is let go, and may come again."""
        if not self._free.acquire(blocking=False):
            connection.close()
            return
        threading.Thread(target=self._attend, args=(connection, group), name="local socket", daemon=True).start()

    def _attend(self, connection: socket.socket, group: int | None) -> None:
        try:
            with connection, suppress(OSError):
                say(connection, self._answer(connection, group), REQUEST_SECONDS)
        finally:
            self._free.release()

    def _answer(self, connection: socket.socket, group: int | None) -> dict[str, object]:
        try:
            peer = Peer.of(connection)
            if not peer.may_act(group):
                who = user_named(peer.user)
                with suppress(Unheard):  # who is cut off in the middle of a word does not hear the answer
                    hear(connection, REQUEST_SECONDS)
                LOG.warning("local socket: %s was refused", who)
                return {"refused": _not_you(who, self._place.group)}
            return answer(self._holding, peer.user, hear(connection, REQUEST_SECONDS))
        except BreakglassError as error:
            return {"refused": str(error)}
        except Exception:
            LOG.exception("local socket: a fault of ours")
            return {"refused": "The runner has failed at this for a fault of ours; see its log."}


def _not_you(who: str, group: str) -> str:
    others = f", and members of the group {group}" if group else ""
    return f"The runner does not take this from {who}: only from root and its own user{others}. Nothing was changed."
