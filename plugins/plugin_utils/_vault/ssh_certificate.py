# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads an OpenSSH certificate and tells in what it is not the one that was asked for. Pure.

Format: PROTOCOL.certkeys of OpenSSH, parsed by `cryptography`. Empty principals would open every host
(CVE-2024-7594), a wrong type or CA none; nothing of the certificate is taken on trust.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from .errors import CertificateMismatch

with suppress(ImportError):  # what is missing is told when a run begins (_libraries.py)
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        SSHCertificate,
        SSHCertificateType,
        load_ssh_public_identity,
        load_ssh_public_key,
    )

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKDATED: Final = timedelta(seconds=30)
"""How far before the signing a certificate becomes valid, for hosts whose clock is behind."""

_CLOCK_SLACK: Final = timedelta(seconds=2)
_MOST_SECONDS: Final = 253_402_300_799  # the last second of the year 9999


@dataclass(frozen=True)
class SshCertificate:
    """A certificate that was checked.

    Attributes:
        text: One line, as it belongs into KEY-cert.pub.
        serial: Its serial number.
        principals: For a user certificate the inventory names that it opens, for a host certificate the host's names.
        valid_after: Begin (UTC).
        valid_before: End (UTC). Nothing can end it earlier.
        key_id: Its name in the log of sshd.
        ca_public_key: The key that signed it, as `ssh-ed25519 AAAA…`.
    """

    text: str
    serial: int
    principals: tuple[str, ...]
    valid_after: datetime
    valid_before: datetime
    key_id: str
    ca_public_key: str


@dataclass(frozen=True)
class Expected:
    """What a certificate must be.

    Attributes:
        kind: For users or for a host.
        public_key: The key that it is for, `ssh-ed25519 AAAA… [comment]`.
        principals: Exactly these names, in any order.
        key_id: Exactly this; None when it was not asked for.
        ca_public_key: The key that must have signed it.
        longest: Longest time from its begin to its end, without `BACKDATED`.
        not_after: It must not live longer (UTC); None when there is no grant around it.
    """

    kind: SSHCertificateType
    public_key: str
    principals: tuple[str, ...]
    key_id: str | None
    ca_public_key: str
    longest: timedelta
    not_after: datetime | None


def read_certificate(text: str, expected: Expected) -> SshCertificate:
    """Parse and compare.

    Raises:
        CertificateMismatch: It can't be parsed, or is not exactly what is expected; the sentence names every difference.
    """
    line = text.strip()
    try:
        certificate = load_ssh_public_identity(line.encode())
    except (ValueError, UnsupportedAlgorithm, UnicodeError) as error:
        raise CertificateMismatch(
            "What Vault signed can't be read as an SSH certificate; nothing was used of it."
        ) from error
    if not isinstance(certificate, SSHCertificate):
        raise CertificateMismatch(
            "Vault answered with a plain SSH key instead of a certificate; nothing was used of it."
        )
    wrong = tuple(_differences(certificate, expected))
    if wrong:
        raise CertificateMismatch(
            f"The SSH certificate is not the one that was asked for: {'; '.join(wrong)}. It was thrown away; "
            "compare the SSH role with the policy (breakglass vault plan)."
        )
    return SshCertificate(
        text=line,
        serial=certificate.serial,
        principals=tuple(principal.decode() for principal in certificate.valid_principals),
        valid_after=_moment(certificate.valid_after),
        valid_before=_moment(certificate.valid_before),
        key_id=certificate.key_id.decode(errors="replace"),
        ca_public_key=_plain(certificate.signature_key()),
    )


def same_key(one: str, other: str) -> bool:
    """Tell whether two OpenSSH public keys are the same key, whatever their comments are."""
    return one.split()[:2] == other.split()[:2]


def _differences(certificate: SSHCertificate, expected: Expected) -> Iterator[str]:
    if certificate.type is not expected.kind:
        yield "it is of the other type, user or host"
    if sorted(certificate.valid_principals) != sorted(name.encode() for name in expected.principals):
        yield "its principals are not exactly the hosts that were asked for"
    if not same_key(_plain(certificate.public_key()), expected.public_key):
        yield "it is for another key"
    if expected.key_id is not None and certificate.key_id != expected.key_id.encode():
        yield "its key id is another one"
    if certificate.critical_options or certificate.extensions:
        yield "it has options or extensions, and none were asked for"
    if not _signed_by(certificate, expected.ca_public_key):
        yield "it is not signed by the certificate authority"
    yield from _validity(certificate, expected)


def _validity(certificate: SSHCertificate, expected: Expected) -> Iterator[str]:
    begin, end = _moment(certificate.valid_after), _moment(certificate.valid_before)
    if end - begin > expected.longest + BACKDATED + _CLOCK_SLACK:
        yield f"it lives for {end - begin}, asked was {expected.longest}"
    if end <= begin:
        yield "it ends before it begins"
    if expected.not_after is not None and end > expected.not_after:
        yield f"it outlives its grant by {end - expected.not_after}"


def _signed_by(certificate: SSHCertificate, ca_public_key: str) -> bool:
    try:
        certificate.verify_cert_signature()
        load_ssh_public_key(ca_public_key.encode())
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return same_key(_plain(certificate.signature_key()), ca_public_key)


def _moment(seconds: int) -> datetime:
    """Convert the format's unsigned 64-bit seconds; `for ever` becomes the year 9999."""
    return datetime.fromtimestamp(min(seconds, _MOST_SECONDS), tz=timezone.utc)


def _plain(key: object) -> str:
    """Return a public key of `cryptography` in OpenSSH form, without a comment."""
    public_bytes = getattr(key, "public_bytes", None)
    if public_bytes is None:  # pragma: no cover  every key that OpenSSH certificates can hold has it
        return ""
    text: bytes = public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return text.decode()
