# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures by Vault's transit engine: the journal's key never leaves Vault."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Final

from .answer import section, text
from .errors import UnexpectedAnswer, UnusableRequest
from .names import JOURNAL_KEY, TRANSIT_MOUNT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .client import Client

_KEY: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_SIGNATURE: Final = re.compile(r"vault:v([1-9][0-9]{0,8}):([A-Za-z0-9+/]+={0,2})", re.ASCII)
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64


class TransitSigner:
    """Signs with one Ed25519 key of the transit engine; each version of it has a name of its own, KEY/vN."""

    def __init__(self, client: Client, key: str = JOURNAL_KEY) -> None:
        """Use a client that may sign with and read the key.

        Raises:
            UnusableRequest: The name of the key can't stand in a path.
        """
        if not _KEY.fullmatch(key):
            raise UnusableRequest("The name of a transit key may hold letters, digits, dot, underscore and dash only.")
        self._client = client
        self._key = key

    def public_keys(self) -> list[tuple[str, bytes]]:
        """Return name and raw public key (32 bytes) of every version, oldest first.

        Raises:
            UnexpectedAnswer: It is no Ed25519 key.
            VaultError: Vault refuses or can't be asked.
        """
        fields = section(self._client.get(f"{TRANSIT_MOUNT}/keys/{self._key}"), "data")
        if text(fields, "type") != "ed25519":
            raise UnexpectedAnswer(f"The transit key {self._key} is no Ed25519 key; make one of that type.")
        versions = section(fields, "keys")
        numbers = sorted(int(version) for version in versions if _VERSION.fullmatch(version))
        return [(f"{self._key}/v{number}", self._raw(section(versions, str(number)))) for number in numbers]

    def sign(self, message: bytes) -> tuple[str, bytes]:
        """Return the name of the key version that signed, and the raw signature (64 bytes, RFC 8032).

        Raises:
            UnexpectedAnswer: It is no Ed25519 signature.
            VaultError: Vault refuses or can't be asked.
        """
        answer = self._client.post(
            f"{TRANSIT_MOUNT}/sign/{self._key}", {"input": base64.b64encode(message).decode("ascii")}
        )
        match = _SIGNATURE.fullmatch(text(section(answer, "data"), "signature"))
        if match is None:
            raise self._strange()
        return f"{self._key}/v{match[1]}", self._decoded(match[2], _SIGNATURE_BYTES)

    def _raw(self, version: Mapping[str, object]) -> bytes:
        return self._decoded(text(version, "public_key"), _KEY_BYTES)

    def _decoded(self, encoded: str, length: int) -> bytes:
        try:
            raw = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != length:
            raise self._strange()
        return raw

    def _strange(self) -> UnexpectedAnswer:
        return UnexpectedAnswer(f"Vault's transit engine did not answer with Ed25519 for the key {self._key}.")
