# SPDX-License-Identifier: GPL-3.0-or-later
"""X.509 certificates under a grant: readable, for a key that was made here, and revoked with the grant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import requests
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.holding import ASKED, OBTAINED, REFUSED
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.obtaining import TakenName, obtain
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.order import UnusableOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.wallet import masked_of
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import VaultError
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from tests.integration.credentials.engines import EVERYTHING, lease_left, pki_order

if TYPE_CHECKING:
    from tests.support.live_run import LiveRun
    from tests.support.openbao import PreparedVault


def revoked(vault: PreparedVault) -> set[int]:
    answer = requests.get(f"{vault.connection.url}/v1/cred-pki/crl", timeout=10)
    return {one.serial_number for one in x509.load_der_x509_crl(answer.content)}


def test_pem_files_belong_together(granted: LiveRun) -> None:
    """The certificate is for the key beside it and was signed by the first of the chain; its names are those asked for."""
    order = pki_order(alternative_names=("www.shop.example",), addresses=("10.0.0.1", "2001:DB8:0::1"))
    credential, _ = obtain(granted.live, order)
    directory = granted.run.credential("pki")
    certificate = x509.load_pem_x509_certificate((directory / "certificate.pem").read_bytes())
    (issuer, *_) = x509.load_pem_x509_certificates((directory / "chain.pem").read_bytes())
    key = load_pem_private_key((directory / "private_key.pem").read_bytes(), None)
    certificate.verify_directly_issued_by(issuer)
    assert certificate.public_key() == key.public_key()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"shop.example", "www.shop.example"}
    assert {str(one) for one in names.get_values_for_type(x509.IPAddress)} == {"10.0.0.1", "2001:db8::1"}
    assert credential.facts["serial"] == f"{certificate.serial_number:x}"
    assert certificate.not_valid_after_utc <= datetime.now(tz=UTC) + timedelta(minutes=10, seconds=5)
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}


def test_a_bundle_opens_with_its_passphrase(granted: LiveRun) -> None:
    """PKCS#12 holds key, certificate and chain; the passphrase lies beside it and is masked everywhere else."""
    credential, _ = obtain(granted.live, pki_order(form="pkcs12"))
    directory = granted.run.credential("pki")
    passphrase = (directory / "passphrase").read_bytes()
    bundle = load_pkcs12((directory / "bundle.p12").read_bytes(), passphrase)
    assert bundle.key is not None
    assert bundle.cert is not None
    assert f"{bundle.cert.certificate.serial_number:x}" == credential.facts["serial"]
    assert len(bundle.additional_certs) == 1
    assert masked_of(granted.run) == (passphrase.decode(),)
    assert passphrase.decode() not in granted.everything_written()
    with pytest.raises(ValueError, match="password"):
        load_pkcs12((directory / "bundle.p12").read_bytes(), b"")


def test_closing_revokes_it(granted: LiveRun, vault: PreparedVault) -> None:
    """After closing the lease is proven gone, the serial is on the CRL, and nothing is said to remain."""
    credential, _ = obtain(granted.live, pki_order())
    serial = int(str(credential.facts["serial"]), 16)
    assert serial not in revoked(vault)
    assert lease_left(vault.admin, credential.lease_id) is not None
    closed = granted.close()
    assert (closed.proof.lease_ids, closed.remains) == ((credential.lease_id,), ())
    assert lease_left(vault.admin, credential.lease_id) is None
    assert serial in revoked(vault)


def test_without_a_lease_it_is_thrown_away(granted: LiveRun) -> None:
    """A role that keeps none gives nothing that closing could revoke; the sentence says how to set the role."""
    with pytest.raises(UnusableOrder, match="generate_lease=true"):
        obtain(granted.live, pki_order("unleased"))
    assert granted.kinds == [ASKED, REFUSED]
    assert list(granted.run.credentials.glob("pki/*")) == []


def test_one_without_a_lease_may_be_wanted(granted: LiveRun) -> None:
    """Then closing says that it lives, and until when."""
    credential, _ = obtain(granted.live, pki_order("unleased", lease_required=False))
    assert credential.lease_id == ""
    assert granted.close().remains == (f"{credential.what} expires at {credential.expires_at}",)


def test_it_lives_no_longer_than_asked(granted: LiveRun) -> None:
    """A shorter life than the box's is what the certificate has."""
    obtain(granted.live, pki_order(longest=timedelta(seconds=90)))
    certificate = x509.load_pem_x509_certificate((granted.run.credential("pki") / "certificate.pem").read_bytes())
    assert certificate.not_valid_after_utc <= datetime.now(tz=UTC) + timedelta(seconds=91)


def test_the_same_order_is_the_same_certificate(granted: LiveRun) -> None:
    """Order of names does not matter; another name under the taken one is refused with what has it."""
    first, _ = obtain(granted.live, pki_order(alternative_names=("a.example", "b.example")))
    assert obtain(granted.live, pki_order(alternative_names=("b.example", "a.example"))) == (first, False)
    with pytest.raises(TakenName, match=r"certificate .* for shop.example.*option name"):
        obtain(granted.live, pki_order(common_name="other.example"))
    obtain(granted.live, pki_order(name="second", common_name="other.example"))
    assert granted.kinds == [ASKED, OBTAINED] * 2
    assert len(granted.close().proof.lease_ids) == 2


@pytest.mark.parametrize("role", ["missing", "other"])
def test_a_role_that_is_not_open_is_one_sentence(granted: LiveRun, role: str) -> None:
    """One that Vault does not have, and one that the access does not open."""
    with pytest.raises(VaultError) as refused:
        obtain(granted.live, pki_order(role))
    assert "\n" not in str(refused.value)
    assert granted.kinds == [ASKED, REFUSED]


def test_the_access_does_not_sign_for_keys_of_vault(granted: LiveRun, vault: PreparedVault) -> None:
    """Only our own parameters pass: a longer list is denied by Vault's policy."""
    own = vault.admin.with_token(granted.run.token.read_text(encoding="ascii"))
    with pytest.raises(VaultError, match="denied"):
        own.post("cred-pki/sign/leased", {"csr": "x", "common_name": "a", "ttl": "1s", "exclude_cn_from_sans": True})
    assert EVERYTHING in granted.run.grant.read_text(encoding="ascii")
