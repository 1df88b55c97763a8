# SPDX-License-Identifier: GPL-3.0-or-later
"""Signing a run's streams while it goes on, with the operator's login or a key of a file; what can't be is signed at the end."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from .._credential.register import credential_stream
from .._errors import BreakglassError
from .._journal.file_signer import signer_from
from .._sealing import VaultSigner
from .._signing import OpenStream
from .._vault.anchors import VaultAnchors

if TYPE_CHECKING:
    from .._run.live import Live
    from .._sealing import KeyedSigner
    from .._vault.client import Client

LOOK_EVERY_SECONDS = 1.0
LONGEST_JOIN_SECONDS = 15.0


class Signing:
    """A thread of the guard; it ends before the grant is closed."""

    def __init__(self, live: Live, client: Client) -> None:
        """Take the run and the login that may sign."""
        self._client = client
        names = (live.stream, credential_stream(live.stream))
        self._streams = [OpenStream(live.journal / f"{name}.jsonl", name) for name in names]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sign, name="signing", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is being signed is signed first."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(LONGEST_JOIN_SECONDS)

    def _sign(self) -> None:
        signer, anchors = signer_and_anchors(self._client)
        while not self._stop.wait(LOOK_EVERY_SECONDS):
            for stream in self._streams:
                with suppress(BreakglassError):  # tried again, and sealed at the end, where a changed stream shows
                    stream.sign(time.monotonic(), signer, anchors)


def signer_and_anchors(client: Client) -> tuple[KeyedSigner, VaultAnchors]:
    """Who signs: the key whose file the environment names, or Vault; anchored in Vault. Raises what makes the key unusable."""
    return signer_from(os.environ) or VaultSigner(client), VaultAnchors(client)
