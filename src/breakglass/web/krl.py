# SPDX-License-Identifier: GPL-3.0-or-later
"""`/krl`: SSH certificates that are to be believed no more, as sshd reads it (`RevokedKeys`). Hosts fetch it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Self

from breakglass.domain.krl import MEDIA, revocation_list
from breakglass.store.early_ends import EarlyEnds
from breakglass.web.operations import ANYBODY, Call, Done, Operation, Said, operation

if TYPE_CHECKING:
    from breakglass.runner import Runner
    from breakglass.web.metrics import Metrics

KEPT_SECONDS: Final = 2.0


@dataclass
class KrlPage:
    """The page.

    Attributes:
        ends: What is on the list.
    """

    ends: EarlyEnds
    _made: bytes = b""
    _until: float = 0.0
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, runner: Runner, _metrics: Metrics) -> Self:
        """That of a runner; several that share a database have the same."""
        return cls(EarlyEnds(runner.database))

    @operation(
        Operation(
            "GET",
            "/krl",
            "listRevokedCertificates",
            "SSH certificates that are to be believed no more",
            Done(HTTPStatus.OK, "A key revocation list of OpenSSH; empty while nothing is on it.", media=MEDIA),
            who=ANYBODY,
            group="certificates",
        )
    )
    def show(self, _call: Call[Said]) -> bytes:
        """Names the plays and sessions whose grants are over while their certificates are not; up to two seconds old."""
        with self._turn:  # whoever asks often costs no more than one who does now and then
            if time.monotonic() >= self._until:
                now, key_ids = self.ends.key_ids()
                self._made = revocation_list(int(now.timestamp() * 1000), now, key_ids)
                self._until = time.monotonic() + KEPT_SECONDS
            return self._made
