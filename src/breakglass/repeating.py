# SPDX-License-Identifier: GPL-3.0-or-later
"""A duty in a thread of its own, done again and again, whatever becomes of one time; of several runners one does it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Callable

LOG = logging.getLogger("breakglass.repeating")


class Repeating:
    """Looks every so many seconds, while it is this runner's to look, until it is stopped.

    Attributes:
        trouble: Why the last look failed; empty when it did not.
    """

    def __init__(self, name: str, look: Callable[[], object], every_seconds: float, ours: Callable[[], bool]) -> None:
        """Take the duty's name in a sentence, what is to be done each time, and whether this runner is the one to do it."""
        self.trouble = ""
        self._name = name
        self._look = look
        self._every = every_seconds
        self._ours = ours
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more, and return when the present look is over."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                if self._ours():
                    self._look()
                self.trouble = ""
            except BreakglassError as error:
                if self.trouble != str(error):
                    LOG.error("%s: %s", self._name, error)  # noqa: TRY400 (a sentence for people)
                self.trouble = str(error)
            except Exception:
                LOG.exception("%s: a fault of ours; it is tried again", self._name)
                self.trouble = f"{self._name} failed for a fault of ours; see the log"
            self._stop.wait(self._every)
