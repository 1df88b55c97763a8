# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed checkpoints of a stream: C2SP tlog-checkpoint in a C2SP signed-note.

A checkpoint says: the stream of this origin had this many records, and this is the RFC 6962 root over their lines.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from .checkpoint_files import CheckpointConflict, checkpoint_path, read_checkpoints, write_checkpoint
from .note import BrokenCheckpoint, UnsignedCheckpoint, sign_text, signed_text
from .public_key import BrokenKey, PublicKey, Signer, canonical_base64
from .record import check_origin

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BrokenCheckpoint",
    "BrokenKey",
    "Checkpoint",
    "CheckpointConflict",
    "PublicKey",
    "Signer",
    "UnsignedCheckpoint",
    "checkpoint_path",
    "open_note",
    "open_signed",
    "read_checkpoints",
    "sign",
    "write_checkpoint",
]

_TEXT = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,17})\n([A-Za-z0-9+/=]+)\n")


@dataclass(frozen=True)
class Checkpoint:
    """What is signed."""

    origin: str
    """The stream."""
    size: int
    """Its number of records."""
    root: bytes
    """The RFC 6962 root over their lines, 32 bytes."""

    def text(self) -> str:
        """Return the three lines of tlog-checkpoint."""
        check_origin(self.origin)
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the three lines; extension lines, which we never write, are refused.

        Raises:
            BrokenCheckpoint: the text is not a checkpoint.
        """
        match = _TEXT.fullmatch(text)
        root = canonical_base64(match[3]) if match else None
        if match is None or root is None or len(root) != sha256().digest_size:
            raise BrokenCheckpoint("A signed text is not a checkpoint.")
        return cls(match[1], int(match[2]), root)


def sign(checkpoint: Checkpoint, signer: Signer) -> str:
    """Return the signed note of a checkpoint.

    Raises:
        BreakglassError: as the signer says.
    """
    return sign_text(checkpoint.text(), signer)


def open_note(note: str, keys: Sequence[PublicKey]) -> Checkpoint:
    """Return the checkpoint of a note that a known key signed.

    Raises:
        UnsignedCheckpoint: no known key signed it.
        BrokenCheckpoint: it is malformed, or its signature does not belong to its text.
    """
    return open_signed(note, keys)[0]


def open_signed(note: str, keys: Sequence[PublicKey]) -> tuple[Checkpoint, PublicKey]:
    """Return the checkpoint of a note and the known key that signed it; raises what `open_note` raises."""
    text, key = signed_text(note, keys)
    return Checkpoint.parse(text), key
