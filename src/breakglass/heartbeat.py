# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner's heartbeat: one request again and again to a dead man's switch, which speaks up when it no longer comes.

It comes only while the runner can do all of its work: so the outside hears of a runner that is dead, that hangs, and that
can't reach its Vault. Beats that don't get through are a trouble of their own, which keeps no further beat from being
tried. The address is a secret: it is read anew for each beat, and stands in no text of ours.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.cutting import Connections
from urllib3.exceptions import HTTPError

from breakglass.domain.draft import Note
from breakglass.errors import BreakglassError
from breakglass.http_session import session_within
from breakglass.secret_files import read_secret_file
from breakglass.settings_addresses import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from breakglass.settings import HeartbeatSettings
    from breakglass.store.journal_queue import JournalQueue

LOG = logging.getLogger("breakglass.heartbeat")
LOOK_EVERY_SECONDS = 1.0
ANSWER_WITHIN_SECONDS = 8.0
"""For the whole of a beat: shorter than the time between two."""
STOP_WITHIN_SECONDS = 2.0
IN_VAIN = 3
"""Beats in a row that must fail before it is a trouble: one that is lost on its way wakes nobody."""


class LostBeat(BreakglassError):
    """Raised when a beat was not taken; its text never holds the address."""


class Heartbeat:
    """Beats in a thread of its own; without settings it does nothing.

    Attributes:
        trouble: That beats fail, once several in a row have; else empty.
        last_success: When a beat was last taken, in seconds since 1970; 0 when none was.
    """

    def __init__(self, settings: HeartbeatSettings | None, queue: JournalQueue) -> None:
        self.trouble = ""
        self.last_success = 0.0
        self._settings = settings
        self._queue = queue
        self._lost: list[datetime] = []
        self._to_record: list[Note] = []
        self._connections = Connections()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def lost_in_a_row(self) -> int:
        """Beats that were not taken since the last one that was."""
        return len(self._lost)

    def start(self, troubles: Callable[[], Sequence[str]]) -> None:
        """Begin to beat while there are none of these troubles, which must not hold our own."""
        if self._settings is not None:
            work = (self._settings, troubles)
            self._thread = threading.Thread(target=self._work, args=work, name="heartbeat", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """No beat more; one that is under way is cut off."""
        self._stop.set()
        self._connections.cut()
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_SECONDS)  # a name that nobody resolves can't be cut off

    def _work(self, settings: HeartbeatSettings, troubles: Callable[[], Sequence[str]]) -> None:
        due, withheld = 0.0, False
        while not self._stop.is_set():
            in_trouble = bool(troubles())
            if in_trouble and not withheld:
                LOG.warning("No heartbeat goes out while the runner can't do all of its work; /readyz says why.")
            withheld = in_trouble
            if not withheld and time.monotonic() >= due:
                due = time.monotonic() + settings.every.total_seconds()
                self.beat(settings)
            self._stop.wait(LOOK_EVERY_SECONDS)

    def beat(self, settings: HeartbeatSettings) -> None:
        """Send one beat, and take down what became of it."""
        try:
            send_beat(settings.url_file, settings.ca_cert, self._connections)
            lost = None
        except BreakglassError as error:
            lost = str(error)
        except Exception as error:  # noqa: BLE001 (its text could hold the address, so only its kind is told)
            lost = f"the heartbeat failed for a fault of ours ({type(error).__name__})"
        if self._stop.is_set():
            return
        if lost is None:
            self._was_taken()
        else:
            self._was_lost(lost)
        self._record()

    def _was_taken(self) -> None:
        self.last_success = time.time()
        if self._lost:
            LOG.info("The heartbeat is taken again.")
        if self.trouble:
            since = self._lost[0].isoformat()
            self._to_record.append(Note("heartbeat.taken_again", {"beats": len(self._lost), "since": since}))
        self._lost.clear()
        self.trouble = ""

    def _was_lost(self, why: str) -> None:
        self._lost.append(datetime.now(UTC))
        since = self._lost[0]
        if len(self._lost) == 1:
            LOG.warning("The heartbeat was not taken: %s", why)
        if len(self._lost) == IN_VAIN:
            LOG.error("The heartbeat fails: %s", why)
            self._to_record.append(Note("heartbeat.failed", {"why": why, "since": since.isoformat()}))
        if len(self._lost) >= IN_VAIN:
            self.trouble = (
                f"The heartbeat has not been taken {len(self._lost)} times, since {since:%Y-%m-%d %H:%M:%S} UTC: {why} "
                "Nobody outside hears now whether this runner lives; it goes on trying."
            )

    def _record(self) -> None:
        """Queue the records that wait; those that the database does not take now are tried again with the next beat."""
        try:
            self._queue.add_to_day(self._to_record)
            self._to_record.clear()
        except BreakglassError as error:
            LOG.error("The record of the heartbeat waits: %s", error)  # noqa: TRY400 (a sentence for people)


def send_beat(url_file: Path, ca_cert: Path | None = None, connections: Connections | None = None) -> None:
    """Send one beat: GET, no redirect, no proxy, nothing of the environment; taken if the answer is a 2xx.

    Args:
        url_file: A secret file with the address.
        ca_cert: Authorities that are believed instead of the usual ones, or None.
        connections: Where another thread can cut it off.

    Raises:
        UnreadableSecret: The file can't be read, or is open to others.
        LostBeat: It holds no address for a heartbeat, or nobody took the beat.
    """
    url = heartbeat_url(url_file)
    try:
        status = _get(url, ca_cert, connections)
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        raise LostBeat(f"the address in {url_file} did not answer ({type(error).__name__}).") from None
    if 300 <= status <= 399:  # noqa: PLR2004 (RFC 9110, section 15.4)
        raise LostBeat(f"the address in {url_file} redirects ({status}), which is not followed: write the final one.")
    if not 200 <= status <= 299:  # noqa: PLR2004 (RFC 9110, section 15.3)
        raise LostBeat(f"the address in {url_file} answered {status}.")


def heartbeat_url(url_file: Path) -> str:
    """Read the address anew, so that it can be rotated; raises UnreadableSecret, LostBeat."""
    url = read_secret_file(url_file)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    is_plain = url.isascii() and url.isprintable() and " " not in url and port != 0
    is_closed = host and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
    if not is_plain or not is_closed:
        raise LostBeat(
            f"{url_file} does not hold one address of a heartbeat: https://…, or http://… if it is on this machine."
        )
    return url


def _get(url: str, ca_cert: Path | None, connections: Connections | None) -> int:
    """The status of the answer; its content is not read."""
    with (
        session_within(ANSWER_WITHIN_SECONDS, ca_cert, connections) as session,
        session.get(url, timeout=ANSWER_WITHIN_SECONDS, allow_redirects=False, stream=True) as response,
    ):
        return response.status_code
