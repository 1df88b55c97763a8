# SPDX-License-Identifier: GPL-3.0-or-later
"""C2SP signed-note: a text, an empty line, and one line for each signature."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .public_key import ID_SIZE, PublicKey, Signer, canonical_base64

if TYPE_CHECKING:
    from collections.abc import Sequence

_SIGNATURE_LINE = re.compile(r"\u2014 ([^\s+]+) ([A-Za-z0-9+/=]+)")
_FORBIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f]")
_MAX_SIGNATURES = 16
_ATTEMPTS = 3


class BrokenCheckpoint(BreakglassError):
    """Raised when a checkpoint is malformed, or its signature does not belong to its text."""


class UnsignedCheckpoint(BreakglassError):
    """Raised when none of the known keys has signed a checkpoint."""


@dataclass(frozen=True)
class _Signature:
    name: str
    key_id: bytes
    signature: bytes


def sign_text(text: str, signer: Signer) -> str:
    """Return the note of a text that ends in a newline.

    Raises:
        BrokenCheckpoint: the signer's key is not the one that it signs with, and stays so.
        BreakglassError: as the signer says.
    """
    for _attempt in range(
        _ATTEMPTS
    ):  # a key that is rotated between the two questions gives a signature of the next version
        key, signature = signer.key(), signer.sign(text.encode())
        if key.has_signed(text.encode(), signature):
            return f"{text}\n\u2014 {key.name} {b64encode(key.key_id() + signature).decode()}\n"
    raise BrokenCheckpoint("A checkpoint could not be signed: the signature is not by the key that was named for it.")


def signed_text(note: str, keys: Sequence[PublicKey]) -> tuple[str, PublicKey]:
    """Return the text of a note and the known key that signed it. Signatures of unknown keys count for nothing.

    Raises:
        BrokenCheckpoint: the note is malformed, or a signature that names a known key is not by it.
        UnsignedCheckpoint: no signature names a known key.
    """
    text, signatures = _split(note)
    signers = []
    for signature in signatures:
        for key in keys:
            if (key.name, key.key_id()) != (signature.name, signature.key_id):
                continue
            if not key.has_signed(text.encode(), signature.signature):
                raise BrokenCheckpoint(f"A checkpoint's signature is not by {key.name}: text or signature was changed.")
            signers.append(key)
    if not signers:
        names = ", ".join(signature.name for signature in signatures)
        raise UnsignedCheckpoint(f"A checkpoint is not signed by a known key (it names {names}).")
    return text, signers[0]


def _split(note: str) -> tuple[str, list[_Signature]]:
    text, separator, rest = note.rpartition("\n\n")
    lines = rest.split("\n")
    if not separator or not text or lines.pop() != "" or not 0 < len(lines) <= _MAX_SIGNATURES or not _is_clean(note):
        raise BrokenCheckpoint("A checkpoint is not a signed note.")
    return text + "\n", [_signature(line) for line in lines]


def _signature(line: str) -> _Signature:
    match = _SIGNATURE_LINE.fullmatch(line)
    raw = canonical_base64(match[2]) if match else None
    if match is None or raw is None or len(raw) <= ID_SIZE:
        raise BrokenCheckpoint("A checkpoint has a signature line that is none.")
    return _Signature(match[1], raw[:ID_SIZE], raw[ID_SIZE:])


def _is_clean(note: str) -> bool:
    try:
        note.encode()
    except UnicodeEncodeError:
        return False
    return _FORBIDDEN.search(note) is None
