# SPDX-License-Identifier: GPL-3.0-or-later
"""A real runner behind TLS with a source of every kind and every proof: who sends is checked, what comes is one incident each."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml
from tests.support.certificates import Authority, Pair
from tests.support.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

KEY = b"k" * 32
LABELS = {"alertname": "ServiceDown", "name": "shop"}
STARTED = (datetime.now(UTC) - timedelta(minutes=3)).replace(microsecond=0).isoformat()


@dataclass(frozen=True)
class Door:
    """The runner's address, and what proves a sender."""

    site: Site
    url: str
    ca: Path
    client: Pair
    stranger: Pair

    def send(
        self, source: str, body: object, headers: Mapping[str, str] | None = None, client: Pair | None = None
    ) -> requests.Response:
        """Post a webhook as this sender would."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return requests.post(
            f"{self.url}/webhooks/{source}",
            data=content,
            headers=dict(headers or {}),
            verify=str(self.ca),
            cert=(str(client.certificate), str(client.key)) if client else None,
            timeout=20,
        )


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A runner that observes, with a source of each kind and proof."""
    directory = tmp_path_factory.mktemp("tls")
    authority, other = Authority.create(directory, "ours"), Authority.create(directory / "others", "others")
    server = authority.server()
    with Site() as site, pytest.MonkeyPatch.context() as environment:
        environment.setenv("SSL_CERT_FILE", str(authority.path))
        site.change_policy(lambda trigger: trigger.update(mode="observe", match={"alertname": "ServiceDown"}))
        for name, secret in {"hook": f"whsec_{base64.b64encode(KEY).decode()}", "grafana": "g", "pager": "p"}.items():
            site.place.secret(name).touch(0o600)
            site.place.secret(name).write_text(secret, encoding="utf-8")
        settings = yaml.safe_load(site.place.settings.read_text(encoding="utf-8"))
        settings["tls"] = {
            "certificate": str(server.certificate),
            "key": str(server.key),
            "client_ca": str(authority.path),
        }
        settings["sources"] |= {
            "proxy": {"kind": "alertmanager", "client_certificates": ["alerts"]},
            "grafana": {
                "kind": "grafana",
                "hmac": {"scheme": "grafana", "secret_files": [str(site.place.secret("grafana"))]},
            },
            "pagerduty": {
                "kind": "pagerduty",
                "hmac": {"scheme": "pagerduty", "secret_files": [str(site.place.secret("pager"))]},
            },
            "events": {
                "kind": "cloudevents",
                "hmac": {"scheme": "standard_webhooks", "secret_files": [str(site.place.secret("hook"))]},
                "fields": {
                    "labels": {"alertname": "data.what", "instance": "subject", "name": "data.unit"},
                    "starts_at": "time",
                    "status": "data.state",
                },
            },
            "bus": {
                "kind": "cloudevents",
                "bearer_token_files": [str(site.place.secret("pager"))],
                "fields": {
                    "labels": {"alertname": "data.what", "instance": "subject", "name": "data.unit"},
                    "starts_at": "time",
                    "status": "data.state",
                },
            },
            "checks": {
                "kind": "json",
                "basic": {"user": "checks", "password_files": [str(site.place.secret("pager"))]},
                "fields": {
                    "alerts": "checks",
                    "labels": {"alertname": "what", "instance": "host", "name": "unit"},
                    "starts_at": "since",
                },
            },
        }
        site.place.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")
        with site.runner() as runner:
            yield Door(site, runner.url, authority.path, authority.client("alerts"), other.client("alerts"))


def signed(content: bytes, key: bytes) -> bytes:
    return hmac.new(key, content, hashlib.sha256).digest()


def alertmanager(fingerprint: str) -> dict[str, Any]:
    alert = {
        "status": "firing",
        "labels": {**LABELS, "instance": "web1"},
        "startsAt": STARTED,
        "fingerprint": fingerprint,
    }
    return {"version": "4", "groupKey": "g", "alerts": [alert]}


def grafana(stamp: str | None = None) -> tuple[bytes, dict[str, str]]:
    body = json.dumps({**alertmanager("grafana-1"), "version": "1", "orgId": 1}).encode()
    when = stamp or str(int(time.time()))
    signature = signed(f"{when}:".encode() + body, b"g").hex()
    return body, {"X-Grafana-Alerting-Signature": signature, "X-Grafana-Alerting-Signature-Timestamp": when}


def pagerduty() -> tuple[bytes, dict[str, str]]:
    data = {"id": "PD1", "title": "ServiceDown", "created_at": STARTED, "incident_key": "web1"}
    event = {"event_type": "incident.triggered", "occurred_at": STARTED, "data": data}
    body = json.dumps({"event": event}).encode()
    return body, {"X-PagerDuty-Signature": f"v1={signed(body, b'p').hex()}"}


def event(stamp: str | None = None) -> tuple[bytes, dict[str, str]]:
    content = {
        "specversion": "1.0",
        "id": "1",
        "source": "/checks",
        "type": "check",
        "subject": "web1",
        "time": STARTED,
    }
    content["data"] = {"what": "ServiceDown", "unit": "shop", "state": "failed"}  # type: ignore[assignment]
    body, when = json.dumps(content).encode(), stamp or str(int(time.time()))
    signature = base64.b64encode(signed(f"m1.{when}.".encode() + body, KEY)).decode()
    headers = {"webhook-id": "m1", "webhook-timestamp": when, "webhook-signature": f"v1,{signature}"}
    return body, {**headers, "Content-Type": "application/cloudevents+json"}


EVENT = {"specversion": "1.0", "source": "/checks", "type": "check", "subject": "web1", "time": STARTED}
DATA = {"what": "ServiceDown", "unit": "shop", "state": "failed"}


def binary(**attributes: str) -> tuple[bytes, dict[str, str]]:
    """The attributes are headers, the body is the data."""
    headers = {f"ce-{name}": value for name, value in {**EVENT, "id": "b1", **attributes}.items()}
    return json.dumps(DATA).encode(), {**headers, "Content-Type": "application/json", "Authorization": "Bearer p"}


def batch() -> tuple[bytes, dict[str, str]]:
    """Two events in one request."""
    events = [{**EVENT, "id": f"c{unit}", "data": {**DATA, "unit": unit}} for unit in ("cart", "till")]
    return json.dumps(events).encode(), {
        "Content-Type": "application/cloudevents-batch+json",
        "Authorization": "Bearer p",
    }


def check() -> tuple[bytes, dict[str, str]]:
    body = json.dumps({"checks": [{"what": "ServiceDown", "host": "web1", "unit": "shop", "since": STARTED}]}).encode()
    return body, {"Authorization": f"Basic {base64.b64encode(b'checks:p').decode()}"}


def reached(answer: requests.Response) -> list[str]:
    assert answer.status_code == 202, answer.text
    return [alert["reached"] for alert in answer.json()["alerts"]]


@pytest.mark.parametrize(("source", "make"), [("grafana", grafana), ("events", event), ("checks", check)])
def test_a_genuine_webhook_is_an_incident_and_its_repetition_is_none(door: Door, source: str, make: Any) -> None:
    """Sent again, by its sender or by somebody who listened, it starts nothing."""
    body, headers = make()
    first = door.send(source, body, headers)
    assert reached(first)[0] in ("opened", "joined")
    assert reached(door.send(source, body, headers)) == ["repeated"]
    incident = first.json()["alerts"][0]["incident"]
    events = door.site.wait_for(incident, "incident.closed")
    assert next(one for one in events if one.kind == "incident.closed").body["result"] == "observed"


def test_an_event_whose_attributes_are_headers_is_taken(door: Door) -> None:
    """Binary mode; sent again it starts nothing, and what it says is over is over."""
    body, headers = binary()
    first = door.send("bus", body, headers)
    assert reached(first)[0] in ("opened", "joined")
    assert reached(door.send("bus", body, headers)) == ["repeated"]
    door.site.wait_for(first.json()["alerts"][0]["incident"], "incident.closed")
    assert door.send("bus", body, {**headers, "Authorization": "Bearer x"}).status_code == 401


def test_events_in_a_batch_are_taken_each(door: Door) -> None:
    """Both, and of a repetition neither."""
    body, headers = batch()
    first = reached(door.send("bus", body, headers))
    assert len(first) == 2
    assert set(first) <= {"opened", "joined"}
    assert reached(door.send("bus", body, headers)) == ["repeated", "repeated"]


def test_a_signature_over_the_body_does_not_prove_attributes_in_headers(door: Door) -> None:
    """A genuine signed body, sent again with another host in its headers, is refused; as is any binary event of that source."""
    body, when = json.dumps(DATA).encode(), str(int(time.time()))
    signature = base64.b64encode(signed(f"m2.{when}.".encode() + body, KEY)).decode()
    proof = {"webhook-id": "m2", "webhook-timestamp": when, "webhook-signature": f"v1,{signature}"}
    _, headers = binary(subject="db1")
    answer = door.send("events", body, {**headers, **proof})
    assert (answer.status_code, "covers the body alone" in answer.json()["detail"]) == (400, True)


def test_pagerduty_s_incident_names_no_host_and_is_refused_not_lost(door: Door) -> None:
    """The policy's trigger takes the host from the label instance, which is not there, and that is recorded."""
    body, headers = pagerduty()
    answer = door.send("pagerduty", body, headers)
    assert reached(answer) == ["opened"]
    assert reached(door.send("pagerduty", body, headers)) == ["repeated"]
    events = door.site.wait_for(answer.json()["alerts"][0]["incident"], "alert.refused")
    assert "names no host" in str(next(one for one in events if one.kind == "alert.refused").body["why"])


def test_a_client_certificate_proves_a_sender(door: Door) -> None:
    """One of the CA that the settings name, for one of the source's names; the other sources work without."""
    assert reached(door.send("proxy", alertmanager("proxy-1"), client=door.client))
    refused = door.send("proxy", alertmanager("proxy-2"))
    assert (refused.status_code, "client certificate" in refused.json()["detail"]) == (401, True)
    with pytest.raises(requests.exceptions.RequestException):
        door.send("proxy", alertmanager("proxy-3"), client=door.stranger)
    token = {"Authorization": f"Bearer {door.site.token}"}
    assert reached(door.send("alertmanager", alertmanager("am-1"), token, client=door.client))
    assert door.send("proxy", alertmanager("proxy-4"), token).status_code == 401


@pytest.mark.parametrize(("source", "make"), [("grafana", grafana), ("events", event)])
def test_an_old_webhook_is_refused(door: Door, source: str, make: Any) -> None:
    """Although its signature is right."""
    body, headers = make(str(int(time.time()) - 3600))
    answer = door.send(source, body, headers)
    assert (answer.status_code, "more than 300 s from now" in answer.json()["detail"]) == (401, True)


@pytest.mark.parametrize(
    ("source", "make"), [("grafana", grafana), ("pagerduty", pagerduty), ("events", event), ("checks", check)]
)
def test_a_webhook_of_nobody_is_refused_and_recorded_without_its_body(door: Door, source: str, make: Any) -> None:
    """Changed on the way, or without a proof."""
    body, headers = make()
    if source != "checks":
        assert door.send(source, body + b" ", headers).status_code == 401
    nothing = {name: value for name, value in headers.items() if name == "Content-Type"}
    assert door.send(source, body, nothing).status_code == 401
    assert door.send(source, b"[" * 1000, nothing).status_code == 401
