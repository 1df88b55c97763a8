# SPDX-License-Identifier: GPL-3.0-or-later
"""An X.509 certificate for this run, as PEM files or PKCS#12."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .._vault.pki import NewKey, PkiCertificate, PkiRequest, new_key, pki_path, sign_certificate
from .holding import Fate
from .order import Obtained, UnusableOrder

with suppress(ImportError):  # what is missing is told when a run begins (_libraries.py)
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
    from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

if TYPE_CHECKING:
    from datetime import timedelta

    from .._journal.canonical import JsonValue
    from .._vault.client import Client

FORMS = ("pem", "pkcs12")


@dataclass(frozen=True)
class PkiOrder:
    """A certificate for these names.

    Attributes:
        name: What the run calls it.
        mount: Where the PKI engine is mounted.
        role: The engine's role.
        form: One of FORMS.
        common_name: The name that it is for.
        alternative_names: Further DNS names.
        addresses: IP addresses.
        longest: Life at most; None for what is left of the grant.
        lease_required: Whether a certificate that closing can't revoke is thrown away.
    """

    kind: ClassVar[str] = "pki"
    name: str
    mount: str
    role: str
    form: str
    common_name: str
    alternative_names: tuple[str, ...]
    addresses: tuple[str, ...]
    longest: timedelta | None
    lease_required: bool

    @property
    def what(self) -> str:
        """What is asked for, in words."""
        return f"a certificate for {self.common_name} of {pki_path(self.mount, self.role)}"

    def identity(self) -> dict[str, JsonValue]:
        """What makes it another order."""
        return {
            "path": pki_path(self.mount, self.role),
            "common_name": self.common_name,
            "alternative_names": sorted(self.alternative_names),
            "addresses": sorted(self.addresses),
            "longest": None if self.longest is None else int(self.longest.total_seconds()),
            "form": self.form,
        }

    def obtain(self, client: Client, left: timedelta) -> Obtained:
        """Make a key and have a certificate signed for it. Raises VaultError, UnusableOrder."""
        life = left if self.longest is None else min(self.longest, left)
        key = new_key()
        request = PkiRequest(self.common_name, self.alternative_names, self.addresses, life)
        certificate = sign_certificate(client, self.mount, self.role, key, request)
        if certificate.lease is None and self.lease_required:
            raise UnusableOrder(
                f"Vault keeps no lease for certificates of the role {self.role}, so closing could not revoke them; this one "
                "was thrown away with its key. Set generate_lease=true on the role, or lease_required: false on the task."
            )
        files, hidden = self._files(key, certificate)
        return Obtained(
            what=f"certificate {certificate.serial} for {self.common_name}",
            fate=Fate.REVOKED if certificate.lease else Fate.LIVES,
            expires_at=certificate.expires_at,
            facts={"serial": certificate.serial, "common_name": self.common_name},
            files=files,
            secrets=hidden,
            lease=certificate.lease,
        )

    def _files(self, key: NewKey, certificate: PkiCertificate) -> tuple[dict[str, bytes], tuple[str, ...]]:
        if self.form == "pkcs12":
            passphrase = secrets.token_urlsafe(24)
            bundle = _pkcs12(self.common_name, key, certificate, passphrase)
            return {"bundle.p12": bundle, "passphrase": passphrase.encode()}, (passphrase,)
        return pem_files(key, certificate), ()


def pem_files(key: NewKey, certificate: PkiCertificate) -> dict[str, bytes]:
    """The files of a certificate, by their names."""
    return {
        "certificate.pem": certificate.pem.encode(),
        "private_key.pem": key.pem.encode(),
        "chain.pem": "".join(certificate.chain).encode(),
    }


def _pkcs12(name: str, key: NewKey, certificate: PkiCertificate, passphrase: str) -> bytes:
    return serialize_key_and_certificates(
        name.encode(),
        key.private,
        x509.load_pem_x509_certificate(certificate.pem.encode()),
        [x509.load_pem_x509_certificate(one.encode()) for one in certificate.chain],
        BestAvailableEncryption(passphrase.encode()),
    )
