# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run without the runner refuses: one sentence on the screen, and nothing is left behind."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.hold import Hold, lift_hold, write_hold
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import OPERATOR_POLICY
from tests.integration.collection.operator_run import GRANT, REFUSED, OperatorRun, play
from tests.support.site import Site

from breakglass.demo.parts import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

WHEN = datetime(2026, 11, 22, 2, 51, tzinfo=UTC)
ENABLE = "[defaults]\\ncallbacks_enabled = breakglass.remediation.audit"
ENABLE_ONCE = "ANSIBLE_CALLBACKS_ENABLED=breakglass.remediation.audit"


def _refusal(run: OperatorRun) -> str:
    """The sentence of the one failed task, and that the run ended as a refused one."""
    assert run.code == REFUSED, run.text
    found = re.findall(r'^fatal: \[.*"msg": "((?:[^"\\]|\\.)*)"', run.text, re.MULTILINE)
    assert len(found) == 1, run.text
    assert "Traceback" not in run.text
    run.assert_nothing_left()
    return str(found[0])


def test_without_the_callback_grant_refuses_with_the_line_to_add(run: OperatorRun) -> None:
    """Nothing would be recorded, so nothing is opened, and the operator reads exactly what to write where."""
    refusal = _refusal(run.playbook(play(GRANT), ANSIBLE_CALLBACKS_ENABLED=""))
    assert ENABLE in refusal
    assert ENABLE_ONCE in refusal
    assert not run.journal.exists()


def test_without_the_callback_the_lookup_refuses_too(run: OperatorRun) -> None:
    """A play that only looks a credential up reads the same line to add."""
    look = "    - ansible.builtin.debug: {msg: \"{{ lookup('breakglass.remediation.credential', 'ssh') }}\"}\n"
    run.playbook(play(look), ANSIBLE_CALLBACKS_ENABLED="")
    assert run.code == REFUSED
    assert ENABLE_ONCE in run.text


def test_the_lookup_names_what_there_is(run: OperatorRun) -> None:
    """An unknown credential is answered with the known ones."""
    look = "    - ansible.builtin.debug: {msg: \"{{ lookup('breakglass.remediation.credential', 'shh') }}\"}\n"
    run.playbook(play(look))
    assert run.code == REFUSED
    assert "There is no credential 'shh' to look up. There are: ssh, known_hosts, control." in run.text


@pytest.fixture
def held(run: OperatorRun) -> Iterator[OperatorRun]:
    """A run under a hold."""
    with run.admin() as admin:
        write_hold(admin, Hold('database "migration"\nstep 2', "Ada Lovelace", WHEN))
        yield run
        lift_hold(admin, "done", "Ada Lovelace", WHEN)


def test_a_hold_stops_the_grant_with_its_reason_and_its_person(held: OperatorRun) -> None:
    """While the hold stands nothing is minted, and the operator reads why, by whom and since when."""
    refusal = _refusal(held.playbook(play(GRANT)))
    assert "The hold is set since 2026-11-22 02:51 UTC by Ada Lovelace" in refusal
    assert r"database \"migration\"\nstep 2" in refusal
    assert "Nothing new starts until it is lifted." in refusal


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("-l", "No hosts are named, and this never means all of them: add --limit"),
        ("remediate_role=restart_service", "No remediation is named: add -e remediate_role=NAME"),
        ("remediate_access=web-operator", "No access is named: add -e remediate_access=NAME"),
        ("remediate_reason=the shop is down", "No reason is given: add -e remediate_reason='WHY'"),
    ],
)
def test_what_is_not_said_is_asked_for_before_anything_opens(run: OperatorRun, missing: str, sentence: str) -> None:
    """Without hosts, role, access or reason the remediation says which one to add, and opens nothing."""
    words = run.site.playbook_command()[3:]
    at = words.index(missing)
    left = [*words[:at], *words[at + 2 :]] if missing == "-l" else [*words[: at - 1], *words[at + 1 :]]
    assert sentence in _refusal(run.remediate(*left))
    assert "grant.opened" not in run.kinds()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("access: web-operator, reason: a test, time_box: 16m", "longer than"),
        (
            "access: web-operator, reason: a test, time_box: ten minutes",
            "A duration must be a whole number with one unit",
        ),
        ("access: web-operator, reason: a test, time_box: 8d", "at most seven days"),
        ("access: web-operator, reason: ' '", "A grant needs a reason"),
        ("access: web-operator", "missing required arguments: reason"),
        ("access: db-operator, reason: a test", "no access db-operator"),
        ("access: ../../sys, reason: a test", "access"),
        ("access: web-operator, reason: a test, auth_method: kerberos", "auth_method must be one of: token, approle"),
        ("access: web-operator, reason: a test, url: 'ftp://vault'", "The Vault address must be http(s)://host[:port]"),
    ],
)
def test_a_wish_that_can_not_be_granted_is_one_sentence(run: OperatorRun, options: str, sentence: str) -> None:
    """A box longer than the access allows, a text that is no duration, an access that is not there: all are told."""
    assert sentence in _refusal(run.playbook(play(f"    - breakglass.remediation.grant: {{{options}}}\n")))


def test_a_certificate_without_a_grant_is_refused(run: OperatorRun) -> None:
    """The order of the two tasks is explained, not guessed."""
    ask = "    - breakglass.remediation.ssh_certificate: {hosts: [web1]}\n"
    assert "This run has no open grant. Put a task with breakglass.remediation.grant" in _refusal(
        run.playbook(play(ask))
    )


@pytest.mark.parametrize(
    ("token", "sentence"),
    [
        pytest.param(
            "wrong", "does not accept the token: it is unknown, expired or may not look itself up", id="wrong"
        ),
        pytest.param("default", "denied it", id="no-policy"),
        pytest.param("short", "less than the time box of 300 s, so it could not close the grant", id="short"),
        pytest.param("revoked", "does not accept the token: it is unknown, expired", id="expired"),
    ],
)
def test_a_login_that_is_not_enough_is_one_sentence(run: OperatorRun, token: str, sentence: str) -> None:
    """A wrong, expired, powerless or short-lived token is told as what it is, and is not repeated on the screen."""
    made = {
        "wrong": lambda: "s.0123456789abcdefghijklmn",
        "default": lambda: run.token(["default"]),
        "short": lambda: run.token([OPERATOR_POLICY], ttl="2m"),
        "revoked": lambda: _revoked(run),
    }[token]()
    run.playbook(play(GRANT), VAULT_TOKEN=made)
    assert sentence in _refusal(run)
    assert made not in run.text + run.stream().read_text(encoding="utf-8")


def _revoked(run: OperatorRun) -> str:
    token = run.token([OPERATOR_POLICY])
    with run.admin().with_token(token) as client:
        client.post("auth/token/revoke-self", {})
    return token


def test_without_any_login_the_ways_to_log_in_are_named(run: OperatorRun) -> None:
    """Neither token nor token file nor AppRole: the sentence says how to get one."""
    assert "No Vault token is known. Set VAULT_TOKEN, log in" in _refusal(run.playbook(play(GRANT), VAULT_TOKEN=""))


def test_a_vault_that_is_away_is_one_sentence(run: OperatorRun) -> None:
    """Nothing listens there: the sentence names the address."""
    address = f"http://127.0.0.1:{free_port()}"
    refusal = _refusal(run.playbook(play(GRANT), VAULT_ADDR=address))
    assert address in refusal


def test_a_sealed_vault_is_one_sentence() -> None:
    """A sealed Vault opens nothing, and the operator reads that it is sealed."""
    with Site() as site, OperatorRun(site) as run:
        with run.admin() as admin:
            admin.post("sys/seal", {})
        run.playbook(play(GRANT))
        assert run.code == REFUSED
        assert "is sealed" in run.text
        assert run.leftovers() == []
