# SPDX-License-Identifier: GPL-3.0-or-later
"""A small certificate authority for tests: a root, an intermediate, and what they sign."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Signed:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def der(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def key_pem(self) -> str:
        """The key."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def sign(
    name: str,
    names: Sequence[str] = (),
    by: Signed | None = None,
    *,
    begins: datetime | None = None,
    life: timedelta = timedelta(days=90),
    authority: bool = False,
) -> Signed:
    """Make a key and a certificate for it, by itself or by another."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    since = begins or datetime.now(tz=timezone.utc) - timedelta(hours=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + life)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if names:
        others = [x509.DNSName(one) for one in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(others), critical=False)
    if by:
        known = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key())
        builder = builder.add_extension(known, critical=False)
    return Signed(builder.sign(by.key if by else key, SHA256()), key)


def lay_down(directory: Path, leaf: Signed, *chain: Signed) -> None:
    """Write the three files of a credential."""
    directory.mkdir(mode=0o700, exist_ok=True)
    (directory / "certificate.pem").write_text(leaf.pem)
    (directory / "private_key.pem").write_text(leaf.key_pem)
    (directory / "chain.pem").write_text("".join(one.pem for one in chain))
