# SPDX-License-Identifier: GPL-3.0-or-later
"""X.509 certificates: the key is made here and never travels, Vault signs, and what it signed is checked."""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from .answer import section, text, texts
from .errors import CertificateMismatch, UnusableRequest
from .lease import Lease, read_lease
from .names import host_name, mount_point, role_name

with suppress(ImportError):  # what is missing is told when a run begins (_libraries.py)
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
    from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .client import Client

__all__ = ["PkiCertificate", "PkiRequest", "new_key", "pki_path", "sign_certificate"]

_SLACK: Final = timedelta(seconds=60)


@dataclass(frozen=True)
class PkiRequest:
    """A certificate that is asked for.

    Attributes:
        common_name: The name that it is for; a subject alternative name too.
        alternative_names: Further DNS names.
        addresses: IP addresses.
        life: Longest life; what is left of the grant, where that is less.

    Raises:
        UnusableRequest: A name or address that is none, or a life below one second.
    """

    common_name: str
    alternative_names: tuple[str, ...]
    addresses: tuple[str, ...]
    life: timedelta

    def __post_init__(self) -> None:
        """Check what must not even be put to Vault."""
        for name in (self.common_name, *self.alternative_names):
            host_name(name)
        for address in self.addresses:
            _check_address(address)
        if self.life < timedelta(seconds=1):
            raise UnusableRequest("A certificate must live for at least one second; is the grant at its end?")

    @property
    def names(self) -> set[str]:
        """Every DNS name."""
        return {self.common_name, *self.alternative_names}


@dataclass(frozen=True)
class PkiCertificate:
    """A certificate that was checked.

    Attributes:
        pem: The certificate.
        chain: The certificates above it, the issuing one first.
        serial: Serial number, in hexadecimal.
        expires_at: Its end (UTC), for those who do not ask whether it was revoked.
        lease: By which Vault revokes it; None when the role keeps none.
    """

    pem: str
    chain: tuple[str, ...]
    serial: str
    expires_at: datetime
    lease: Lease | None


@dataclass(frozen=True)
class NewKey:
    """A fresh key.

    Attributes:
        pem: PKCS#8, unencrypted; never shown.
        public: Its public half (DER), to compare.
        private: The key itself.
    """

    pem: str = field(repr=False)
    public: bytes
    private: ec.EllipticCurvePrivateKey = field(repr=False)


def new_key() -> NewKey:
    """Make a P-256 key."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return NewKey(pem, key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), key)


def pki_path(mount: str, role: str) -> str:
    """Return the path under which a role signs. Raises UnusableRequest for what can't stand in a path."""
    return f"{mount_point(mount)}/sign/{role_name(role)}"


def sign_certificate(client: Client, mount: str, role: str, key: NewKey, request: PkiRequest) -> PkiCertificate:
    """Have a certificate signed for exactly these names.

    Raises:
        InvalidRequest: Vault refuses: a name outside the role, or a life over its own.
        DeniedByVault: The grant's access does not open this role.
        CertificateMismatch: What was signed is not what was asked for.
        VaultError: Vault can't be asked; `outcome_unknown` tells whether one may have been signed.
    """
    answer = client.post(pki_path(mount, role), _body(key, request))
    fields = section(answer, "data")
    pem = text(fields, "certificate").strip() + "\n"
    certificate = _checked(pem, key, request)
    chain = texts(fields, "ca_chain") or (text(fields, "issuing_ca"),)
    return PkiCertificate(
        pem=pem,
        chain=tuple(f"{one.strip()}\n" for one in chain),
        serial=f"{certificate.serial_number:x}",
        expires_at=certificate.not_valid_after_utc,
        lease=read_lease(answer),
    )


def _body(key: NewKey, request: PkiRequest) -> dict[str, object]:
    """Say the names in both places: a role with `use_csr_sans`, as they are unless told otherwise, reads the CSR's only."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, request.common_name)])
    names = [x509.DNSName(name) for name in sorted(request.names)]
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in sorted(request.addresses)]
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject)
        .add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
        .sign(key.private, SHA256())
    )
    return {
        "csr": csr.public_bytes(Encoding.PEM).decode(),
        "common_name": request.common_name,
        "alt_names": ",".join(sorted(request.alternative_names)),
        "ip_sans": ",".join(sorted(request.addresses)),
        "ttl": f"{int(request.life.total_seconds())}s",
        "format": "pem",
    }


def _checked(pem: str, key: NewKey, request: PkiRequest) -> x509.Certificate:
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        wrong = tuple(_differences(certificate, key, request))
    except (ValueError, UnicodeError):
        raise CertificateMismatch(
            "What Vault signed can't be read as an X.509 certificate; nothing was used of it."
        ) from None
    if wrong:
        raise CertificateMismatch(
            f"The certificate is not the one that was asked for: {'; '.join(wrong)}. It was thrown away with its key; "
            "compare the PKI role with the policy's access."
        )
    return certificate


def _differences(certificate: x509.Certificate, key: NewKey, request: PkiRequest) -> Iterator[str]:
    """Tell in what a certificate is not what was asked for (RFC 5280)."""
    if certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != key.public:
        yield "it is for another key"
    names, addresses = _names(certificate)
    asked = {str(ipaddress.ip_address(address)) for address in request.addresses}
    if names - request.names or addresses - asked:
        yield "it names others too"
    if not (request.names - {request.common_name} <= names and asked <= addresses):
        yield "it does not name all that were asked for"
    if certificate.not_valid_after_utc > datetime.now(tz=timezone.utc) + request.life + _SLACK:
        yield f"it lives until {certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}, longer than asked"
    if _may_sign(certificate):
        yield "it may sign other certificates"


def _check_address(address: str) -> None:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise UnusableRequest(f"{address[:60]!r} is no IP address; a certificate can't be for it.") from None


def _names(certificate: x509.Certificate) -> tuple[set[str], set[str]]:
    common = {str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)}
    try:
        others = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return common, set()
    names = common | set(others.get_values_for_type(x509.DNSName))
    return names, {str(address) for address in others.get_values_for_type(x509.IPAddress)}


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
