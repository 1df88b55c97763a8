# SPDX-License-Identifier: GPL-3.0-or-later
"""A run asks a runner for its grant: the runner's policy decides, its engine opens, lends, closes and proves."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, text
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.hold import Hold, lift_hold, write_hold
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import (
    IDENTITY_TOKEN_PATH,
    OPERATOR_POLICY,
)
from tests.integration.collection.operator_run import OperatorRun, await_truth, play
from tests.support.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.demo.serving import Serving

REQUESTS = """
requests:
  - {name: web-by-hand, who: [web-team], access: web-operator, approval: automatic, time_box: 5m, ticket: required,
     escalation: on-call}
"""
ASK = """
    - name: Ask the runner
      breakglass.remediation.grant:
        access: web-operator
        reason: the shop is down
        ticket: OPS-4711
        time_box: 2m
        runner_url: "{url}"
        hosts: [web1]
    - name: A certificate
      breakglass.remediation.ssh_certificate: {{hosts: [web1]}}
    - name: Work under it
      ansible.builtin.command: {{argv: [sh, -c, "{work}"]}}
"""


@dataclass(frozen=True)
class Office:
    """A site whose runner lends grants, and a member of the team that may ask.

    Attributes:
        site: The site.
        runner: Its runner.
        admin: A client that may do everything.
        ada: Token of a login of the member.
    """

    site: Site
    runner: Serving
    admin: Client
    ada: str

    def identity_token(self, token: str = "") -> str:
        """What the member shows to the runner."""
        own = self.admin.with_token(token or self.ada)
        return text(section(own.get(IDENTITY_TOKEN_PATH), "data"), "token")

    def call(self, method: str, path: str, bearer: str, body: object = None) -> tuple[int, dict[str, object]]:
        """One call of the API."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.runner.url}/api/v1/requests{path}", data, method=method)
        request.add_header("Authorization", f"Bearer {bearer}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all."""
    with Site() as site:
        text = site.place.policy.read_text(encoding="utf-8") + REQUESTS
        text = text.replace("hosts: [web]\n", "hosts: [web]\n    hand_out: true\n")
        site.place.policy.write_text(text, encoding="utf-8")
        assert yaml.safe_load(site.place.policy.read_text(encoding="utf-8"))["requests"]
        with Client(Connection(url=site.vault.url), site.vault.root_token) as admin, site.runner() as runner:
            admin.post("sys/auth/userpass", {"type": "userpass"})
            ada = _member(admin, "ada", "web-team")
            yield Office(site, runner, admin, ada)


@pytest.fixture
def run(office: Office) -> Iterator[OperatorRun]:
    """A run with Ada's login."""
    with OperatorRun(office.site) as made:
        made.environment["VAULT_TOKEN"] = office.ada
        yield made


def _member(admin: Client, name: str, group: str) -> str:
    """A person with a login, in a group; returns the token of the login."""
    admin.post(f"auth/userpass/users/{name}", {"password": "not-a-secret", "token_policies": [OPERATOR_POLICY]})
    auth = section(admin.post(f"auth/userpass/login/{name}", {"password": "not-a-secret"}), "auth")
    admin.post(f"identity/entity/id/{text(auth, 'entity_id')}", {"name": name})
    body = {"name": group, "type": "internal", "member_entity_ids": [text(auth, "entity_id")]}
    admin.post("identity/group", body)
    return text(auth, "client_token")


def _asks(office: Office, work: str = "true") -> str:
    return play(ASK.format(url=office.runner.url, work=work), hosts="localhost")


def _incident(run: OperatorRun, office: Office) -> str:
    """The runner's incident of the newest request."""
    (newest,) = sorted(office.site.place.journal.glob("*/*/*/INC-*"), key=lambda path: path.stat().st_mtime)[-1:]
    return newest.name


def test_a_run_borrows_its_grant_and_gives_it_back(office: Office, run: OperatorRun) -> None:
    """The runner decides, claims the host, mints, and proves it gone; the run works under it like under its own."""
    run.playbook(_asks(office))
    assert run.code == 0, run.text
    assert "Grant revoked, proven." in run.text
    incident = _incident(run, office)
    closed = office.site.wait_for(incident, "incident.closed")[0]
    assert closed.body["result"] == "returned"
    kinds = [event.kind for event in office.site.events(incident)]
    order = ["request.made", "limits.passed", "approval.given", "grant.minted", "request.over", "grant.revoked"]
    assert [kind for kind in kinds if kind in order] == order
    made = office.site.wait_for(incident, "request.made")[0].body
    assert all(word in str(made) for word in ("ada", "the shop is down", "OPS-4711"))
    assert office.site.wait_for(incident, "grant.revoked")[0].body["proven"] is True
    run.assert_nothing_left()
    assert office.site.verify().exit_code == 0


def test_a_run_that_is_killed_leaves_nothing_open(office: Office, run: OperatorRun) -> None:
    """The guard closes and gives back; the runner proves it and frees the host."""
    started = run.directory / "started"
    process = run.start(str(run.write("play.yml", _asks(office, f"touch {started}; sleep 30"))))
    await_truth(started.exists)
    process.kill()
    process.wait()
    incident = _incident(run, office)
    closed = office.site.wait_for(incident, "incident.closed")[0]
    assert closed.body["result"] == "returned"
    run.assert_nothing_left()


def test_who_may_not_ask_is_told_why(office: Office, run: OperatorRun) -> None:
    """Somebody of another group gets one sentence, no incident, and a record."""
    run.environment["VAULT_TOKEN"] = _member(office.admin, "bob", "kitchen")
    before = run.minted()
    run.playbook(_asks(office))
    assert run.code == 2
    assert "bob is in none of the groups that may ask for web-operator (web-team)" in " ".join(run.text.split())
    assert run.minted() == before


def test_the_hold_binds_it(office: Office, run: OperatorRun) -> None:
    """Under a hold the runner opens nothing, and neither does the run."""
    write_hold(office.admin, Hold("a test", "the tester", datetime.now(UTC)))
    try:
        wish = {
            "access": "web-operator",
            "hosts": ["web1"],
            "reason": "a test",
            "ticket": "T-1",
            "time_box_seconds": 60,
        }
        status, made = office.call("POST", "", office.identity_token(), wish)
        assert status == 202
        incident = str(made["request"])
        assert office.site.wait_for(incident, "incident.closed")[0].body["result"] == "refused"
        status, standing = office.call("GET", f"/{incident}", office.identity_token())
        assert (status, standing["state"]) == (200, "closed")
        assert standing["why"] == "the hold is set by the tester: a test"
    finally:
        lift_hold(office.admin, "over", "the tester", datetime.now(UTC))


def test_a_loan_that_nobody_gives_back_ends_with_its_box(office: Office) -> None:
    """Fetched once, by who asked, and never again; then proven gone when its time is over."""
    wish = {"access": "web-operator", "hosts": ["web1"], "reason": "a test", "ticket": "T-1", "time_box_seconds": 4}
    wish["hand_out"] = True
    _, made = office.call("POST", "", office.identity_token(), wish)
    incident = str(made["request"])
    eve = _member(office.admin, "eve", "web-team-2")
    await_truth(lambda: office.site.states()[incident] == "running")
    assert office.call("GET", f"/{incident}", office.identity_token(eve))[0] == 404
    assert office.call("DELETE", f"/{incident}", office.identity_token(eve))[0] == 404
    for method, query in (("HEAD", ""), ("GET", "?look=true")):  # neither takes it
        assert "grant" not in office.call(method, f"/{incident}{query}", office.identity_token())[1]
    await_truth(lambda: "grant" in office.call("GET", f"/{incident}", office.identity_token())[1])
    assert "grant" not in office.call("GET", f"/{incident}", office.identity_token())[1]
    assert office.site.wait_for(incident, "incident.closed")[0].body["result"] == "returned"
    assert office.site.wait_for(incident, "grant.revoked")[0].body["proven"] is True


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ("", "Send an identity token"),
        ("abc", "not one of Vault's role"),
        ("eyJhbGciOiJub25lIn0.e30.", "none of Vault's keys signed it"),
    ],
)
def test_who_can_not_be_known_is_refused(office: Office, token: str, says: str) -> None:
    """401, and a sentence."""
    status, problem = office.call("POST", "", token, {})
    assert (status, says in str(problem["detail"])) == (401, True), problem


def test_somebody_who_was_disabled_is_refused_at_once(office: Office) -> None:
    """Their token is still good; Vault is asked live."""
    token = _member(office.admin, "mallory", "web-team-3")
    shown = office.identity_token(token)
    entity = section(office.admin.with_token(token).get("auth/token/lookup-self"), "data")["entity_id"]
    office.admin.post(f"identity/entity/id/{entity}", {"disabled": True})
    status, problem = office.call("POST", "", shown, {})
    assert status == 401
    assert "disabled" in str(problem["detail"])


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"hosts": ["nowhere"]}, 403, "not a host of the inventory"),
        ({"hosts": []}, 400, "at least one"),
        ({"access": "other"}, 403, "no request for the access"),
        ({"time_box_seconds": 600}, 403, "opens for 300 s at most"),
        ({"ticket": ""}, 403, "needs a ticket"),
        ({"reason": " "}, 403, "needs a reason"),
        ({"more": 1}, 400, "with the fields"),
    ],
)
def test_a_bad_wish_is_refused(office: Office, change: dict[str, object], status: int, says: str) -> None:
    """Each with a sentence that says what to do; nothing is opened."""
    wish = {"access": "web-operator", "hosts": ["web1"], "reason": "a test", "ticket": "T-1", "time_box_seconds": 60}
    found, problem = office.call("POST", "", office.identity_token(), {**wish, **change})
    assert (found, says in str(problem["detail"])) == (status, True), problem
