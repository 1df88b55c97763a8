# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for secrets in bytes: as they are, and in the clothes in which programs pass them on."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONG_ENOUGH = 12
"""Bytes from which on a secret is searched in every disguise; a shorter one (a code) only as a word of its own."""
# How the file of every key of OpenSSH begins: its frame, and "openssh-key-v1" with the names of its ciphers.
SAME_IN_ALL_KEYS = (b"-----", b"b3BlbnNzaC1rZXktdjE")


def found(secrets: Iterable[bytes], haystacks: Mapping[str, bytes]) -> list[str]:
    """Where one of the secrets is, and which: its first characters only."""
    needles = {disguised: secret for secret in secrets for disguised in disguises(secret)}
    short = [secret for secret in secrets if len(secret) < LONG_ENOUGH]
    return [
        *(f"{where}: {needles[one][:5]!r}…" for where, text in haystacks.items() for one in needles if one in text),
        *(f"{where}: a code" for where, text in haystacks.items() for one in short if _is_word(one, text)),
    ]


def disguises(secret: bytes) -> set[bytes]:
    """How a secret may look: plain, as JSON, in an address, in hexadecimal, in base64 at each of three places."""
    if len(secret) < LONG_ENOUGH:
        return set()
    shapes = {secret, secret.hex().encode(), *(_base64(secret, before) for before in range(3))}
    shapes |= {shape.translate(bytes.maketrans(b"+/", b"-_")) for shape in shapes if shape != secret}
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return shapes
    return shapes | {json.dumps(text)[1:-1].encode(), quote(text, safe="").encode(), ascii(text)[1:-1].encode()}


def lines(text: bytes) -> set[bytes]:
    """The lines of a file that is secret as a whole: each could be quoted alone."""
    return {line for line in text.splitlines() if len(line) >= LONG_ENOUGH and not line.startswith(SAME_IN_ALL_KEYS)}


def of_key(pem: bytes) -> set[bytes]:
    """A private key: each line of its PEM, and the number that is the secret."""
    load = load_ssh_private_key if b"OPENSSH" in pem else load_pem_private_key
    return lines(pem) | _numbers(load(pem, None))


def of_bundle(bundle: bytes, passphrase: bytes) -> set[bytes]:
    """A PKCS#12 bundle: its passphrase, the key in it, and the bundle itself."""
    key = load_pkcs12(bundle, passphrase).key
    assert key is not None
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {passphrase, bundle} | of_key(pem)


def _numbers(key: object) -> set[bytes]:
    if isinstance(key, Ed25519PrivateKey):
        return {key.private_bytes_raw()}
    assert isinstance(key, EllipticCurvePrivateKey)
    return {key.private_numbers().private_value.to_bytes((key.key_size + 7) // 8)}


def _base64(secret: bytes, before: int) -> bytes:
    """What every base64 of a text holds in which the secret stands after 3n + `before` bytes."""
    encoded = base64.b64encode(bytes(before) + secret)
    return encoded[(before * 8 + 5) // 6 : (before + len(secret)) * 8 // 6]


def _is_word(secret: bytes, text: bytes) -> bool:
    return bool(secret) and re.search(rb"(?<![\w.])" + re.escape(secret) + rb"(?![\w.])", text) is not None
