# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile text in an alert stays text: at the webhook, in the journal, in plays, in the message that wakes a person."""

from __future__ import annotations

import http.client
import json
import sqlite3
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._parameters.kinds import KINDS
from tests.support.corpus import HOSTILE, with_canary
from tests.support.site import Site, as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from breakglass.demo.serving import Serving

POLICY = """\
version: 1
defaults:
  escalation: on-call
  limits: {attempts: 1, cooldown: 0s, repairs_per_day: 500}
access:
  web-operator: {hosts: [web]}
triggers:
  - name: observed
    match: {alertname: Observed}
    access: web-operator
    approval: automatic
    remediation: restart_service
    parameters: {restart_service_name: "{{ alert.labels.name }}"}
  - name: acting
    match: {alertname: ServiceDown}
    access: web-operator
    approval: automatic
    remediation: restart_service
    parameters: {restart_service_name: "{{ alert.labels.name }}"}
    mode: act
"""
TEXTS = {name: value for name, value in HOSTILE if isinstance(value, str)}
JINJA = ("jinja lookup", "jinja whitespace control", "nested after one rendering")
WOKEN_FOR = (
    *JINJA,
    "control characters",
    "log forging",
    "terminal title",
    "right-to-left override",
    "combining flood",
    "very long",
    "html",
    "template of notifications",
)
WORDS_OF_A_MESSAGE = ("WHAT", "EVIDENCE", "WHY", "TRIED", "STATE", "PLAN", "HELD", "TRY", "NEXT", "INC-")
REFUSED_FOR = {"empty": "no-hosts: ", "very long": "expression: "}
NO_NAME = "bad-parameter: restart_service_name is not the name of a service: "
LONGEST_LINE = 500
RECORDED_WHOLE = 200
"""Texts up to this length stand in a record as they came."""
LIMIT_SECONDS = 30
ACCEPTED, BAD_REQUEST = 202, 400


@dataclass(frozen=True)
class Answer:
    """What the runner answered."""

    status: int
    content_type: str
    content: dict[str, object]

    @property
    def incident(self) -> str:
        """The incident that the only alert reached."""
        alerts = self.content["alerts"]
        assert isinstance(alerts, list)
        return str(alerts[0]["incident"])

    @property
    def is_clear_refusal(self) -> bool:
        """Whether it is a problem (RFC 9457) with a sentence, and nothing of it can steer a terminal."""
        detail = self.content.get("detail")
        is_sentence = isinstance(detail, str) and detail.endswith(".") and detail.isprintable()
        return self.status == BAD_REQUEST and self.content_type == "application/problem+json" and is_sentence


@dataclass(frozen=True)
class Target:
    """A running installation at which hostile text is thrown."""

    site: Site
    runner: Serving
    canary: Path

    def text(self, name: str) -> str:
        """A text of the corpus, with the canary's path in it."""
        return str(with_canary(TEXTS[name], self.canary))

    def post(self, body: bytes) -> Answer:
        """Post bytes as Alertmanager does."""
        parts = urlsplit(self.runner.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        try:
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.site.token}"}
            connection.request("POST", "/webhooks/alertmanager", body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheader("Content-Type", ""), json.loads(answer.read()))
        finally:
            connection.close()

    def webhook(self, group: str, labels: Mapping[str, object], **more: object) -> dict[str, object]:
        """A webhook of a group of its own, so that it opens an incident of its own."""
        body = self.site.alert(fingerprint=group)
        alerts = body["alerts"]
        assert isinstance(alerts, list)
        return {**body, "groupKey": group, "alerts": [{**alerts[0], "labels": dict(labels), **more}]}

    def day(self, kind: str) -> list[dict[str, object]]:
        """The bodies of the records of one kind that belong to no incident."""
        streams = self.site.place.journal.glob("*/*/*/runner.jsonl")
        records = [json.loads(line) for path in streams for line in path.read_bytes().splitlines()]
        return [record["body"] for record in records if record["kind"] == kind]

    def only(self, incident: str, kind: str) -> Mapping[str, object]:
        """The body of an incident's one record of a kind."""
        (event,) = (event for event in self.site.events(incident) if event.kind == kind)
        return event.body

    def started(self, incident: str) -> list[str]:
        """What an incident has that only one that acts may have."""
        return [
            event.kind for event in self.site.events(incident) if event.kind.startswith(("grant.", "play", "task."))
        ]

    def rows(self) -> tuple[int, int]:
        """How many incidents and messages are stored."""
        with sqlite3.connect(f"file:{self.site.scratch / 'breakglass.db'}?mode=ro", uri=True) as database:
            count = "SELECT (SELECT count(*) FROM incident), (SELECT count(*) FROM inbox)"
            incidents, messages = database.execute(count).fetchone()
            return incidents, messages

    def told_of_incidents(self) -> list[str]:
        """Titles of what people were told, but for what the runner tells of itself (a message of a proven sender that it refused)."""
        return [one.title for one in self.site.channel.messages if "ITSELF" not in one.title]

    def assert_unharmed(self) -> None:
        """The runner can do all of its work, nothing was executed, and nobody's terminal is steered by the log."""
        with urllib.request.urlopen(f"{self.runner.url}/readyz", timeout=20) as answer:
            assert answer.status == 200
        assert not self.canary.exists()
        log = self.site.log.read_text(encoding="utf-8")
        assert all(line.isprintable() for line in log.splitlines())
        assert "Traceback" not in log


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    """Start a runner with one trigger that observes and one that acts."""
    with Site() as site:
        site.place.policy.write_text(POLICY, encoding="utf-8")
        with site.runner() as runner:
            yield Target(site, runner, site.scratch / "canary")


def wait_until(holds: Callable[[], object]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


@pytest.mark.parametrize("place", ["label value", "label name", "annotation value", "annotation name"])
def test_unwatched_alert_is_kept_as_text(target: Target, place: str) -> None:
    """Whatever stands in a label or an annotation, by value or by name, is recorded as that text or refused clearly."""
    before = len(target.day("alert.unmatched"))
    sent: list[dict[str, str]] = []
    for number, (name, raw) in enumerate(HOSTILE):
        value = with_canary(raw, target.canary)
        key = str(value) if place.endswith("name") else "hostile"
        pair = {key: "x" if place.endswith("name") else value}
        labels = {"alertname": "Unwatched", "at": str(number), **(pair if place.startswith("label") else {})}
        more = {"annotations": pair} if place.startswith("annotation") else {}
        answer = target.post(as_json(target.webhook(f"{place} {number}", labels, **more)))
        if all(isinstance(part, str) for item in pair.items() for part in item):
            assert answer.status == ACCEPTED, (name, answer)
            sent.append({name: str(text) for name, text in labels.items()})
        else:
            assert answer.is_clear_refusal, (name, answer)

    wait_until(lambda: len(target.day("alert.unmatched")) >= before + len(sent))
    recorded = {str(body["labels"]["at"]): body["labels"] for body in target.day("alert.unmatched")[before:]}  # type: ignore[index]
    short = [labels for labels in sent if all(len(text) < RECORDED_WHOLE for item in labels.items() for text in item)]
    assert len(short) > len(sent) - 3
    assert [recorded[labels["at"]] for labels in short] == short
    target.assert_unharmed()


def test_no_hostile_text_names_a_host(target: Target) -> None:
    """No text of the corpus in `instance` is taken for a host, for a pattern, or for every host."""
    reached = {}
    for name in TEXTS:
        labels = {"alertname": "Observed", "name": "shop", "instance": target.text(name)}
        reached[name] = target.post(as_json(target.webhook(f"instance {name}", labels))).incident

    for name, incident in reached.items():
        target.site.wait_for(incident, "incident.closed")
        assert target.only(incident, "incident.opened")["hosts"] == [], name
        why = target.only(incident, "observed")["would_not_have_run"]
        assert str(why).startswith(REFUSED_FOR.get(name, "unknown-host: ")), (name, why)
        assert target.started(incident) == [], name
    assert target.told_of_incidents() == []
    target.assert_unharmed()


def test_hostile_parameter_starts_nothing_where_nothing_may_start(target: Target) -> None:
    """A trigger that only observes makes a plan with a text of the corpus only where it is a name, and starts nothing."""
    reached = {}
    for name in TEXTS.keys() - {"very long"}:  # no expression takes it
        labels = {"alertname": "Observed", "name": target.text(name), "instance": "web1:9100"}
        reached[name] = target.post(as_json(target.webhook(f"name {name}", labels))).incident

    for name, incident in reached.items():
        target.site.wait_for(incident, "incident.closed")
        said = target.only(incident, "observed")
        if KINDS["service"].fault(target.text(name)):
            assert target.only(incident, "incident.opened")["hosts"] == [], name
            assert str(said["would_not_have_run"]).startswith(NO_NAME), (name, said)
        else:
            assert target.only(incident, "incident.opened")["hosts"] == ["web1"], name
            assert said["would_have_run"] == "breakglass.remediation.restart_service", name
        assert target.started(incident) == [], name
    assert target.told_of_incidents() == []
    target.assert_unharmed()


@pytest.mark.parametrize("name", JINJA)
def test_a_hostile_parameter_opens_nothing(target: Target, name: str) -> None:
    """A template as a parameter is a text that is no name: it is refused before a grant is opened, and people are told."""
    labels = {"alertname": "ServiceDown", "name": target.text(name), "instance": "web1:9100"}
    incident = target.post(as_json(target.webhook(f"play {name}", labels))).incident
    message = target.site.channel.wait_for(lambda message: incident in message.title, LIMIT_SECONDS)

    assert f"WHY       {NO_NAME}" in message.text
    assert target.only(incident, "alert.refused")
    assert target.started(incident) == []
    assert not [event for event in target.site.events(incident) if event.kind.startswith("grant.")]
    target.assert_unharmed()


def test_people_are_woken_by_plain_text(target: Target) -> None:
    """A message about a hostile host quotes it without control characters, lines of its own, or great length."""
    reached = {}
    for name in WOKEN_FOR:
        labels = {
            "alertname": "ServiceDown",
            "name": "shop",
            "instance": target.text(name),
            "hostile": target.text(name),
        }
        reached[name] = target.post(as_json(target.webhook(f"woken {name}", labels))).incident

    for name, incident in reached.items():
        message = target.site.channel.wait_for(lambda one, wanted=incident: wanted in one.title, LIMIT_SECONDS)  # type: ignore[misc]
        lines = [message.title, *message.text.splitlines()]
        assert all(line.isprintable() and len(line) < LONGEST_LINE for line in lines), (name, lines)
        assert all(line.startswith(WORDS_OF_A_MESSAGE) for line in message.text.splitlines()), (name, lines)
        assert f"WHY       {REFUSED_FOR.get(name, 'unknown-host: ')}" in message.text
        assert target.only(incident, "alert.refused")
        assert target.started(incident) == [], name
    target.assert_unharmed()


def unreadable(target: Target) -> dict[str, bytes]:
    """Bodies that are no message: what JSON can't hold portably, or a reader should not have to."""
    labels = {"alertname": "ServiceDown", "name": "shop", "instance": "web1:9100"}
    body = as_json(target.webhook("unreadable", labels))
    text = body.decode()
    return {
        "NaN": body.replace(b'"truncatedAlerts": 0', b'"truncatedAlerts": NaN'),
        "infinity": body.replace(b'"truncatedAlerts": 0', b'"truncatedAlerts": -Infinity'),
        "number of 5000 digits": body.replace(b'"truncatedAlerts": 0', b'"truncatedAlerts": 1' + b"0" * 5000),
        "number beyond 2^53": body.replace(b'"truncatedAlerts": 0', b'"truncatedAlerts": 9007199254740993'),
        "number as a label": body.replace(b'"shop"', b"1" * 30),
        "nested lists": body.replace(b'"receiver": ', b'"deep": ' + b"[" * 10_000 + b"]" * 10_000 + b', "receiver": '),
        "nested objects": body.replace(
            b'"receiver": ', b'"deep": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b', "r": '
        ),
        "unclosed lists": b"[" * 1_000_000,
        "the same key twice": body.replace(b'"name": "shop"', b'"name": "shop", "name": "other"'),
        "invalid UTF-8": body.replace(b'"shop"', b'"sh\xffop"'),
        "overlong UTF-8": body.replace(b'"shop"', b'"sh\xc0\x80op"'),
        "lone surrogate in a value": body.replace(b'"shop"', b'"sh\\ud800op"'),
        "lone surrogate in a name": body.replace(b'"name"', b'"na\\udc00me"'),
        "lone surrogate in a fingerprint": body.replace(b'"fingerprint": "', b'"fingerprint": "\\ud800'),
        "lone surrogate in the group": body.replace(b'"groupKey": "', b'"groupKey": "\\udfff'),
        "surrogate as bytes": body.replace(b'"shop"', b'"sh\xed\xa0\x80op"'),
        "byte-order mark": b"\xef\xbb\xbf" + body,
        "UTF-16": text.encode("utf-16"),
        "two documents": body + body,
        "nothing": b"",
    }


def test_what_no_json_can_hold_is_refused(target: Target) -> None:
    """Each body that is not portable JSON gets 400 with a sentence, and nothing of it is stored."""
    wait_until(lambda: "received" not in target.site.states().values())
    rows, refused = target.rows(), len(target.day("sender.refused"))
    bodies = unreadable(target)
    assert len(set(bodies.values())) == len(bodies)
    for name, body in bodies.items():
        answer = target.post(body)
        assert answer.is_clear_refusal, (name, answer)

    wait_until(lambda: len(target.day("sender.refused")) >= refused + len(bodies))
    assert target.rows() == rows
    assert target.day("sender.truncated") == []
    target.assert_unharmed()


def test_journal_of_it_all_verifies(target: Target) -> None:
    """After everything that was thrown at it the journal is intact and signed, and nothing was executed."""
    wait_until(lambda: target.site.verify().exit_code == 0)
    target.assert_unharmed()
