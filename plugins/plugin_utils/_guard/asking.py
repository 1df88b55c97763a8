# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a runner for a grant: its policy, limits and approvals decide; what it opens is given back at the end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from .._vault.answer import section, text
from .._vault.errors import UnexpectedAnswer
from .patience import Patience
from .runner_api import RefusedByRunner, RunnerApi, UnreachableRunner, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._vault.client import Client
    from .._vault.grant import GrantRequest

REQUESTS_PATH = "/api/v1/requests"
POLL_SECONDS = 0.3
HANDED_OVER_WITHIN_SECONDS = 10.0
LIVING = frozenset({"received", "waiting", "approving", "opening", "running"})


@dataclass(frozen=True)
class RunnerDoor:
    """The runner that decides.

    Attributes:
        url: Its address.
        ca_cert: File of CA certificates to trust; empty for the system's.
        hosts: The hosts that the run will work on.
        reason: Why.
        ticket: Where it is tracked; may be empty.
        patience_seconds: How long to wait for its decision.
        request: What was asked for before, in a task of its own; empty to ask now.
    """

    url: str
    ca_cert: str
    hosts: tuple[str, ...]
    reason: str
    ticket: str
    patience_seconds: float
    request: str = ""


@dataclass(frozen=True)
class Lent:
    """A grant that a runner has lent, not opened yet.

    Attributes:
        request: The runner's name for it: an incident.
        wrapped: The single-use wrapping token; never shown.
        accessor: The grant's handle.
        meta: What Vault keeps with the grant.
    """

    request: str
    wrapped: str = field(repr=False)
    accessor: str
    meta: Mapping[str, str]


def borrow(client: Client, door: RunnerDoor, request: GrantRequest) -> Lent:
    """Ask for a grant, unless that was done before, and wait until the runner has decided and opened it.

    Args:
        client: Vault, with the login of who asks.
        door: The runner.
        request: Access and time box.

    Raises:
        RefusedByRunner: It says no, or has not decided in time; the request is withdrawn then.
        UnreachableRunner: It can't be asked; while we wait, not for minutes.
        VaultError: Vault does not say who we are.
    """
    api = _api(client, door)
    made = _known(api, door, request) if door.request else make_request(client, door, request)
    deadline = time.monotonic() + door.patience_seconds
    standing: Mapping[str, object] = {}
    open_since = 0.0
    patience = Patience(lambda _why: None)
    while time.monotonic() < deadline:
        if (seen := patience.ask(lambda: api.call("GET", f"{REQUESTS_PATH}/{made}"))) is None:
            time.sleep(POLL_SECONDS)
            continue
        standing = seen
        if isinstance(grant := standing.get("grant"), dict):
            return _lent(made, grant)
        if standing.get("state") not in LIVING:
            raise RefusedByRunner(f"The runner did not open the grant ({made}): {_why(standing)}.")
        if standing.get("state") == "running":
            open_since = open_since or time.monotonic()
            if time.monotonic() - open_since > HANDED_OVER_WITHIN_SECONDS:
                raise RefusedByRunner(f"The grant of {made} was handed out before, which happens once: ask anew.")
        time.sleep(POLL_SECONDS)
    give_back(client, door, made)
    raise RefusedByRunner(
        f"The runner has not decided within {door.patience_seconds:.0f} s ({made}, {_why(standing)}); the request is "
        "withdrawn. Ask for longer patience with runner_wait, or find out what it waits for."
    )


def make_request(client: Client, door: RunnerDoor, request: GrantRequest) -> str:
    """Ask for a grant that is to be handed out; the runner's name for it. Raises RefusedByRunner, UnreachableRunner, VaultError."""
    wish = {"access": request.access, "hosts": list(door.hosts), "reason": door.reason, "ticket": door.ticket}
    body = {**wish, "time_box_seconds": request.seconds, "hand_out": True}
    return _word(_api(client, door).call("POST", REQUESTS_PATH, body), "request")


def look(client: Client, door: RunnerDoor, request: str) -> Mapping[str, object]:
    """How a request of ours stands; its grant goes on waiting. Raises RefusedByRunner, UnreachableRunner, VaultError."""
    return _api(client, door).call("GET", f"{REQUESTS_PATH}/{quote(request, safe='')}?look=true")


def why(standing: Mapping[str, object]) -> str:
    """What a request waits for, or how it ended."""
    return _why(standing)


def give_back(client: Client, door: RunnerDoor, request: str) -> None:
    """Tell the runner that we are done; it closes the grant and proves it. Raises BreakglassError."""
    _api(client, door).call("DELETE", f"{REQUESTS_PATH}/{request}")


def _known(api: RunnerApi, door: RunnerDoor, request: GrantRequest) -> str:
    """What was asked for before, if it is for this access and time box: else what is opened would not be what it says."""
    seen = look(api.client, door, door.request)
    if (seen.get("access"), seen.get("time_box_seconds")) != (request.access, request.seconds):
        raise RefusedByRunner(
            f"{plain(door.request)} is for the access {plain(seen.get('access'))} and {plain(seen.get('time_box_seconds'))} s, not "
            f"for {request.access} and {request.seconds} s. Give grant the access and time_box that access_request returned."
        )
    hosts = seen.get("hosts")
    if door.hosts and set(door.hosts) != set(hosts if isinstance(hosts, list) else ()):
        raise RefusedByRunner(
            f"{plain(door.request)} is for the hosts {plain(hosts)}, not for {', '.join(door.hosts)}. Give grant the hosts of "
            "access_request, or none."
        )
    return quote(door.request, safe="")


def _api(client: Client, door: RunnerDoor) -> RunnerApi:
    return RunnerApi(client, door.url, door.ca_cert)


def _lent(request: str, grant: Mapping[str, object]) -> Lent:
    meta = section(grant, "meta")
    return Lent(
        request, text(grant, "wrapped"), text(grant, "accessor"), {name: str(value) for name, value in meta.items()}
    )


def _word(answer: Mapping[str, object], name: str) -> str:
    try:
        return text(answer, name)
    except UnexpectedAnswer:
        raise UnreachableRunner("The runner's answer names no request; is this a runner of our version?") from None


def _why(standing: Mapping[str, object]) -> str:
    return plain(standing.get("why") or standing.get("state") or "nothing was said")
