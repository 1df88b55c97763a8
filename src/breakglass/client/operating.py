# SPDX-License-Identifier: GPL-3.0-or-later
"""Incidents, grants and holds over the API, as operators and auditors use them at the command line."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast
from urllib.parse import quote, urlencode

from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import UnreachableRunner

from breakglass.client.listing import items

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi

    Fields = Mapping[str, object]

PATH = "/api/v1"
AT_ONCE = 200
PAGES_IN_VAIN = 3
"""Pages that may hold little or nothing for us, because most incidents are others'."""
TAKEN_IN_WITHIN_SECONDS = 5.0
LOOK_EVERY_SECONDS = 0.3


def open_incidents(api: RunnerApi) -> list[Fields]:
    """Every one that is not closed and that we may see, oldest first. Raises BreakglassError."""
    return items(api, f"{PATH}/incidents?limit={AT_ONCE}")[::-1]


def latest_incidents(api: RunnerApi, most: int) -> list[Fields]:
    """The newest, whatever their state, newest first: not the whole history for who may see little of it. Raises BreakglassError."""
    found: list[Fields] = []
    after: object = ""
    for _ in range(most // AT_ONCE + PAGES_IN_VAIN):
        if after is None or len(found) >= most:
            break
        wanted = {"state": "all", "limit": min(most - len(found), AT_ONCE), "after": after}
        said = api.call("GET", f"{PATH}/incidents?{urlencode(wanted)}")
        found += _items(api, said)
        after = said.get("next")
    return found


def incident_page(api: RunnerApi, incident: str, *, every_task: bool = False) -> Fields:
    """What there is to tell of one. Raises BreakglassError."""
    return api.call("GET", f"{_of(incident)}{'?tasks=all' if every_task else ''}")


def say(api: RunnerApi, incident: str, word: str, reason: str, verdict: str = "") -> Fields | None:
    """Say a word to an incident, and wait a moment for what comes of it.

    Gives the incident as it is then; None where no runner has taken it in yet. Raises BreakglassError.
    """
    said = {"word": word, "reason": reason, **({"verdict": verdict} if verdict else {})}
    before = api.call("POST", f"{_of(incident)}/orders", said).get("before")
    until = time.monotonic() + TAKEN_IN_WITHIN_SECONDS
    while time.monotonic() < until:
        now = incident_page(api, incident).get("now")
        if now != before and isinstance(now, dict):
            return cast("Fields", now)
        time.sleep(LOOK_EVERY_SECONDS)
    return None


def open_grants(api: RunnerApi) -> list[Fields]:
    """What is open now. Raises BreakglassError."""
    return items(api, f"{PATH}/grants?limit={AT_ONCE}")


def ends(api: RunnerApi, incidents: Sequence[str]) -> list[Fields]:
    """How the grants of these incidents end. Raises BreakglassError."""
    found: list[Fields] = []
    for begin in range(0, len(incidents), AT_ONCE):
        wanted = urlencode({"limit": AT_ONCE, "incidents": ",".join(incidents[begin : begin + AT_ONCE])})
        found += items(api, f"{PATH}/grants?{wanted}")
    return found


def revoke(api: RunnerApi, incident: str | None, reason: str) -> list[str]:
    """End what one incident has open, or hold everything and end all. Gives those that end. Raises BreakglassError."""
    path = f"{_of(incident)}/revoke" if incident else f"{PATH}/revoke"
    ending = api.call("POST", path, {"reason": reason}).get("incidents")
    if not isinstance(ending, list):
        raise _other_version(api)
    return [str(one) for one in ending]


def holds(api: RunnerApi) -> list[Fields]:
    """Those that stand. Raises BreakglassError."""
    return items(api, f"{PATH}/holds?limit={AT_ONCE}")


def hold(api: RunnerApi, scope: str, names: Sequence[str], reason: str) -> list[Fields]:
    """Hold. Raises BreakglassError."""
    return _items(api, api.call("POST", f"{PATH}/holds", {"scope": scope, "names": list(names), "reason": reason}))


def lift(api: RunnerApi, scope: str, names: Sequence[str], reason: str) -> list[Fields]:
    """Lift. Raises BreakglassError."""
    return _items(api, api.call("POST", f"{PATH}/holds/lift", {"scope": scope, "names": list(names), "reason": reason}))


def _of(incident: str) -> str:
    return f"{PATH}/incidents/{quote(incident, safe='')}"


def _items(api: RunnerApi, said: Fields) -> list[Fields]:
    found = said.get("items")
    if not isinstance(found, list):
        raise _other_version(api)
    return [item for item in found if isinstance(item, dict)]


def _other_version(api: RunnerApi) -> UnreachableRunner:
    return UnreachableRunner(f"{api.url} does not answer as a runner of our version does.")
