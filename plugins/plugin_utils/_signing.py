# SPDX-License-Identifier: GPL-3.0-or-later
"""Signing streams while others write them: at their start, and then whenever enough records or enough time have passed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ._journal import tail
from ._journal.chain import Chain
from ._journal.stream import ChangedStream
from ._sealing import checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from ._journal.anchor import Anchors
    from ._sealing import KeyedSigner

MOST_RECORDS = 500
MOST_SECONDS = 10.0
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


class OpenStream:
    """A stream that another process is writing, read on from where it was read last."""

    def __init__(self, path: Path, origin: str) -> None:
        """Take its file, which need not be there yet, and its origin."""
        self._path = path
        self._chain = Chain(origin)
        self._offset = 0
        self._signed = 0
        self._signed_at = 0.0

    def sign(self, now: float, signer: KeyedSigner, anchors: Anchors) -> None:
        """Sign and anchor its head, if that is due; `now` is in seconds of a clock that does not jump.

        What is signed is on the disk first: a machine that dies must not leave a checkpoint of more records than there are.

        Raises:
            ChangedStream: What is there does not continue what was read before, or can't be read.
            BreakglassError: Nobody signs, or the anchors can't be reached; the next call tries again.
        """
        self._read_on()
        size = self._chain.size
        if not _is_due(size, size - self._signed, now - self._signed_at, is_first=self._signed == 0):
            return
        checkpoint(self._path, self._chain.origin, self._chain.head(), signer, anchors)
        self._signed, self._signed_at = size, now

    def _read_on(self) -> None:
        try:
            descriptor = os.open(self._path, _FLAGS)
        except FileNotFoundError:
            return
        except OSError as error:
            raise ChangedStream(f"The stream {self._path} can't be read: {error.strerror}.") from error
        try:
            self._offset = tail.follow(descriptor, self._chain, self._offset).offset
            os.fdatasync(descriptor)
        except tail.BrokenLine as error:
            raise ChangedStream(  # pylint: disable=bad-exception-cause
                f"The stream {self._path} has been changed while it was written, {error} Verify the journal."
            ) from error
        except OSError as error:
            raise ChangedStream(f"The stream {self._path} can't be read: {error.strerror}.") from error
        finally:
            os.close(descriptor)


def _is_due(size: int, new: int, seconds: float, *, is_first: bool) -> bool:
    if not size or not new:
        return False
    return is_first or new >= MOST_RECORDS or seconds >= MOST_SECONDS
