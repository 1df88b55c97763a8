# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH certificates from a real CA."""

from __future__ import annotations

import subprocess
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import grant, session, ssh
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    CertificateMismatch,
    DeniedByVault,
    InvalidRequest,
    UnusableRequest,
)
from tests.support.openbao import DATABASE, WEB, grant_request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.openbao import PreparedVault

KEYS = ssh.generate_key_pair()
REQUEST = ssh.SshRequest(hosts=("web1", "web2"), key_id="INC-TEST attempt 1", ttl=timedelta(minutes=2))
SIGN = "ssh-breakglass/sign/breakglass-web-operator"


@pytest.fixture
def web(runner: Client) -> Client:
    """A grant of the access web-operator."""
    wrapped = grant.mint_wrapped(runner, grant_request(WEB.name))
    return runner.with_token(grant.unwrap(runner, wrapped.token, grant_request(WEB.name)).token)


@pytest.fixture
def loose_role(prepared: PreparedVault) -> Iterator[str]:
    """The SSH role of web-operator, to be loosened by a test; put back afterwards."""
    path = "ssh-breakglass/roles/breakglass-web-operator"
    stands = section(prepared.admin.get(path), "data")
    yield path
    prepared.admin.post(path, stands)


def test_a_certificate_is_exactly_what_was_asked_for(prepared: PreparedVault, web: Client) -> None:
    """Principals, key id, life and CA are those of the request, and it begins 30 seconds ago."""
    made = ssh.sign(web, WEB.name, KEYS.public_key, REQUEST)
    assert made.principals == ("web1", "web2")
    assert made.key_id == "INC-TEST attempt 1"
    assert made.valid_before - made.valid_after == timedelta(minutes=2, seconds=30)
    assert made.ca_public_key == ssh.ca_public_key(prepared.admin)
    assert made.serial > 0


def test_openssh_reads_key_and_certificate(web: Client, tmp_path: Path) -> None:
    """ssh-keygen takes our private key and shows the certificate without extensions."""
    key, certificate = tmp_path / "key", tmp_path / "key-cert.pub"
    key.touch(mode=0o600)
    key.write_bytes(KEYS.private_key)
    certificate.write_text(ssh.sign(web, WEB.name, KEYS.public_key, REQUEST).text)
    public = subprocess.run(["ssh-keygen", "-y", "-f", key], capture_output=True, text=True, check=True).stdout
    shown = subprocess.run(["ssh-keygen", "-L", "-f", certificate], capture_output=True, text=True, check=True).stdout
    assert public.split()[:2] == KEYS.public_key.split()[:2]
    assert "Extensions: (none)" in shown
    assert "user certificate" in shown


def test_a_certificate_never_outlives_its_grant(runner: Client) -> None:
    """Asked for longer than what is left, it ends with the grant by Vault's own clock."""
    request = grant_request(WEB.name, timedelta(seconds=20))
    opened = grant.unwrap(runner, grant.mint_wrapped(runner, request).token, request)
    made = ssh.sign(runner.with_token(opened.token), WEB.name, KEYS.public_key, REQUEST)
    assert made.valid_before <= opened.facts.expires_at


class SlowSigning(Client):
    """A client whose first request for a certificate arrives two seconds of the grant's life late."""

    late = False

    def post(self, path: str, body: Mapping[str, object], wrap_ttl: timedelta | None = None) -> Mapping[str, object]:
        if path == SIGN and not self.late:
            self.late = True
            before, limit = session.lookup(self).ttl, time.monotonic() + 10
            while session.lookup(self).ttl > before - timedelta(seconds=2) and time.monotonic() < limit:
                time.sleep(0.05)
        return super().post(path, body, wrap_ttl)


def test_a_slow_vault_is_asked_once_more(runner: Client) -> None:
    """A certificate that outlives its grant because Vault was slow is thrown away, and a shorter one is asked for."""
    request = grant_request(WEB.name, timedelta(seconds=20))
    opened = grant.unwrap(runner, grant.mint_wrapped(runner, request).token, request)
    with SlowSigning(runner.connection, opened.token) as slow:
        made = ssh.sign(slow, WEB.name, KEYS.public_key, REQUEST)
    assert slow.late
    assert made.valid_before <= opened.facts.expires_at


def test_vault_refuses_a_host_of_another_access(web: Client) -> None:
    """A grant for web opens nothing on db1."""
    with pytest.raises(InvalidRequest, match="db1 is not a valid value for valid_principals"):
        ssh.sign(web, WEB.name, KEYS.public_key, replace(REQUEST, hosts=("web1", "db1")))


def test_a_grant_cannot_use_the_role_of_another_access(web: Client) -> None:
    """The policy of an access signs with its own role only."""
    with pytest.raises(DeniedByVault):
        ssh.sign(web, DATABASE.name, KEYS.public_key, replace(REQUEST, hosts=("db1",)))


def test_a_grant_cannot_sign_for_hosts(web: Client) -> None:
    """Host certificates are not for grants."""
    with pytest.raises(DeniedByVault):
        ssh.sign_host_certificate(web, KEYS.public_key, ["web1"], timedelta(hours=1))


@pytest.mark.parametrize(
    "extra",
    [
        {"valid_principals": ""},
        {"valid_principals": "web1,db1"},
        {"valid_principals": "*"},
        {"ttl": "901s"},
        {"cert_type": "host"},
        {"extensions": {"permit-pty": ""}},
        {"critical_options": {"force-command": "true"}},
        {"public_key": "ssh-rsa AAAA"},
    ],
)
def test_vault_itself_refuses_more(web: Client, extra: dict[str, object]) -> None:
    """Someone with the token of a grant gets no other kind of certificate out of Vault."""
    body = {
        "public_key": KEYS.public_key,
        "valid_principals": "web1",
        "key_id": "x",
        "ttl": "60s",
        "cert_type": "user",
    }
    assert web.post(SIGN, body)
    with pytest.raises((DeniedByVault, InvalidRequest)):
        web.post(SIGN, {**body, **extra})


@pytest.mark.parametrize("missing", ["valid_principals", "key_id", "ttl"])
def test_vault_itself_wants_each_parameter(web: Client, missing: str) -> None:
    """Leaving principals, key id or life out is denied."""
    body = {"public_key": KEYS.public_key, "valid_principals": "web1", "key_id": "x", "ttl": "60s", "cert_type": "user"}
    with pytest.raises(DeniedByVault):
        web.post(SIGN, {name: value for name, value in body.items() if name != missing})


@pytest.mark.parametrize(
    ("loosened", "difference"),
    [
        ({"default_extensions": {"permit-pty": ""}}, "options or extensions"),
        ({"default_critical_options": {"force-command": "true"}}, "options or extensions"),
        ({"not_before_duration": 600}, "it lives for"),
    ],
)
def test_a_role_that_somebody_changed_is_found_out(
    prepared: PreparedVault, web: Client, loose_role: str, loosened: dict[str, object], difference: str
) -> None:
    """What was signed is compared with what was asked for, whatever the role says."""
    stands = section(prepared.admin.get(loose_role), "data")
    prepared.admin.post(loose_role, {**stands, **loosened})
    with pytest.raises(CertificateMismatch, match=difference):
        ssh.sign(web, WEB.name, KEYS.public_key, REQUEST)


def test_a_dead_grant_signs_nothing(web: Client) -> None:
    """After revoking there is no further certificate."""
    session.revoke(web)
    with pytest.raises(DeniedByVault):
        ssh.sign(web, WEB.name, KEYS.public_key, REQUEST)


def test_an_admin_signs_for_a_host(prepared: PreparedVault) -> None:
    """A host certificate names the host, and is signed by the same CA."""
    made = ssh.sign_host_certificate(prepared.admin, KEYS.public_key, ["web1", "127.0.0.1"], timedelta(hours=1))
    assert sorted(made.principals) == ["127.0.0.1", "web1"]
    assert made.ca_public_key == ssh.ca_public_key(prepared.admin)


@pytest.mark.parametrize("hosts", [(), ("",), ("web1,db1",), ("*",), ("web1", "web1"), ("web 1",), ("wéb",)])
def test_bad_principals_are_never_sent(hosts: tuple[str, ...]) -> None:
    """No, double or strange principals are refused before Vault hears of them."""
    with pytest.raises(UnusableRequest):
        replace(REQUEST, hosts=hosts)
