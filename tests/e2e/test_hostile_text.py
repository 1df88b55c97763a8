# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile text in an alert stays text, from the webhook to the journal, the plays and the message that wakes a person."""

from __future__ import annotations

import http.client
import json
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import yaml

from tests.support.corpus import HOSTILE, with_canary
from tests.support.site import Site, as_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from breakglass.demo.serving import Serving
    from breakglass.timeline import Event

TEXTS = {name: value for name, value in HOSTILE if isinstance(value, str)}
JINJA = ("jinja lookup", "jinja whitespace control", "nested after one rendering")
WOKEN_FOR = (*JINJA, "control characters", "log forging", "terminal title", "right-to-left override", "very long", "html")
ACCEPTED, BAD_REQUEST = 202, 400
"""Statuses of HTTP."""


@dataclass(frozen=True)
class Answer:
    """What the runner answered."""

    status: int
    content_type: str
    content: dict[str, object]

    @property
    def incident(self) -> str:
        """The incident that the only alert reached."""
        (alert,) = self.content["alerts"]  # type: ignore[misc]
        return str(alert["incident"])

    @property
    def is_refusal(self) -> bool:
        """Whether it is a problem (RFC 9457) with a sentence."""
        detail = self.content.get("detail")
        return self.content_type == "application/problem+json" and isinstance(detail, str) and detail.endswith(".")


@dataclass(frozen=True)
class Target:
    """A running installation that hostile text is thrown at."""

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

    def alert(self, where: str, labels: Mapping[str, object], **more: object) -> dict[str, object]:
        """A webhook of a group of its own, so that it reaches an incident of its own."""
        body = self.site.alert(fingerprint=where)
        (alert,) = body["alerts"]  # type: ignore[misc]
        alert["labels"] |= labels
        alert |= more
        return {**body, "groupKey": where}

    def stored(self) -> list[dict[str, object]]:
        """Every record of every day's own stream."""
        streams = self.site.place.journal.glob("*/*/*/runner.jsonl")
        return [json.loads(line) for path in streams for line in path.read_bytes().splitlines()]

    def check_unharmed(self) -> None:
        """The runner is up, nothing was executed, nothing in journal or log can steer a terminal."""
        assert not self.canary.exists()
        assert self.runner.is_alive
        for path in (self.site.log, *self.site.place.journal.rglob("*.jsonl")):
            content = path.read_text(encoding="utf-8")
            assert not [character for character in content if unicodedata.category(character) == "Cc"] or set(
                character for character in content if unicodedata.category(character) == "Cc"
            ) == {"\n"}, path
