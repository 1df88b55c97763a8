# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a runner for a grant: its policy, limits and approvals decide; what it opens is given back at the end.

The runner is told who asks by an identity token of Vault, fresh for each call; no Vault token goes there.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import requests

from .._errors import BreakglassError
from .._vault.answer import section, text
from .._vault.errors import InvalidRequest, UnexpectedAnswer
from .._vault.names import IDENTITY_TOKEN_PATH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._vault.client import Client
    from .._vault.grant import GrantRequest

REQUESTS_PATH = "/api/v1/requests"
TIMEOUT_SECONDS = 10
POLL_SECONDS = 0.3
LONGEST_SENTENCE = 500
LIVING = frozenset({"received", "waiting", "approving", "opening", "running"})


class RefusedByRunner(BreakglassError):
    """Raised when the runner does not open the grant; its text says why."""


class UnreachableRunner(BreakglassError):
    """Raised when the runner can't be asked, or does not answer as one."""


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
    """

    url: str
    ca_cert: str
    hosts: tuple[str, ...]
    reason: str
    ticket: str
    patience_seconds: float


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
    """Ask for a grant, and wait until the runner has decided and opened it.

    Args:
        client: Vault, with the login of who asks.
        door: The runner.
        request: Access and time box.

    Raises:
        RefusedByRunner: It says no, or has not decided in time; the request is withdrawn then.
        UnreachableRunner: It can't be asked.
        VaultError: Vault does not say who we are.
    """
    wish = {"access": request.access, "hosts": list(door.hosts), "reason": door.reason, "ticket": door.ticket}
    body = {**wish, "time_box_seconds": request.seconds}
    made = _word(_call(client, door, "POST", REQUESTS_PATH, body), "request")
    deadline = time.monotonic() + door.patience_seconds
    standing: Mapping[str, object] = {}
    while time.monotonic() < deadline:
        standing = _call(client, door, "GET", f"{REQUESTS_PATH}/{made}")
        if isinstance(grant := standing.get("grant"), dict):
            return _lent(made, grant)
        if standing.get("state") not in LIVING:
            raise RefusedByRunner(f"The runner did not open the grant ({made}): {_why(standing)}.")
        time.sleep(POLL_SECONDS)
    give_back(client, door, made)
    raise RefusedByRunner(
        f"The runner has not decided within {door.patience_seconds:.0f} s ({made}, {_why(standing)}); the request is "
        "withdrawn. Ask for longer patience with runner_wait, or find out what it waits for."
    )


def give_back(client: Client, door: RunnerDoor, request: str) -> None:
    """Tell the runner that we are done; it closes the grant and proves it. Raises BreakglassError."""
    _call(client, door, "DELETE", f"{REQUESTS_PATH}/{request}")


def _call(
    client: Client, door: RunnerDoor, method: str, path: str, body: Mapping[str, object] | None = None
) -> Mapping[str, object]:
    headers = {"Authorization": f"Bearer {_identity_token(client)}"}
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                method,
                door.url.rstrip("/") + path,
                json=body,
                headers=headers,
                timeout=TIMEOUT_SECONDS,
                verify=door.ca_cert or True,
                allow_redirects=False,
            )
            said = answer.json() if answer.content else {}
    except (OSError, ValueError) as error:  # requests' errors are OSErrors
        raise UnreachableRunner(
            f"The runner at {door.url} can't be asked ({type(error).__name__}); check runner_url and that it runs."
        ) from None
    if not isinstance(said, dict) or not (answer.ok or "detail" in said):
        raise UnreachableRunner(f"{door.url} does not answer as a runner does; check runner_url.")
    if not answer.ok:
        raise RefusedByRunner(f"The runner at {door.url} says no: {_plain(said['detail'])}")
    return said


def _identity_token(client: Client) -> str:
    try:
        return text(section(client.get(IDENTITY_TOKEN_PATH), "data"), "token")
    except InvalidRequest as error:
        raise RefusedByRunner(
            f"Vault does not say who you are, so no runner can be asked: {'; '.join(error.errors)}. Log in by a method that "
            "has an identity, not with a root token."
        ) from None


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
    return _plain(standing.get("why") or standing.get("state") or "nothing was said")


def _plain(words: object) -> str:
    """What another machine says must not move the reader's cursor."""
    return "".join(one if one.isprintable() else " " for one in str(words))[:LONGEST_SENTENCE]
