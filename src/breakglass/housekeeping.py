# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done again and again beside the incidents: flush the journal, seal, archive, copy the hold to Vault."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._sealing import VaultSigner
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.anchors import VaultAnchors

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Callable

    from breakglass.effects.runs import Runs
    from breakglass.hold_mirror import HoldMirror
    from breakglass.journal import Journal
    from breakglass.retention import Retention
    from breakglass.vault_session import VaultSession

LOG = logging.getLogger("breakglass.housekeeping")
EVERY_SECONDS = 1.0


class Housekeeping:
    """Background threads; each of their duties is tried again, whatever becomes of the others.

    Moving old streams may take its time, and nothing else may wait for it: that has a thread of its own.
    """

    def __init__(
        self, journal: Journal, runs: Runs, session: VaultSession, retention: Retention, mirror: HoldMirror
    ) -> None:
        self._journal = journal
        self._mirror = mirror
        self._retention = retention
        self._runs = runs
        self._session = session
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_house, name="housekeeping", daemon=True)
        self._mover = threading.Thread(target=self._keep_archive, name="retention", daemon=True)
        self.troubles: dict[str, str] = {}

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self._mover.start()

    def stop(self) -> None:
        """End, after everything was tried once more."""
        self._stop.set()
        self._thread.join()
        self._mover.join()
        self._round()

    def _keep_house(self) -> None:
        while not self._stop.is_set():
            self._round()
            self._try("spare play process", self._runs.prepare)
            self._stop.wait(EVERY_SECONDS)

    def _keep_archive(self) -> None:
        while not self._stop.is_set():
            self._try("retention", lambda: self._retention.look(lambda: not self._stop.is_set()))
            self._stop.wait(EVERY_SECONDS)

    def _round(self) -> None:
        self._try("copying the hold to Vault", self._mirror.keep)
        self._try("journal", self._journal.flush)
        self._try("sealing", self._seal)
        self._try("signing", self._sign)

    def _seal(self) -> None:
        client = self._session.client()
        signer, anchors = VaultSigner(client), VaultAnchors(client)
        self._journal.seal_what_is_over(signer, anchors)

    def _sign(self) -> None:
        client = self._session.client()
        self._journal.sign_what_is_new(VaultSigner(client), VaultAnchors(client))

    def _try(self, duty: str, work: Callable[[], None]) -> None:
        try:
            work()
            self.troubles.pop(duty, None)
        except BreakglassError as error:
            if self.troubles.get(duty) != str(error):
                LOG.error("%s: %s", duty, error)  # noqa: TRY400 (a sentence for people)
            self.troubles[duty] = str(error)
        except Exception:
            LOG.exception("%s: a fault of ours; it is tried again", duty)
            self.troubles[duty] = f"{duty} failed for a fault of ours; see the log"
