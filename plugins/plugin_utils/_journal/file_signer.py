# SPDX-License-Identifier: GPL-3.0-or-later
"""A signer whose key is a file, for journals that no Vault signs; its public keys, old and new, lie in `KEYFILE.pub`.

Whoever can read the key can forge what it signs from then on; what it protects against is everybody else, and, with a copy
of the checkpoints at a sink, what was signed before.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .keys_file import read_keys, write_keys
from .local_key import LocalKey, UnusableKeyFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .public_key import PublicKey

VARIABLE = "BREAKGLASS_SIGNING_KEY"
"""Names the file of the key in the environment of a run."""


class FileSigner:
    """Signs with the key of a file and knows the keys that were in it before."""

    def __init__(self, key: LocalKey, known: tuple[PublicKey, ...]) -> None:
        """Take the key and every public key, oldest first."""
        self._key = key
        self._known = known

    @classmethod
    def create(cls, path: Path, name: str) -> FileSigner:
        """Make a key and its file (0600), and add its public half to `KEYFILE.pub`.

        Raises:
            BrokenKey: the name can't be a key's.
            UnusableKeyFile: there is a key of that name already: it must be moved away first.
            MissingKeys, UnwritableKeys: the file of public keys can't be read or written.
        """
        public = public_half(path)
        before = read_keys(public) if public.exists() else ()
        if any(key.name == name for key in before):
            raise UnusableKeyFile(f"{public} has a key {name} already. Name each key anew, as breakglass-journal/v2.")
        key = LocalKey.create(path, name)
        known = (*before, key.key())
        write_keys(public, known)
        return cls(key, known)

    @classmethod
    def load(cls, path: Path) -> FileSigner:
        """Read the key, and the public keys beside it.

        Raises:
            UnusableKeyFile: the key can't be read, or others than its owner may read it.
            MissingKeys: the public keys can't be read.
            BrokenKey: a file holds something else, or the public keys are another key's.
        """
        key = LocalKey.load(path)
        known = read_keys(public_half(path))
        if key.key() not in known:
            raise UnusableKeyFile(
                f"{public_half(path)} does not have the public half of {path}, so nobody could verify what it signs. "
                "Make the key with breakglass audit key."
            )
        return cls(key, known)

    def keys(self) -> tuple[PublicKey, ...]:
        """Every key, oldest first."""
        return self._known

    def key(self) -> PublicKey:
        """The public half of the key that signs."""
        return self._key.key()

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature (64 bytes) of the message."""
        return self._key.sign(message)


def public_half(path: Path) -> Path:
    """Where the public keys of a key's file are: what `breakglass audit verify --key` is given."""
    return path.with_name(f"{path.name}.pub")


def signer_from(environ: Mapping[str, str]) -> FileSigner | None:
    """The signer that the environment names; None without one. Raises what `FileSigner.load` raises."""
    given = environ.get(VARIABLE)
    return FileSigner.load(Path(given)) if given else None
