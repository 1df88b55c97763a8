# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON Web Tokens signed with a key of a test's own (RFC 7515, RFC 7519; ES256)."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey


def signed(key: EllipticCurvePrivateKey, claims: dict[str, object]) -> str:
    """Sign the claims with a P-256 key."""
    head = ".".join(_part(json.dumps(value).encode()) for value in ({"alg": "ES256", "typ": "JWT"}, claims))
    first, second = decode_dss_signature(key.sign(head.encode(), ECDSA(hashes.SHA256())))
    return f"{head}.{_part(first.to_bytes(32) + second.to_bytes(32))}"


def public_pem(key: EllipticCurvePrivateKey) -> str:
    """Return the public half as PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _part(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
