# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a runner for an access in a task of its own, and waiting for its yes; `grant` opens what was asked for after that."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._guard.asking import LIVING, RunnerDoor, give_back, look, make_request, why
from .._guard.patience import Patience
from .._guard.runner_api import RefusedByRunner, plain
from .._vault.grant import GrantRequest
from .duration import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .._vault.client import Client

LOOK_EVERY_SECONDS = 1.0
OPEN = "running"


@dataclass(frozen=True)
class AccessWish:
    """What is asked for.

    Attributes:
        request: Access and time box.
        door: The runner, the hosts, why, and how long to wait.
    """

    request: GrantRequest
    door: RunnerDoor

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> AccessWish:
        """Read the options of the task; raises BreakglassError for what can't be asked."""
        access, hosts, reason = str(options["access"]), options.get("hosts"), str(options["reason"])
        if not isinstance(hosts, list) or not hosts:
            raise BreakglassError("A runner is asked for an access to certain hosts: name them with the option hosts.")
        if not reason.strip():
            raise BreakglassError("A request needs a reason: a sentence that an auditor and an approver understand.")
        door = RunnerDoor(
            str(options["runner_url"]),
            str(options.get("runner_ca_cert") or ""),
            tuple(str(host) for host in hosts),
            reason,
            str(options.get("ticket") or ""),
            duration(str(options["wait"])).total_seconds(),
        )
        return cls(GrantRequest(access, duration(str(options["time_box"])), f"breakglass-{access}", {}), door)

    @property
    def facts(self) -> dict[str, object]:
        """What is asked for, for the result of the task."""
        return {
            "access": self.request.access,
            "hosts": list(self.door.hosts),
            "time_box": f"{self.request.seconds}s",
        }

    @property
    def words(self) -> str:
        """The same in a sentence."""
        return (
            f"The runner at {self.door.url} would be asked for {self.request.access} on {', '.join(self.door.hosts)} for "
            f"{self.request.seconds} s: {self.door.reason}"
        )


def request_access(client: Client, wish: AccessWish, tell: Callable[[str], object]) -> dict[str, object]:
    """Ask, and wait until the grant is open and waits to be taken; the result of the task.

    Args:
        client: Vault, with the login of who asks.
        wish: What is asked for.
        tell: Hears of each change, a line.

    Raises:
        RefusedByRunner: It says no, people say no, or nobody has decided in time; the request is withdrawn then.
        UnreachableRunner: It can't be asked; while we wait, not for minutes.
        VaultError: Vault does not say who we are.
    """
    made = make_request(client, wish.door, wish.request)
    try:
        return _awaited(client, wish, made, tell)
    except BaseException:  # nobody waits for it any more
        with suppress(BreakglassError):
            give_back(client, wish.door, made)
        raise


def _awaited(client: Client, wish: AccessWish, made: str, tell: Callable[[str], object]) -> dict[str, object]:
    deadline, told = time.monotonic() + wish.door.patience_seconds, ""
    patience = Patience(lambda reason: tell(f"{made}: {reason} Trying again."))
    while True:
        standing = patience.ask(lambda: look(client, wish.door, made))
        if standing is None:
            time.sleep(LOOK_EVERY_SECONDS)
            continue
        state = plain(standing.get("state"))
        if state == OPEN:
            return {"request": made, **wish.facts, **_decided(standing)}
        if state not in LIVING:
            raise RefusedByRunner(f"{made} was not approved or could not be opened: {why(standing)}.")
        if time.monotonic() > deadline:
            raise RefusedByRunner(
                f"Nobody has decided about {made} within {wish.door.patience_seconds:.0f} s ({why(standing)}); it is withdrawn. "
                "Wait longer with the option wait, or find out who was asked."
            )
        if (line := f"{made} {state}: {why(standing)}") != told:
            tell(line)
            told = line
        time.sleep(LOOK_EVERY_SECONDS)


def _decided(standing: Mapping[str, object]) -> dict[str, object]:
    votes = standing.get("approved_by")
    approved = [_vote(vote) for vote in votes if isinstance(vote, dict)] if isinstance(votes, list) else []
    known = {"approval": plain(standing.get("approval", "")), "expires_at": plain(standing.get("until", ""))}
    return {**known, "approved_by": approved}


def _vote(vote: Mapping[str, object]) -> dict[str, object]:
    groups = vote.get("groups")
    words = {name: plain(vote.get(name, "")) for name in ("person", "at")}
    return {**words, "groups": [plain(one) for one in groups] if isinstance(groups, list) else []}
