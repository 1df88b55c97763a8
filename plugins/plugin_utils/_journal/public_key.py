# SPDX-License-Identifier: GPL-3.0-or-later
"""Public keys of checkpoints, as C2SP signed-note writes them, and what can sign with their other half."""

from __future__ import annotations

from base64 import b64decode, b64encode
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from .._errors import BreakglassError

with suppress(ImportError):  # what is missing is told when a run begins (_libraries.py)
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519 = b"\x01"
"""The signature type of signed-note that this project uses."""
KEY_SIZE = 32
ID_SIZE = 4


class BrokenKey(BreakglassError):
    """Raised when a text is not a key of the signed-note format."""


class Signer(Protocol):
    """What can sign checkpoints: a transit key of Vault, or a key file."""

    def key(self) -> PublicKey:
        """Return the public half."""

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature (64 bytes) of the message."""


@dataclass(frozen=True)
class PublicKey:
    """One Ed25519 key under its name."""

    name: str
    """Who signs: `breakglass-journal/v1`; no white space and no plus sign."""
    raw: bytes
    """The key itself, 32 bytes."""

    def __post_init__(self) -> None:
        """Refuse a name or a key that signed-note does not allow."""
        if not self.name or not self.name.isprintable() or " " in self.name or "+" in self.name:
            raise BrokenKey("A key's name must be printable, without spaces and plus signs.")
        if len(self.raw) != KEY_SIZE:
            raise BrokenKey(f"The key {self.name} is not an Ed25519 public key: it has not {KEY_SIZE} bytes.")

    def key_id(self) -> bytes:
        """Return the four bytes that a signature names its key by."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.raw).digest()[:ID_SIZE]

    def vkey(self) -> str:
        """Return the verifier key: name, key id in hex, type and key in base64, joined by plus signs."""
        return f"{self.name}+{self.key_id().hex()}+{b64encode(ED25519 + self.raw).decode()}"

    @classmethod
    def parse(cls, vkey: str) -> PublicKey:
        """Read a verifier key.

        Raises:
            BrokenKey: it is not an Ed25519 verifier key, or its key id is another key's.
        """
        parts = vkey.split("+", 2)
        if len(parts) != len(("name", "id", "key")):
            raise BrokenKey("A verifier key must be NAME+ID+KEY; this text is not.")
        name, key_id, encoded = parts
        typed = canonical_base64(encoded)
        if typed is None or typed[:1] != ED25519:
            raise BrokenKey("A verifier key is not an Ed25519 key in base64.")
        key = cls(name, typed[1:])
        if key.key_id().hex() != key_id:
            raise BrokenKey(f"The verifier key {name} is damaged: its id is not the one of its key.")
        return key

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Tell whether the signature of the message is by this key."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def canonical_base64(encoded: str) -> bytes | None:
    """Decode standard base64 (RFC 4648, section 4); None for any text that the encoder would not have written."""
    try:
        decoded = b64decode(encoded, validate=True)
    except ValueError:
        return None
    return decoded if b64encode(decoded).decode() == encoded else None
