# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching incidents over the API: the steps of one as its event stream sends them, or what changes in all of them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote

from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import (
    UnreachableRunner,
    UntrustedRunner,
    plain,
)

from breakglass.client.operating import latest_incidents
from breakglass.client.streaming import streamed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi

AGAIN_AFTER_SECONDS: Final = 2.0
LONGEST_LINE: Final = 65_536
CLOSED: Final = "closed"
CHANGED: Final = "incident.changed"


@dataclass
class Watch:
    """The steps of one incident, from its beginning to its end, also over a connection that breaks.

    Attributes:
        api: The runner.
        incident: Its id.
        is_over: Whether the runner has said that the incident is closed, and all of it told.
        last_id: Where the stream goes on when it breaks.
    """

    api: RunnerApi
    incident: str
    is_over: bool = False
    last_id: str = ""

    def lines(self, tell_break: Callable[[str], None]) -> Iterator[str]:
        """Yield a line for each of `steps`."""
        return map(step_line, self.steps(tell_break))

    def steps(self, tell_break: Callable[[str], None]) -> Iterator[Mapping[str, object]]:
        """Yield each step until the incident is closed; `tell_break` hears why the stream begins anew.

        Raises:
            RefusedByRunner: There is no such incident for us (any more).
            VaultError: Vault does not say who we are.
        """
        while not self.is_over:
            try:
                yield from self._once()
            except UntrustedRunner:
                raise
            except UnreachableRunner as error:
                tell_break(str(error))
            if not self.is_over:
                time.sleep(AGAIN_AFTER_SECONDS)

    def _once(self) -> Iterator[Mapping[str, object]]:
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        path = f"/api/v1/incidents/{quote(self.incident, safe='')}/events"
        with streamed(self.api, path, "text/event-stream", headers) as answer:
            if answer.status_code == HTTPStatus.NO_CONTENT:
                self.is_over = True
                return
            yield from self._told(answer)

    def _told(self, answer: requests.Response) -> Iterator[Mapping[str, object]]:
        """The steps in the events, by the rules of the standard as far as our runner makes use of them."""
        event, position = "", self.last_id
        for raw in answer.iter_lines(chunk_size=1):
            name, _, value = raw[:LONGEST_LINE].decode("utf-8", "replace").partition(": ")
            match name:
                case "id":
                    position = value
                case "event":
                    event = value
                case "data" if event == CLOSED:
                    self.is_over = True
                    return
                case "data":
                    yield _step(value)
                case "":
                    self.last_id, event = position, ""


def changes(api: RunnerApi, known: dict[str, object], most: int = 50) -> Iterator[Mapping[str, object]]:
    """Yield each of the newest incidents that changed since the last call with this memory."""
    for one in reversed(latest_incidents(api, most)):
        if known.get(str(one.get("id"))) != one.get("line"):
            known[str(one.get("id"))] = one.get("line")
            yield one


def change_step(incident: Mapping[str, object]) -> dict[str, str]:
    """An incident that changed as a step, with the fields of all others; it stands in no stream."""
    at, name, text = (str(incident.get(field) or "") for field in ("since", "state", "line"))
    return {"incident": str(incident.get("id")), "at": at, "kind": CHANGED, "stream": "", "name": name, "text": text}


def step_line(step: Mapping[str, object]) -> str:
    """A step as `breakglass watch` prints those of a journal."""
    at, incident, name, text = (plain(step.get(field, "")) for field in ("at", "incident", "name", "text"))
    return f"{at[11:19]}  {incident:<14} {name:<11} {text}"


def _step(data: str) -> Mapping[str, object]:
    try:
        step = json.loads(data)
    except ValueError:
        step = {}
    return cast("Mapping[str, object]", step) if isinstance(step, Mapping) else {}
