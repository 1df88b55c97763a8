# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate authority of a test's own, and server and client certificates by it, as PEM files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

LOOPBACK = IPv4Address("127.0.0.1")


@dataclass(frozen=True)
class Pair:
    """Paths of a certificate and of its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """A CA that signs for 127.0.0.1 and for clients."""

    directory: Path
    name: x509.Name
    key: EllipticCurvePrivateKey
    pem: str

    @classmethod
    def create(cls, directory: Path, name: str) -> Self:
        """Make one; its certificate is written to `NAME.pem`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        builder = _builder(subject, subject, key).add_extension(constraints, critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
        pem = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{name}.pem").write_text(pem)
        return cls(directory, subject, key, pem)

    @property
    def path(self) -> Path:
        """File of the CA's certificate."""
        return self.directory / f"{self.name.rfc4514_string().removeprefix('CN=')}.pem"

    def server(self) -> Pair:
        """Sign a server's certificate for 127.0.0.1."""
        return self._issue("server", ExtendedKeyUsageOID.SERVER_AUTH, b"")

    def client(self, name: str, key_password: bytes = b"") -> Pair:
        """Sign a client's certificate; its key is encrypted when there is a password."""
        return self._issue(name, ExtendedKeyUsageOID.CLIENT_AUTH, key_password)

    def _issue(self, name: str, purpose: x509.ObjectIdentifier, key_password: bytes) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        certificate = (
            _builder(_name(name), self.name, key)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(LOOPBACK)]), critical=False)
            .add_extension(authority, critical=False)
            .sign(self.key, hashes.SHA256())
        )
        encryption = BestAvailableEncryption(key_password) if key_password else NoEncryption()
        pair = Pair(self.directory / f"{name}.crt", self.directory / f"{name}.key")
        pair.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
        return pair


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(tz=timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
    )
