# SPDX-License-Identifier: GPL-3.0-or-later
"""A signing key in a file (0600), for sites without Vault's transit engine and for tests.

The file holds one line, `PRIVATE+KEY+NAME+ID+KEY`, as the Go implementation of signed-note writes it.
"""

from __future__ import annotations

import stat
from base64 import b64encode
from contextlib import suppress
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from . import durable
from .public_key import ED25519, KEY_SIZE, BrokenKey, PublicKey, canonical_base64

with suppress(ImportError):  # what is missing is told when a run begins (_libraries.py)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

if TYPE_CHECKING:
    from pathlib import Path

_PREFIX = "PRIVATE+KEY+"
_MAX_SIZE = 4096


class UnusableKeyFile(BreakglassError):
    """Raised when a file of a signing key is not there, is somebody else's to read, or can't be written."""


class LocalKey:
    """A signer with its key in memory; its text never shows the key."""

    def __init__(self, name: str, seed: bytes) -> None:
        """Take a name and the 32 bytes that the key is made of.

        Raises:
            BrokenKey: the name or the seed can't be a key's.
        """
        if len(seed) != KEY_SIZE:
            raise BrokenKey("A signing key is not an Ed25519 key.")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = PublicKey(name, self._private.public_key().public_bytes_raw())

    @classmethod
    def create(cls, path: Path, name: str) -> LocalKey:
        """Make a key and its file (0600). When this returns, the file is on the disk.

        Raises:
            BrokenKey: the name can't be a key's.
            UnusableKeyFile: something has that name, or the system refuses.
        """
        seed = Ed25519PrivateKey.generate().private_bytes_raw()
        key = cls(name, seed)
        line = f"{_PREFIX}{name}+{key.key().key_id().hex()}+{b64encode(ED25519 + seed).decode()}\n"
        try:
            durable.publish(path, line.encode())
        except OSError as error:
            raise UnusableKeyFile(f"The signing key {path} can't be written: {error.strerror}.") from error
        return key

    @classmethod
    def load(cls, path: Path) -> LocalKey:
        """Read a key's file.

        Raises:
            UnusableKeyFile: it can't be read, or others than its owner may read it.
            BrokenKey: it does not hold a signing key.
        """
        try:
            with path.open("rb") as file:
                if stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
                    raise UnusableKeyFile(f"Others may read the signing key {path}. Take their rights away: chmod 600.")
                text = file.read(_MAX_SIZE).decode(errors="replace")
        except OSError as error:
            raise UnusableKeyFile(f"The signing key {path} can't be read: {error.strerror}.") from error
        return cls._parse(text.strip(), path)

    @classmethod
    def _parse(cls, text: str, path: Path) -> LocalKey:
        name, _plus, rest = text.removeprefix(_PREFIX).partition("+")
        key_id, _plus, encoded = rest.partition("+")
        typed = canonical_base64(encoded)
        if not text.startswith(_PREFIX) or typed is None or typed[:1] != ED25519:
            raise BrokenKey(f"The file {path} does not hold a signing key.")
        key = cls(name, typed[1:])
        if key.key().key_id().hex() != key_id:
            raise BrokenKey(f"The signing key {path} is damaged: its id is not the one of its key.")
        return key

    def key(self) -> PublicKey:
        """Return the public half."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature (64 bytes) of the message."""
        return self._private.sign(message)
