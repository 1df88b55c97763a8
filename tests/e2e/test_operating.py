# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators, auditors and everybody else over the API: a real runner, identity tokens and groups of a real OpenBao."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING
from urllib.error import HTTPError

import pytest
from tests.support.event_stream import Sent, open_stream
from tests.support.office import Member, Office, open_office
from tests.support.traces import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.site import Site

POLICY = """
people: {operators: [ops], auditors: [revision]}
approvals:
  dba: {require: [{count: 1, from: [dba]}], notify: [on-call], within: 10m}
requests:
  - {name: web-by-hand, who: [web-team], access: web-operator, approval: dba, time_box: 5m, escalation: on-call}
"""
WISH = {"access": "web-operator", "hosts": ["web1"], "reason": "locks on orders", "time_box_seconds": 120}
WHY = {"reason": "a test"}


def prepare(site: Site) -> None:
    """A service that can't be repaired, and a trigger that tries once."""
    limits = {"attempts": "1", "firing_for": "0s", "cooldown": "0s", "repairs_per_day": "100"}
    site.change_policy(lambda trigger: trigger.update(limits=limits))
    site.broken.touch()
    site.service.stop()


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all."""
    with open_office(POLICY, prepare) as made:
        yield made


@pytest.fixture(scope="module")
def otto(office: Office) -> Member:
    """He operates, by an account that is not called like him."""
    return office.hire("otto-laptop", "ops", person="otto", factor=False)


@pytest.fixture(scope="module")
def rita(office: Office) -> Member:
    """She audits."""
    return office.hire("rita", "revision", factor=False)


@pytest.fixture(scope="module")
def ada(office: Office) -> Member:
    """She may ask for an access, and has no role."""
    return office.hire("ada", "web-team", factor=False)


@pytest.fixture(scope="module")
def ben(office: Office) -> Member:
    """He may approve what she asks for."""
    return office.hire("ben", "dba", factor=False)


@pytest.fixture(scope="module")
def eve(office: Office) -> Member:
    """She is known to Vault, and that is all."""
    return office.hire("eve", factor=False)


@pytest.fixture(scope="module")
def escalated(office: Office) -> str:
    """An incident of an alert that people were called for."""
    incident = office.site.post(office.runner.url, office.site.alert())
    office.site.wait_for(incident, "escalation.delivered")
    return incident


def order(office: Office, who: Member, incident: str, word: str) -> tuple[int, dict[str, object]]:
    return office.call("POST", f"/incidents/{incident}/orders", who, {"word": word, **WHY})


def ids(answer: dict[str, object]) -> list[object]:
    items = answer["items"]
    assert isinstance(items, list)
    return [one.get("id") or one.get("incident") for one in items]


def running(office: Office) -> str:
    """An incident whose play is at work on the host."""
    office.site.service.stop()
    incident = office.site.post(office.runner.url, office.site.alert())
    office.site.wait_for(incident, "task.started")
    return incident


CHANGES = (
    ("POST", "/incidents/{incident}/orders", {"word": "acknowledge", "reason": ""}),
    ("POST", "/incidents/{incident}/orders", {"word": "cancel", **WHY}),
    ("POST", "/incidents/{incident}/orders", {"word": "close", **WHY}),
    ("POST", "/incidents/{incident}/orders", {"word": "retry", **WHY}),
    ("POST", "/incidents/{incident}/revoke", WHY),
    ("POST", "/revoke", WHY),
    ("POST", "/holds", {"scope": "all", **WHY}),
    ("POST", "/holds", {"scope": "host", "names": ["web1"], **WHY}),
    ("POST", "/holds/lift", {"scope": "all", **WHY}),
)


def test_an_auditor_reads_everything(office: Office, rita: Member, escalated: str) -> None:
    """The list, an incident with its page and its steps, what is open, the holds."""
    status, listed = office.call("GET", "/incidents", rita)
    assert (status, escalated in ids(listed)) == (200, True)
    status, page = office.call("GET", f"/incidents/{escalated}", rita)
    assert (status, page["id"], page["state"]) == (200, escalated, "escalated")
    assert any("NOT acknowledged" in str(line) for line in page["lines"])  # type: ignore[attr-defined]
    assert office.call("GET", "/grants", rita) == (200, {"items": [], "next": None})
    assert office.call("GET", "/holds", rita) == (200, {"items": [], "next": None})


def test_an_auditor_changes_nothing(office: Office, rita: Member, escalated: str) -> None:
    """Every change is refused with the groups that may, and nothing of it is in the journal."""
    before = len(office.site.events(escalated))
    for method, path, body in CHANGES:
        status, said = office.call(method, path.format(incident=escalated), rita, body)
        assert (status, "the policy's operators: ops" in str(said["detail"])) == (403, True), (path, body, said)
    assert len(office.site.events(escalated)) == before
    assert office.call("GET", "/holds", rita)[1] == {"items": [], "next": None}


def test_who_has_no_role_sees_nothing_and_does_nothing(office: Office, eve: Member, escalated: str) -> None:
    """An incident that does not concern her is none; the rest is refused."""
    assert office.call("GET", "/incidents?state=all", eve) == (200, {"items": [], "next": None})
    assert office.call("GET", "/grants", eve) == (200, {"items": [], "next": None})
    assert office.call("GET", f"/grants?incidents={escalated}", eve) == (200, {"items": [], "next": None})
    assert office.call("GET", "/holds", eve)[0] == 403
    for path in (f"/incidents/{escalated}", f"/incidents/{escalated}/events", "/incidents/INC-NONE00"):
        assert office.call("GET", path, eve)[0] == 404
    for method, path, body in CHANGES:
        assert office.call(method, path.format(incident=escalated), eve, body)[0] in (403, 404)
    assert office.call("GET", "/incidents", "no-token")[0] == 401


def test_what_an_operator_says_is_recorded_with_who_they_are(office: Office, otto: Member, escalated: str) -> None:
    """Acknowledged once; a second time is a conflict; then closed by hand, and too late for more."""
    status, said = order(office, otto, escalated, "acknowledge")
    assert (status, said["before"]["id"]) == (202, escalated)  # type: ignore[index]
    (given,) = office.site.wait_for(escalated, "order.given")
    assert given.body == {
        "word": "acknowledge", "by": "otto", "entity": otto.entity, "account": "otto-laptop", "why": "a test"
    }  # fmt: skip
    wait_until(
        lambda: office.call("GET", f"/incidents/{escalated}", otto)[1]["now"]["acknowledged_by"] == "otto",  # type: ignore[index]
        20,
        "it is not acknowledged",
    )
    status, said = order(office, otto, escalated, "acknowledge")
    assert (status, "already" in str(said["detail"])) == (409, True)
    assert order(office, otto, escalated, "close")[0] == 202
    office.site.wait_for(escalated, "incident.closed")
    status, said = order(office, otto, escalated, "retry")
    assert (status, "closed already" in str(said["detail"])) == (409, True)


def test_who_asked_reads_and_cancels_their_own(office: Office, ada: Member, ben: Member, eve: Member) -> None:
    """And nothing else; who may approve it reads it, and can't cancel it."""
    asked = str(office.call("POST", "/requests", ada, WISH)[1]["request"])
    office.site.wait_for(asked, "approval.asked")
    for member in (ada, ben):
        assert ids(office.call("GET", "/incidents?state=all", member)[1]) == [asked]
        assert office.call("GET", f"/incidents/{asked}", member)[1]["state"] == "approving"
    assert order(office, ben, asked, "cancel")[0] == 403
    assert order(office, eve, asked, "cancel")[0] == 404
    for word in ("acknowledge", "close", "retry"):
        assert order(office, ada, asked, word)[0] == 403
    assert office.call("POST", f"/incidents/{asked}/revoke", ada, WHY)[0] == 403
    assert order(office, ada, asked, "cancel")[0] == 202
    (given,) = office.site.wait_for(asked, "order.given")
    assert (given.body["by"], given.body["entity"], given.body["account"]) == ("ada", ada.entity, "ada")
    office.site.wait_for(asked, "incident.closed")


def test_operators_and_auditors_read_what_waits_for_people(
    office: Office, ada: Member, otto: Member, rita: Member, eve: Member
) -> None:
    """The questions, and what each would open; whose yes is not asked for says none, and nobody else sees them."""
    asked = str(office.call("POST", "/requests", ada, WISH)[1]["request"])
    office.site.wait_for(asked, "approval.asked")
    for member in (rita, otto):
        assert ids(office.call("GET", "/approvals", member)[1]) == [asked]
        status, question = office.call("GET", f"/approvals/{asked}", member)
        assert (status, ["still needed", "1 of dba"] in question["lines"]) == (200, True)  # type: ignore[operator]
        said = {"digest": question["digest"], "yes": True, "reason": "", "code": "12345678"}
        status, refused = office.call("POST", f"/approvals/{asked}", member, said)
        assert (status, "in none of the groups that decide" in str(refused["detail"])) == (409, True), refused
    assert ids(office.call("GET", "/approvals", eve)[1]) == []
    assert office.call("GET", f"/approvals/{asked}", eve)[0] == 404
    assert order(office, ada, asked, "cancel")[0] == 202
    office.site.wait_for(asked, "incident.closed")


def test_an_operator_cancels_a_play_that_runs(office: Office, otto: Member) -> None:
    """It is among what is open; then it is ended, and its grant is proven gone."""
    incident = running(office)
    (open_one,) = office.call("GET", "/grants", otto)[1]["items"]  # type: ignore[misc]
    assert (open_one["incident"], open_one["access"], open_one["over"]) == (incident, "web-operator", False)
    assert order(office, otto, incident, "cancel")[0] == 202
    office.site.wait_for(incident, "incident.closed")
    assert office.site.wait_for(incident, "play.ended")[0].body["outcome"] == "stopped"
    (gone,) = office.call("GET", f"/grants?incidents={incident}", otto)[1]["items"]  # type: ignore[misc]
    assert (gone["over"], "proven" in gone["sentence"]) == (True, True)


def test_an_operator_revokes_everything_and_lifts_the_hold(office: Office, otto: Member, rita: Member) -> None:
    """Plays end, everything is held, and nothing new starts until it is lifted; both with who it was."""
    incident = running(office)
    status, said = office.call("POST", "/revoke", otto, {"reason": "stolen laptop"})
    assert (status, said) == (202, {"incidents": [incident]})
    office.site.wait_for(incident, "incident.closed")
    assert office.site.wait_for(incident, "grant.revoked")[0].body["proven"] is True
    (hold,) = office.call("GET", "/holds", rita)[1]["items"]  # type: ignore[misc]
    assert (hold["scope"], hold["by"], hold["reason"]) == ("all", "otto", "stolen laptop")
    assert office.call("POST", "/holds/lift", otto, {"scope": "host", "names": ["web1"], **WHY})[0] == 409
    status, lifted = office.call("POST", "/holds/lift", otto, {"scope": "all", **WHY})
    assert (status, len(lifted["items"])) == (200, 1)  # type: ignore[arg-type]
    assert office.call("GET", "/holds", rita)[1] == {"items": [], "next": None}


def test_a_hold_of_an_operator_stops_the_host_until_it_is_lifted(office: Office, otto: Member) -> None:
    """A name that nobody knows is refused; who holds is told to whoever meets the hold."""
    status, said = office.call("POST", "/holds", otto, {"scope": "host", "names": ["web9"], **WHY})
    assert (status, "web9 is not in the inventory" in str(said["detail"])) == (409, True)
    assert office.call("POST", "/holds", otto, {"scope": "host", "names": ["web1"], **WHY})[0] == 201
    incident = office.site.post(office.runner.url, office.site.alert())
    (begun,) = office.site.wait_for(incident, "escalation.begun")
    assert "web1 is held by otto" in str(begun.body["why"])
    assert office.call("POST", "/holds/lift", otto, {"scope": "host", "names": ["web1"], **WHY})[0] == 200
    assert order(office, otto, incident, "close")[0] == 202
    office.site.wait_for(incident, "incident.closed")


def test_who_leaves_the_group_is_refused_at_the_next_call(office: Office) -> None:
    """Nothing is remembered of what they were, although their login and their identity token live on."""
    late = office.hire("late", "ops", factor=False)
    token = office.identity_token(late)
    assert office.call("GET", "/holds", token)[0] == 200
    office.leave(late, "ops")
    assert office.call("GET", "/holds", token)[0] == 403
    assert office.call("POST", "/revoke", token, WHY)[0] == 403


def test_the_list_goes_on_where_the_page_before_ended(office: Office, rita: Member) -> None:
    """Newest first, without a gap and without anything twice."""
    everything = ids(office.call("GET", "/incidents?state=all&limit=200", rita)[1])
    paged: list[object] = []
    after: object = ""
    while after is not None:
        page = office.call("GET", f"/incidents?state=all&limit=2&after={after}", rita)[1]
        paged, after = paged + ids(page), page["next"]
        assert len(ids(page)) <= 2
    assert paged == everything
    assert len(everything) >= 4
    assert ids(office.call("GET", "/incidents?state=closed&limit=200", rita)[1]) == everything


@pytest.mark.parametrize(
    "query",
    ["state=shut", "limit=0", "limit=201", "limit=x", "limit=%C2%B2", "after=%00", "after=OTk5", "after=MSAAAA"],
)
def test_a_query_that_can_not_be_meant_is_said_to_be_none(office: Office, rita: Member, query: str) -> None:
    """With what it may be."""
    assert office.call("GET", f"/incidents?{query}", rita)[0] == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/incidents/INC-X/orders", {"word": "vote", "reason": "x"}),
        ("/incidents/INC-X/orders", {"word": ["close"], "reason": "x"}),
        ("/incidents/INC-X/orders", {"word": "close", "reason": " "}),
        ("/incidents/INC-X/orders", {"word": "close", "reason": "x" * 501}),
        ("/incidents/INC-X/orders", {"word": "close", "reason": "x", "more": 1}),
        ("/incidents/INC-X/revoke", {"reason": ""}),
        ("/revoke", {}),
        ("/revoke", {"reason": None}),
        ("/holds", {"scope": "everything", "reason": "x"}),
        ("/holds", {"scope": "all", "names": ["web1"], "reason": "x"}),
        ("/holds", {"scope": "host", "reason": "x"}),
        ("/holds", {"scope": "host", "names": [""], "reason": "x"}),
        ("/holds", {"scope": "host", "names": "web1", "reason": "x"}),
        ("/holds/lift", {"scope": "host", "names": [1], "reason": "x"}),
    ],
)
def test_what_can_not_be_meant_is_said(office: Office, otto: Member, path: str, body: object) -> None:
    """Before anything is looked for."""
    assert office.call("POST", path, otto, body)[0] == 400


def watch(office: Office, who: Member, incident: str, last_id: str = "", until: str = "closed") -> list[Sent]:
    """The events of an incident, up to the end or to the first of this kind."""
    url = f"{office.runner.url}/api/v1/incidents/{incident}/events"
    seen: list[Sent] = []
    with open_stream(url, office.identity_token(who), last_id) as events:
        for sent in events:
            seen.append(sent)
            if until in (sent.event, sent.data.get("kind")):
                break
    return seen


def test_the_steps_of_an_incident_arrive_in_order_and_go_on_after_a_break(
    office: Office, otto: Member, rita: Member
) -> None:
    """From before the play to the end: two parts of the stream are together what one who never left would have seen."""
    incident = running(office)
    first = watch(office, rita, incident, until="grant.minted")
    assert first[-1].last_id
    order(office, otto, incident, "cancel")
    second = watch(office, rita, incident, first[-1].last_id)
    assert (second[-1].event, second[-2].data["kind"]) == ("closed", "incident.closed")
    parted = [sent.data for sent in first + second[:-1]]
    whole = [sent.data for sent in watch(office, rita, incident)[:-1]]
    key = json.dumps
    assert sorted(map(key, parted)) == sorted(map(key, whole))
    of_runner = [step["at"] for step in parted if step["stream"] == "runner"]
    assert of_runner == sorted(of_runner)  # type: ignore[type-var]
    kinds = [step["kind"] for step in parted]
    assert kinds.index("incident.opened") < kinds.index("grant.minted") < kinds.index("order.given")
    assert kinds[-1] == "incident.closed"
    assert watch(office, rita, incident, second[-1].last_id) == []


def test_a_stream_ends_with_the_right_to_see_it(office: Office, otto: Member) -> None:
    """Who leaves the group in the middle hears no more than to the next heartbeat, and may not come again."""
    late = office.hire("later", "revision", factor=False)
    office.site.service.stop()
    incident = office.site.post(office.runner.url, office.site.alert())
    office.site.wait_for(incident, "escalation.delivered")
    url = f"{office.runner.url}/api/v1/incidents/{incident}/events"
    with open_stream(url, office.identity_token(late)) as events:
        assert next(events).data["kind"] == "incident.opened"
        office.leave(late, "revision")
        assert "closed" not in [sent.event for sent in events]
    with pytest.raises(HTTPError, match="404"):
        watch(office, late, incident)
    assert order(office, otto, incident, "close")[0] == 202
    office.site.wait_for(incident, "incident.closed")


def test_a_stream_does_not_go_on_from_nowhere(office: Office, rita: Member) -> None:
    """An id that is none of ours is refused."""
    (newest, *_) = ids(office.call("GET", "/incidents?state=all", rita)[1])
    for last_id in ("x", "runner:", "runner:1;play-1:2", "../runner:1", "runner:99999999999"):
        with pytest.raises(HTTPError, match="400"):
            watch(office, rita, str(newest), last_id)


def test_a_runner_that_stops_ends_its_streams(office: Office, rita: Member) -> None:
    """In good order, so that it does not wait for those who watch; the last test here, since the runner is gone then."""
    office.site.service.stop()
    incident = office.site.post(office.runner.url, office.site.alert())
    office.site.wait_for(incident, "escalation.delivered")
    request = urllib.request.Request(f"{office.runner.url}/api/v1/incidents/{incident}/events")
    request.add_header("Authorization", f"Bearer {office.identity_token(rita)}")
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.readline().startswith(b"retry: ")
        office.runner.stop()
        rest = answer.read()  # raises IncompleteRead where the line was cut
    assert b"incident.opened" in rest
    assert b"event: closed" not in rest
