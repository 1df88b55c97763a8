# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests over the API: asking for an access, waiting for it, giving it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import UnreachableRunner, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi

PATH = "/api/v1/requests"
LOOK_EVERY_SECONDS = 1.0
WAITING = frozenset({"received", "waiting", "approving", "opening"})
OPEN = "running"


@dataclass(frozen=True)
class Wanted:
    """What somebody asks for.

    Attributes:
        access: Name of the access.
        hosts: Inventory names.
        reason: Why.
        ticket: Where it is tracked; may be empty.
        time_box_seconds: From the moment that the grant opens.
        override: Without the approval, where the policy lets them.
        hand_out: For use on their own machine.
    """

    access: str
    hosts: tuple[str, ...]
    reason: str
    ticket: str
    time_box_seconds: int
    override: bool = False
    hand_out: bool = False


@dataclass(frozen=True)
class Standing:
    """How a request stands.

    Attributes:
        state: Of its incident.
        why: What it waits for, or how it ended.
        until: When its grant is over, ISO 8601; empty while there is none.
        extended_by: The request that has taken its sessions over; empty where none has.
    """

    state: str
    why: str
    until: str = ""
    extended_by: str = ""

    @property
    def waits(self) -> bool:
        """Whether it has not opened yet, and may."""
        return self.state in WAITING

    @property
    def is_open(self) -> bool:
        """Whether the grant is open."""
        return self.state == OPEN


def ask(api: RunnerApi, wanted: Wanted) -> str:
    """Ask; the incident's id. Raises BreakglassError."""
    wish = {"access": wanted.access, "hosts": list(wanted.hosts), "reason": wanted.reason, "ticket": wanted.ticket}
    flags = {"override": wanted.override, "hand_out": wanted.hand_out}
    body = {**wish, "time_box_seconds": wanted.time_box_seconds, **flags}
    return _made(api, PATH, body)


def extend(api: RunnerApi, request: str, time_box_seconds: int | None, reason: str, *, override: bool) -> str:
    """Ask for more time for a request of ours; the new one's id. Raises BreakglassError."""
    body: dict[str, object] = {"reason": reason, "override": override}
    if time_box_seconds is not None:
        body["time_box_seconds"] = time_box_seconds
    return _made(api, f"{_path(request)}/extension", body)


def standing(api: RunnerApi, request: str) -> Standing:
    """How a request of ours stands. Raises BreakglassError."""
    said = api.call("GET", f"{_path(request)}?look=true")
    words = {name: plain(said.get(name, "")) for name in ("state", "why", "until", "extended_by")}
    return Standing(**words)


def newest(api: RunnerApi, request: str) -> list[str]:
    """The request and all that have extended it, in order; what is open of them is the last one. Raises BreakglassError."""
    found = [request]
    while (by := standing(api, found[-1]).extended_by) and by not in found:
        found.append(by)
    return found


def give_back(api: RunnerApi, request: str) -> None:
    """We are done with it, or do not want it any more. Raises BreakglassError."""
    api.call("DELETE", _path(request))


def _made(api: RunnerApi, path: str, body: Mapping[str, object]) -> str:
    made = api.call("POST", path, body).get("request")
    if not isinstance(made, str):
        raise UnreachableRunner(f"{api.url} does not answer as a runner of our version does.")
    return plain(made)


def _path(request: str) -> str:
    return f"{PATH}/{quote(request, safe='')}"
