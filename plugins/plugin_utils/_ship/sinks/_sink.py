# SPDX-License-Identifier: GPL-3.0-or-later
"""What a sink is, and the two ways in which it can fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..._errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..options import Options
    from ..parcel import Parcel


class Unacknowledged(BreakglassError):
    """Raised when a sink did not acknowledge; the records are sent again until it does.

    The text never repeats what the receiver said: it could have repeated our token.
    """

    def __init__(self, text: str, wait_seconds: float | None = None) -> None:
        """Take the sentence, and how long the receiver asks us to wait."""
        super().__init__(text)
        self.wait_seconds = wait_seconds


class RefusedRecords(BreakglassError):
    """Raised when the receiver will never take these records as they are; the shipper finds out which of them."""


class Sink(Protocol):
    """One place that records are shipped to. It is used by one thread at a time."""

    @property
    def most(self) -> int:
        """How many records it takes at once."""

    @property
    def is_remote(self) -> bool:
        """Whether its acknowledgement means that another machine has the records."""

    def send(self, parcels: Sequence[Parcel]) -> int:
        """Send records; return how many of the first the receiver has acknowledged, at least one.

        Raises:
            Unacknowledged: not one of them is known to be there.
            RefusedRecords: one of them, or all, will never be taken.
        """

    def close(self) -> None:
        """Let go of connections that were kept; `send` would make new ones."""


class SinkModule(Protocol):
    """What a module of this folder offers."""

    def make(self, options: Options) -> Sink:
        """Make the sink from its checked options, without any I/O; raises UnusableSink."""
