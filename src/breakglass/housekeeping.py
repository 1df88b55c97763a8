# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done again and again beside the incidents: flush the journal, seal, archive, copy the hold to Vault."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._sealing import VaultSigner
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.anchors import VaultAnchors

from breakglass.errors import BreakglassError
from breakglass.pulse import Pulse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.public_key import PublicKey

    from breakglass.effects.runs import Runs
    from breakglass.hold_mirror import HoldMirror
    from breakglass.journal import Journal
    from breakglass.retention import Retention
    from breakglass.vault_session import VaultSession

LOG = logging.getLogger("breakglass.housekeeping")
EVERY_SECONDS = 1.0
TURN_SECONDS = 300.0
"""The most that lies between two steps of housekeeping: one read from a Vault that swallows everything (three tries, each with
ten seconds to connect, ten to wait and half a minute for names that nobody resolves) is two and a half minutes."""


class Housekeeping:
    """Background threads; each of their duties is tried again, whatever becomes of the others.

    Moving old streams may take its time, and nothing else may wait for it: that has a thread of its own.

    Attributes:
        troubles: Why a duty can't be done now, by its name.
        pulse: Of the loop; each duty, each record and each stream's signature is a step, since there may be many.
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
        self.pulse = Pulse("its housekeeping", TURN_SECONDS)

    def start(self) -> None:
        """Begin."""
        self.pulse.turned()
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
            self._duty("spare play process", self._runs.prepare)
            self._stop.wait(EVERY_SECONDS)

    def _keep_archive(self) -> None:
        while not self._stop.is_set():
            self._try("retention", lambda: self._retention.look(lambda: not self._stop.is_set()))
            self._stop.wait(EVERY_SECONDS)

    def _round(self) -> None:
        self._duty("copying the hold to Vault", self._mirror.keep)
        self._duty("journal", lambda: self._journal.flush(step=self.pulse.turned))
        self._duty("sealing", self._seal)
        self._duty("signing", self._sign)

    def _seal(self) -> None:
        vault = self._vault()
        self._journal.seal_what_is_over(vault, vault)

    def _sign(self) -> None:
        vault = self._vault()
        self._journal.sign_what_is_new(vault, vault)

    def _vault(self) -> _Stepwise:
        client = self._session.client()
        return _Stepwise(VaultSigner(client), VaultAnchors(client), self.pulse)

    def _duty(self, duty: str, work: Callable[[], None]) -> None:
        self.pulse.turned()
        self._try(duty, work)

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


@dataclass(frozen=True)
class _Stepwise:
    """Signer and anchors in Vault; each use of them is a step of who uses them."""

    signer: VaultSigner
    anchors: VaultAnchors
    pulse: Pulse

    def keys(self) -> Sequence[PublicKey]:
        self.pulse.turned()
        return self.signer.keys()

    def key(self) -> PublicKey:
        self.pulse.turned()
        return self.signer.key()

    def sign(self, message: bytes) -> bytes:
        self.pulse.turned()
        return self.signer.sign(message)

    def put(self, origin: str, size: int, note: str) -> None:
        self.pulse.turned()
        self.anchors.put(origin, size, note)

    def newest(self, origin: str) -> tuple[int, str] | None:
        self.pulse.turned()
        return self.anchors.newest(origin)
