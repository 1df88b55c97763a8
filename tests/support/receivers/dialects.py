# SPDX-License-Identifier: GPL-3.0-or-later
"""Protocols above HTTP, as strict as their specifications: what is not exactly right is answered with 400."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import threading
import time
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from tests.support.receivers.faults import Fault
from tests.support.receivers.http_receiver import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

POISON = "poisonous"
FIELDS = {"at", "body", "id", "kind", "origin", "previous", "seq"}


class Wrong(Exception):
    """Raised when a request is not what the protocol asks for."""


def require(truth: bool, what: str) -> None:  # noqa: FBT001 (as `assert` has it)
    """Answer 400 unless something is so."""
    if not truth:
        raise Wrong(what)


class Strict:
    """Turns what is wrong into a 400."""

    def answer(self, path: str, headers: Mapping[str, str], body: bytes, fault: Fault | None) -> Answer:
        try:
            return self.take(path, headers, body, fault)
        except (Wrong, ValueError, KeyError, TypeError) as error:
            return Answer(400, f"{type(error).__name__}: {error}".encode())

    def take(self, path: str, headers: Mapping[str, str], body: bytes, fault: Fault | None) -> Answer:
        raise NotImplementedError


class JsonLines(Strict):
    """Records, one JSON object a line."""

    def take(self, path: str, headers: Mapping[str, str], body: bytes, fault: Fault | None) -> Answer:
        require(headers["Content-Type"] == "application/x-ndjson", "content type")
        require(body.endswith(b"\n"), "the last line has no end")
        records = [json.loads(line) for line in body.splitlines()]
        require(all(record.keys() == FIELDS for record in records), "not a record")
        require(POISON not in body.decode(), "poison")
        return Answer(204, kept=[record["id"] for record in records])


class CloudEvents(Strict):
    """A batch of CloudEvents 1.0, signed by Standard Webhooks if there is a key."""

    def __init__(self, webhook_key: bytes | None = None, token: str | None = None) -> None:
        self.messages: list[str] = []
        self._key = webhook_key
        self._token = token

    def take(self, path: str, headers: Mapping[str, str], body: bytes, fault: Fault | None) -> Answer:
        require(headers["Content-Type"] == "application/cloudevents-batch+json", "content type")
        if self._token is not None:
            require(headers["Authorization"] == f"Bearer {self._token}", "token")
        if self._key is not None:
            self._check_signature(self._key, headers, body)
        events = json.loads(body)
        for event in events:
            require(event["specversion"] == "1.0" and event["datacontenttype"] == "application/json", "version")
            require(all(isinstance(event[name], str) and event[name] for name in ("id", "source", "type")), "empty")
            require(datetime.fromisoformat(event["time"]).tzinfo is not None, "time")
            require(all(re.fullmatch(r"[a-z0-9]{1,20}", name) for name in event if name != "data_base64"), "name")
            require(event["data"].keys() == FIELDS and event["data"]["id"] == event["id"], "data")
        require(POISON not in body.decode(), "poison")
        return Answer(202, kept=[event["id"] for event in events])

    def _check_signature(self, key: bytes, headers: Mapping[str, str], body: bytes) -> None:
        message, at = headers["webhook-id"], headers["webhook-timestamp"]
        require(abs(time.time() - int(at)) < 300, "not fresh")
        expected = base64.b64encode(hmac.digest(key, f"{message}.{at}.".encode() + body, hashlib.sha256)).decode()
        require(hmac.compare_digest(headers["webhook-signature"], f"v1,{expected}"), "signature")
        self.messages.append(message)


class SplunkHec(Strict):
    """Splunk's HTTP Event Collector with indexer acknowledgement; an acknowledgement comes at the second question."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._channels: dict[str, dict[str, int]] = {}
        self._number = 0
        self._silent: set[str] = set()
        self._lock = threading.Lock()

    def take(self, path: str, headers: Mapping[str, str], body: bytes, fault: Fault | None) -> Answer:
        if headers.get("Authorization") != f"Splunk {self._token}":
            return Answer(403, b'{"text":"Invalid token","code":4}')
        channel = str(UUID(headers["X-Splunk-Request-Channel"]))
        if urlsplit(path).path == "/services/collector/ack":
            require(parse_qs(urlsplit(path).query) == {"channel": [channel]}, "channel")
            return self._acknowledgements(channel, json.loads(body))
        require(path == "/services/collector/event", "path")
        return self._events(channel, body, fault)

    def _events(self, channel: str, body: bytes, fault: Fault | None) -> Answer:
        decoder, text, at, kept = json.JSONDecoder(), body.decode(), 0, []
        while at < len(text):
            event, at = decoder.raw_decode(text, at)
            at += len(text[at:]) - len(text[at:].lstrip())
            if POISON in json.dumps(event):
                return Answer(400, b'{"text":"Invalid data format","code":6,"invalid-event-number":%d}' % len(kept))
            require(isinstance(event["time"], float) and event["event"].keys() == FIELDS, "event")
            require(event["fields"] == {"record_id": event["event"]["id"]} and bool(event["sourcetype"]), "fields")
            kept.append(event["event"]["id"])
        self._number += 1
        self._channels.setdefault(channel, {})[str(self._number)] = 0
        if fault is Fault.PARTLY:
            self._silent.add(str(self._number))
        return Answer(200, json.dumps({"text": "Success", "code": 0, "ackId": self._number}).encode(), kept)

    def _acknowledgements(self, channel: str, question: Mapping[str, list[int]]) -> Answer:
        asked = self._channels.get(channel, {})
        answers = {}
        for number in map(str, question["acks"]):
            asked[number] = asked.get(number, 0) + 1
            answers[number] = asked[number] > 1 and number not in self._silent
        return Answer(200, json.dumps({"acks": answers}).encode())


class Otlp(Strict):
    """OTLP/HTTP logs in JSON; a partial success when a record is poisonous."""

    def __init__(self, key: str | None = None) -> None:
        self._key = key

    def take(self, path: str, headers: Mapping[str, str], body: bytes, fault: Fault | None) -> Answer:
        require(path == "/v1/logs" and headers["Content-Type"] == "application/json", "path or content type")
        if self._key is not None:
            require(headers["api-key"] == self._key, "key")
        kept, rejected = [], 0
        request = json.loads(body)
        require(request.keys() == {"resourceLogs"}, "request")
        for resource in request["resourceLogs"]:
            require(_attributes(resource["resource"])["service.name"] == {"stringValue": "breakglass"}, "resource")
            for scope in resource["scopeLogs"]:
                for record in scope["logRecords"]:
                    require(bool(re.fullmatch(r"[0-9]{19}", record["timeUnixNano"])), "time")
                    require(1 <= record["severityNumber"] <= 24, "severity")
                    require(json.loads(record["body"]["stringValue"]).keys() == FIELDS, "body")
                    if POISON in record["body"]["stringValue"]:
                        rejected += 1
                    else:
                        kept.append(_attributes(record)["log.record.uid"]["stringValue"])
        if fault is Fault.PARTLY:
            rejected += 1
        partial = {"rejectedLogRecords": str(rejected), "errorMessage": "no"}
        return Answer(200, json.dumps({"partialSuccess": partial} if rejected else {}).encode(), kept)


def _attributes(holder: Mapping[str, list[dict[str, object]]]) -> dict[str, dict[str, str]]:
    return {str(one["key"]): dict(one["value"]) for one in holder["attributes"]}  # type: ignore[call-overload]
