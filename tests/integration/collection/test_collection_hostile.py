# SPDX-License-Identifier: GPL-3.0-or-later
"""Text of others stays text at the door of an operator: reason, ticket, limit, role, access, parameters of a role."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.opening import Order, open_grant
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.directory import RunDirectory
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.granting import Wish
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.live import Live
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login.token import TokenLogin
from tests.integration.collection.operator_run import PROVEN, REFUSED, play
from tests.support.corpus import HOSTILE, with_canary

from breakglass.effects.inert import inert_json

if TYPE_CHECKING:
    from tests.integration.collection.operator_run import OperatorRun

FORGED = (
    '\n{"kind":"grant.revoked","seq":1}\r\n\x1b[2K\x1b]0;owned\x07Grant revoked, proven.\u2028\u202e\x00\nok: [web1]'
)
LOOKUP = "{{ lookup('ansible.builtin.pipe', 'touch CANARY') }}"
# A key that starts with __ansible_ is refused before it gets to Ansible (breakglass.effects.inert).
VALUES = [value for _, value in HOSTILE if not (isinstance(value, dict) and any("__ansible_" in key for key in value))]
TEXTS = [value for value in VALUES if isinstance(value, str)]
SHOW_AND_KEEP = """
    - name: Open the grant
      breakglass.remediation.grant: {access: web-operator, reason: "{{ reason }}", ticket: "{{ ticket }}"}
    - name: Show what came in
      ansible.builtin.debug: {msg: "{{ texts }}"}
    - name: Keep what came in
      ansible.builtin.copy: {content: "{{ texts | to_json }}", dest: "{{ kept }}", mode: "0600"}
"""


def _given(run: OperatorRun, **variables: object) -> str:
    """Variables as the runner, or a careful script, hands them over; `CANARY` in them is a path of this run."""
    return f"@{run.write('given.json', inert_json(with_canary(variables, run.directory / 'canary')))}"  # type: ignore[arg-type]


def _assert_only_text(run: OperatorRun) -> None:
    """Nothing of it ran, nothing of it forged a line on the screen or in the journal."""
    assert not (run.directory / "canary").exists()
    assert not set("\x1b\x07\x00\r") & set(run.text)
    assert run.text.count(f"\n{PROVEN}") == 1
    for number, line in enumerate(run.stream().read_bytes().splitlines(), start=1):
        assert json.loads(line)["seq"] == number
    assert run.verified().exit_code == 0, run.verified().text()
    run.assert_nothing_left()


def test_reason_ticket_and_variables_stay_text(run: OperatorRun) -> None:
    """Every value of the corpus comes through a play unchanged, and none acts, whatever it looks like."""
    kept = run.directory / "kept"
    ticket = LOOKUP.replace("CANARY", str(run.directory / "canary"))
    given = _given(run, reason=FORGED, ticket=ticket, texts=VALUES, kept=str(kept))
    run.playbook(play(SHOW_AND_KEEP), "-e", given)
    assert run.code == 0, run.text
    assert json.loads(kept.read_text(encoding="utf-8")) == with_canary(VALUES, run.directory / "canary")
    (opened,) = run.bodies("grant.opened")
    assert (opened["reason"], opened["ticket"]) == (FORGED, ticket)
    assert len(run.bodies("grant.revoked")) == 1
    _assert_only_text(run)


@pytest.mark.parametrize(
    ("name", "text", "refusal"),
    [
        ("remediate_role", LOOKUP, "No remediation is named"),
        ("remediate_access", LOOKUP, "An access must be named with a-z"),
        ("restart_service_name", LOOKUP, "restart_service_name is not the name of a service"),
    ],
)
def test_a_hostile_word_of_the_remediation_is_refused(run: OperatorRun, name: str, text: str, refusal: str) -> None:
    """Role, access, time box and parameters are checked as words; what is no such word is told, and does nothing."""
    run.remediate(*run.site.playbook_command()[3:], "-e", _given(run, **{name: text}))
    assert run.code == REFUSED
    assert refusal in run.text
    assert not (run.directory / "canary").exists()
    run.assert_nothing_left()


def test_a_hostile_limit_selects_hosts_and_nothing_else(run: OperatorRun) -> None:
    """A template among the names of hosts is not evaluated."""
    words = run.site.playbook_command()[3:]
    words[words.index("web1")] = f"web1,{LOOKUP.replace('CANARY', str(run.directory / 'canary')).replace(', ', ',')}"
    run.remediate(*words)
    assert run.code == 0, run.text
    assert not (run.directory / "canary").exists()
    run.assert_nothing_left()


def test_every_text_can_be_a_reason_and_a_ticket(run: OperatorRun) -> None:
    """Vault takes each text as meta data of a grant, and what is written down beside the grant is what was given."""
    ends = (*socket.socketpair(), *socket.socketpair())
    with ends[0], ends[1], ends[2], ends[3], run.admin() as admin:
        for text in TEXTS:
            directory = RunDirectory.create(run.runs)
            live = Live(directory, os.getpid(), run.journal, "stream", False, {}, *ends)
            request = Wish("web-operator", "1m", f"{text} is why", text).request(live)
            about = {"reason": text, "ticket": text}
            opened = open_grant(
                Order(admin.connection, TokenLogin(run.site.vault.root_token), request, about), directory, 1
            )
            written = directory.read_json(directory.grant)
            assert written is not None
            assert (written["reason"], written["ticket"]) == (text, text)
            assert all(value.isprintable() for value in request.meta.values())
            admin.post("auth/token/revoke-accessor", {"accessor": opened.facts.accessor})
            directory.wipe()
    run.assert_nothing_left()
