# SPDX-License-Identifier: GPL-3.0-or-later
"""`journal.keep`: what was sealed longer ago moves to the archive by itself, once every sink has it. Nothing is deleted."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import NAME, Ledger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._sealing import VaultSigner, checkpoint
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.archiving import archive
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.anchors import VaultAnchors

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Callable

    from breakglass.settings import JournalSettings
    from breakglass.vault_session import VaultSession

LOG = logging.getLogger("breakglass.retention")
EVERY_SECONDS = 3600.0
AFTER_TROUBLE_SECONDS = 300.0


class KeptBack(BreakglassError):
    """Raised when something is older than it should be kept, and a sink has not acknowledged it."""


class Retention:
    """Moves streams by the settings; without `keep` it does nothing. The ledgers say what was moved."""

    def __init__(self, journal: JournalSettings, session: VaultSession) -> None:
        self._journal = journal
        self._session = session
        self._due = 0.0
        self._trouble: BreakglassError | None = None

    def look(self, go_on: Callable[[], bool]) -> None:
        """Move what is due, if it is time to look again; `go_on` is asked before each stream.

        Raises:
            BreakglassError: Not all could be moved, at this look or at the last one. What stays is intact.
        """
        if self._journal.keep is None or self._journal.archive is None:
            return
        if time.monotonic() >= self._due:
            self._trouble = None
            try:
                self._move(go_on)
            except BreakglassError as error:
                self._trouble = error
            self._due = time.monotonic() + (AFTER_TROUBLE_SECONDS if self._trouble else EVERY_SECONDS)
        if self._trouble is not None:
            raise self._trouble

    def _move(self, go_on: Callable[[], bool]) -> None:
        journal, keep, to = self._journal, self._journal.keep, self._journal.archive
        if keep is None or to is None:
            return
        before = datetime.now(UTC) - keep
        done = archive(
            journal.directory, to, before, tuple(journal.sinks.sinks), lambda: datetime.now(UTC), go_on=go_on
        )
        if done.moved:
            LOG.info("%d streams were moved to %s", len(done.moved), to)
        if (to / NAME).exists():
            self._sign(Ledger.open(to))
        if done.unshipped:
            raise KeptBack(
                f"{len(done.unshipped)} streams are older than journal.keep and stay, because not every sink has "
                f"acknowledged them: {done.unshipped[0]} is the first."
            )

    def _sign(self, ledger: Ledger) -> None:
        """The journal's own ledger is signed with the streams; this is the archive's."""
        client = self._session.client()
        checkpoint(ledger.path, ledger.origin, ledger.head(), VaultSigner(client), VaultAnchors(client))
