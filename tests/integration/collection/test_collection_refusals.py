# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run without the runner refuses: one sentence on the screen, and nothing is left behind."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.hold import Hold, lift_hold, write_hold
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import OPERATOR_POLICY
from tests.integration.collection.operator_run import GRANT, REFUSED, OperatorRun, play
from tests.support.site import Site

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
    assert "There is no credential 'shh' to look up. There are: ssh, known_hosts, control, and NAME/FILE" in run.text


@pytest.mark.parametrize(
    ("paths", "sentence"),
    [
        ("/etc/nginx", "restore_config_paths is not a list."),
        ('["/etc/nginx", "nginx"]', "restore_config_paths has an item that is not an absolute path"),
    ],
)
def test_a_required_list_is_checked_by_item(run: OperatorRun, paths: str, sentence: str) -> None:
    """The first task of a role refuses a list that is none, and an item that is not what it should name."""
    given = f"{{restore_config_paths: {paths}, restore_config_validator: nginx}}"
    include = (
        f"    - ansible.builtin.include_role: {{name: breakglass.remediation.restore_config}}\n      vars: {given}\n"
    )
    assert sentence in _refusal(run.playbook(play(include)))


@pytest.fixture
def held(run: OperatorRun) -> Iterator[OperatorRun]:
    """A run under a hold."""
    with run.admin() as admin:
        write_hold(admin, Hold('database "migration"\nstep 2\x1b[2J', "Ada Lovelace", WHEN))
        yield run
        lift_hold(admin, "done", "Ada Lovelace", WHEN)


def test_a_hold_stops_the_grant_with_its_reason_and_its_person(held: OperatorRun) -> None:
    """While the hold stands nothing is minted, and the operator reads why, by whom and since when."""
    refusal = _refusal(held.playbook(play(GRANT)))
    assert "The hold is set since 2026-11-22 02:51 UTC by Ada Lovelace" in refusal
    assert r"database \"migration\" step 2 [2J" in refusal
    assert "\x1b" not in held.text
    assert "Nothing new starts until it is lifted." in refusal


@pytest.mark.parametrize("limit", ["!web1", "@empty"])
def test_a_limit_that_names_no_host_does_not_mean_all(run: OperatorRun, limit: str) -> None:
    """An empty limit, an empty file of names, and mere exclusions are as good as none."""
    run.write("empty", "\n")
    words = run.site.playbook_command()[3:]
    words[words.index("web1")] = limit
    run.remediate(*words)
    assert run.code != 0
    assert run.minted() == set()
    assert run.leftovers() == []
    assert not list(run.journal.rglob("play-1.jsonl")) or "grant.opened" not in run.kinds()


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("-l", "No hosts are named, and this never means all of them: add --limit"),
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


ADDRESS = "http://127.0.0.1:1"  # nobody listens there
ACCESS = "access: web-operator, reason: a test"
WISHES = {
    "box longer than the access allows": (
        f"{ACCESS}, time_box: 16m, token: GOOD, short_lived: false",
        "life in seconds is 900, asked was 960. It was revoked.",
    ),
    "short grant in a box longer than the access allows": (
        f"{ACCESS}, time_box: 16m, token: GOOD, short_lived: true",
        "its life in seconds is 900 at most, asked was 960. It was revoked.",
    ),
    "no duration": (f"{ACCESS}, time_box: ten minutes", "A duration must be a whole number with one unit"),
    "more than a week": (f"{ACCESS}, time_box: 8d", "at least one and at most seven days"),
    "blank reason": ("access: web-operator, reason: ' '", "A grant needs a reason"),
    "no reason": ("access: web-operator", "state is present but all of the following are missing: reason"),
    "unknown access": (
        "access: db-operator, reason: a test, token: GOOD",
        "Vault knows no access db-operator. Correct the option",
    ),
    "access that is a path": ("access: ../../sys, reason: a test", "An access must be named with a-z"),
    "unknown login method": (
        f"{ACCESS}, auth_method: kerberos",
        "The login method (auth_method) must be one of approle",
    ),
    "no address of a Vault": (f"{ACCESS}, url: 'ftp://vault'", "The Vault address must be http(s)://host[:port]"),
    "Vault that is away": (f"{ACCESS}, token: GOOD, url: '{ADDRESS}'", ADDRESS),
    "wrong token": (
        f"{ACCESS}, token: s.0123456789abcdefghijklmn",
        "does not accept the token: it is unknown, expired",
    ),
    "revoked token": (f"{ACCESS}, token: REVOKED", "does not accept the token: it is unknown, expired"),
    "token without our policy": (f"{ACCESS}, token: POWERLESS", "denied it; the token is dead or not allowed to"),
    "token that dies too early": (f"{ACCESS}, time_box: 5m, token: SHORT", "less than the time box of 300 s, so it"),
    "AppRole that is not there": (
        f"{ACCESS}, auth_method: approle, role_id: x, secret_id: y",
        "refused the AppRole login",
    ),
    "AppRole without a secret": (f"{ACCESS}, auth_method: approle, role_id: x", "The AppRole login needs secret_id"),
    "no login": (ACCESS, "No Vault token is known. Set VAULT_TOKEN, log in"),
}


@pytest.fixture(scope="module")
def refused(site: Site) -> Iterator[tuple[OperatorRun, dict[str, str]]]:
    """One run with every wish, each of which fails and is ignored; and what the screen said of each."""
    with OperatorRun(site) as run:
        with run.admin() as admin, admin.with_token(revoked := run.token([OPERATOR_POLICY])) as client:
            admin.post("sys/policies/acl/look", {"policy": LOOK})
            client.post("auth/token/revoke-self", {})
        tokens = {
            "GOOD": run.token([OPERATOR_POLICY]),
            "REVOKED": revoked,
            "POWERLESS": run.token(["look"]),
            "SHORT": run.token([OPERATOR_POLICY], "2m"),
        }
        tasks = "".join(TASK.format(name=name, options=options) for name, (options, _) in WISHES.items())
        for name, token in tokens.items():
            tasks = tasks.replace(name, token)
        run.playbook(play(tasks), VAULT_TOKEN="")
        assert not [token for token in tokens.values() if token in run.text + run.stream().read_text(encoding="utf-8")]
        yield run, dict(re.findall(r"^TASK \[(.*)\] \*+\n(?:.*\n)*?(fatal: .*)$", run.text, re.MULTILINE))


LOOK = 'path "auth/token/lookup-self" { capabilities = ["read"] }\npath "kv/data/*" { capabilities = ["read"] }\n'
TASK = """
    - name: {name}
      breakglass.remediation.grant: {{{options}}}
      ignore_errors: true
"""


@pytest.mark.parametrize("name", WISHES)
def test_a_wish_that_can_not_be_granted_is_one_sentence(refused: tuple[OperatorRun, dict[str, str]], name: str) -> None:
    """A bad box, reason, access, address or login is told as what it is, on the screen and in the journal."""
    run, said = refused
    assert WISHES[name][1] in said[name].replace("\\", "")
    assert "Traceback" not in said[name]
    assert run.results()[name] == ["ignored"]


def test_refused_wishes_leave_nothing(refused: tuple[OperatorRun, dict[str, str]]) -> None:
    """After all of them there is no token, no guard and no run directory, and the run ended as it should."""
    run, _ = refused
    assert run.code == 0
    run.assert_nothing_left()
    assert run.kinds()[-1] == "run.ended"


def test_a_certificate_without_a_grant_is_refused(run: OperatorRun) -> None:
    """The order of the two tasks is explained, not guessed."""
    ask = "    - breakglass.remediation.ssh_certificate: {hosts: [web1]}\n"
    refusal = _refusal(run.playbook(play(ask)))
    assert "This run has no open grant. Put a task with breakglass.remediation.grant" in refusal


def test_a_sealed_vault_is_one_sentence() -> None:
    """A sealed Vault opens nothing, and the operator reads that it is sealed."""
    with Site() as site, OperatorRun(site) as run:
        with run.admin() as admin:
            admin.post("sys/seal", {})
        run.playbook(play(GRANT))
        assert run.code == REFUSED
        assert "is sealed" in run.text
        assert run.leftovers() == []
        assert not run.processes()


@pytest.fixture
def full(run: OperatorRun) -> Iterator[OperatorRun]:
    """A run whose directory lies on a file system with room for one page."""
    if os.getuid():
        pytest.skip("mounting a file system needs root")
    run.runs.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,mode=0700", "tmpfs", str(run.runs)], check=True)
    try:
        yield run
    finally:
        subprocess.run(["umount", "-l", str(run.runs)], check=True)


def test_a_run_directory_on_a_full_disk_opens_nothing(full: OperatorRun) -> None:
    """What can't be kept is revoked at once, and the sentence says where to make room."""
    full.playbook(play(GRANT))
    assert full.code == REFUSED, full.text
    assert "No space left on device. Make room there, or set BREAKGLASS_RUNS" in " ".join(full.text.split())
    assert full.minted() == set()
    assert full.leftovers() == []
