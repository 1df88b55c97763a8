# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass login` by name and password: of a directory, and with a second factor of Vault's."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, text
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import OPERATOR_POLICY
from tests.e2e.test_approvals import POLICY
from tests.support.ldap_front import LdapFront
from tests.support.login_vault import LoginVault
from tests.support.login_ways import device_of
from tests.support.office import PASSWORD, Member, Office, open_office
from tests.support.passcode import passcode

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all."""
    with open_office(POLICY) as made:
        yield made


@pytest.fixture(scope="module")
def ada(office: Office) -> Member:
    """She logs in."""
    return office.hire("ada", "web-team", factor=False)


def test_a_password_of_the_directory_logs_in(office: Office, ada: Member) -> None:
    """As the same person as by any other way, since her alias there is of her entity; another password keeps nothing."""
    mount = text(section(section(office.admin.get("sys/auth"), "data"), "token/"), "accessor")
    office.admin.post("identity/entity-alias", {"name": "ada", "canonical_id": ada.entity, "mount_accessor": mount})
    rules = {"allowed_entity_aliases": ["ada"], "allowed_policies": [OPERATOR_POLICY]}
    office.admin.post("auth/token/roles/directory", rules)
    made = {"policies": [OPERATOR_POLICY], "entity_alias": "ada", "ttl": "10m"}
    with LdapFront(office.admin, made, "auth/token/create/directory") as front:
        front.passwords["ada"] = "directory pass ü"
        way = ("login", "--auth-method", "ldap", "--username", "ada", "--vault", front.client.connection.url)
        refused = office.run(ada, *way, said="guessed-wrong\n")
        assert (refused.returncode, "refused the LDAP login" in refused.stderr) == (1, True)
        assert "guessed-wrong" not in refused.stderr
        assert "not logged in" in office.run(ada, "whoami").stderr
        done = office.run(ada, *way, said="directory pass ü\n")
        assert (done.returncode, "You are ada, of web-team." in done.stdout) == (0, True), done.stderr
        assert "You are ada" in office.run(ada, "whoami").stdout
        assert office.run(ada, "logout").returncode == 0
        assert front.faults == []


def test_a_token_that_she_had_before_is_hers_to_end(office: Office, ada: Member) -> None:
    """Logging out forgets it here; in Vault it lives on."""
    home = office.site.scratch / "home-ada"
    home.mkdir(mode=0o700, exist_ok=True)
    (home / ".vault-token").write_text(ada.token, encoding="utf-8")
    assert "You are ada" in office.run(ada, "login", "--auth-method", "token").stdout
    assert "You are ada" in office.run(ada, "whoami").stdout
    done = office.run(ada, "logout")
    assert (done.returncode, "lives on: it is yours to end" in done.stdout) == (0, True), done
    assert "not logged in" in office.run(ada, "whoami").stderr
    assert "You are ada" in office.run(ada, "login", "--auth-method", "token").stdout


def test_no_password_is_asked_for_a_runner_that_would_hear_it_in_clear_text(office: Office, ada: Member) -> None:
    """Nor is anything sent to what is no address."""
    for runner, words in (("http://192.0.2.7:8443", "clear text"), ("breakglass.example.com", "https://host")):
        refused = office.run(ada, "login", "--username", "ada", "--runner", runner)
        assert (refused.returncode, words in refused.stderr, "Password" in refused.stderr) == (1, True, False)


def test_an_unknown_way_is_told_all_that_there_are(office: Office, ada: Member) -> None:
    """The browser's among them; that is wrong use."""
    refused = office.run(ada, "login", "--auth-method", "saml")
    assert (refused.returncode, "oidc" in refused.stderr, "userpass" in refused.stderr) == (3, True, True)


def test_a_code_is_asked_for_where_vault_wants_one(office: Office) -> None:
    """With --mfa, after the password; without one the sentence says what is missing."""
    eve = office.hire("eve", "web-team", factor=False)
    device = device_of(LoginVault(office.admin, ""), eve.entity)
    without = office.run(eve, "login", "--username", "eve", said=f"{PASSWORD}\n")
    assert (without.returncode, "no passcode was given" in without.stderr) == (1, True)
    done = office.run(eve, "login", "--username", "eve", "--mfa", said=f"{PASSWORD}\n{passcode(device, time.time())}\n")
    assert (done.returncode, "You are eve" in done.stdout) == (0, True), done.stderr
