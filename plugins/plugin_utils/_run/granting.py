# SPDX-License-Identifier: GPL-3.0-or-later
"""The grant of a run: the one that is open, the one that the runner sent, or a new one under a guard of its own."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._guard.asking import RunnerDoor
from .._guard.guard import start
from .._guard.opening import Order, grant_text
from .._vault.client import Client
from .._vault.connection import from_options
from .._vault.environment import secret_file
from .._vault.errors import UsedWrapping
from .._vault.grant import GrantKind, GrantRequest, unwrap
from .._vault.login import login_method
from .containers import is_in_container
from .duration import duration
from .turns import one_at_a_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._vault.connection import Connection
    from .directory import RunDirectory
    from .live import Live

LONGEST_META = 200
PUBLIC_FACTS = ("access", "accessor", "expires_at", "time_box")
CLOSED = "closed"


class OtherGrantOpen(BreakglassError):
    """Raised when a run that has a grant for one access asks for another."""


class ClosedGrant(BreakglassError):
    """Raised when a run whose grant was closed by a task asks for one again."""


class MissingGuard(BreakglassError):
    """Raised when the runner sent a grant but its play process is not there to watch over it."""


class ShortTimeBox(BreakglassError):
    """Raised when the time box is over before the remediation can be."""


@dataclass(frozen=True)
class Wish:
    """What the task asks for, as the person wrote it.

    Attributes:
        access: Name of the access.
        time_box: A duration.
        reason: Why.
        ticket: Where it is tracked; may be empty.
        expected_duration: How long the remediation takes as a rule; empty if nobody says.
        short_lived: Whether the grant must not outlive its guard by more than two minutes; None to find out.
        runner_url: The runner to ask; empty to open the grant with the login.
        runner_ca_cert: File of CA certificates for it; empty for the system's.
        runner_wait: A duration: how long it may take to decide.
        hosts: What a runner is told that the grant is for.
        asked_before: What `access_request` has asked the runner for before; empty to ask now.
    """

    access: str
    time_box: str
    reason: str
    ticket: str
    expected_duration: str = ""
    short_lived: bool | None = None
    runner_url: str = ""
    runner_ca_cert: str = ""
    runner_wait: str = "15m"
    hosts: tuple[str, ...] = ()
    asked_before: str = ""

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Wish:
        """Read the options of the task."""
        short = options.get("short_lived")
        words = {
            name: str(options.get(name) or "")
            for name in ("access", "time_box", "reason", "ticket", "expected_duration")
        }
        hosts = options.get("hosts")
        return cls(
            **words,
            short_lived=short if isinstance(short, bool) else None,
            runner_url=str(options.get("runner_url") or ""),
            runner_ca_cert=str(options.get("runner_ca_cert") or ""),
            runner_wait=str(options.get("runner_wait") or "15m"),
            hosts=tuple(str(host) for host in hosts) if isinstance(hosts, list) else (),
            asked_before=str(options.get("request") or ""),
        )

    def request(self, live: Live) -> GrantRequest:
        """The grant to mint; raises BreakglassError for what can't be one."""
        if not self.reason.strip():
            raise BreakglassError(
                "A grant needs a reason: set the option reason to a sentence that an auditor understands."
            )
        box = duration(self.time_box)
        self._check_expected_duration(box)
        meta = {"reason": _meta(self.reason), "ticket": _meta(self.ticket), "stream": live.stream}
        return GrantRequest(self.access, box, f"breakglass-{self.access}", meta)

    def kind(self, environ: Mapping[str, str]) -> GrantKind:
        """ORPHAN, or SHORT where the end of a container would take the guard along."""
        short = is_in_container(environ, Path("/")) if self.short_lived is None else self.short_lived
        return GrantKind.SHORT if short else GrantKind.ORPHAN

    def runner(self) -> RunnerDoor | None:
        """Who is asked for the grant, if anybody; raises BreakglassError for what can't be asked."""
        if not self.runner_url:
            if self.asked_before:
                raise BreakglassError(
                    f"{self.asked_before[:60]} was asked for at a runner: name it with the option runner_url."
                )
            return None
        if not self.hosts and not self.asked_before:
            raise BreakglassError("A runner is asked for a grant for certain hosts: name them with the option hosts.")
        patience = duration(self.runner_wait).total_seconds()
        door = RunnerDoor(self.runner_url, self.runner_ca_cert, self.hosts, self.reason, self.ticket, patience)
        return replace(door, request=self.asked_before)

    def _check_expected_duration(self, box: timedelta) -> None:
        expected = duration(self.expected_duration) if self.expected_duration else timedelta()
        if box < expected:
            raise ShortTimeBox(
                f"The time box of {self.time_box} is shorter than the {self.expected_duration} that this remediation takes as "
                "a rule, so it would be cut off in the middle. Nothing was opened. Ask for a longer time box."
            )


def obtain(live: Live, wish: Wish, options: Mapping[str, object], environ: Mapping[str, str]) -> dict[str, object]:
    """Return the run's grant, opening it if there is none: facts without anything secret, and `changed`.

    Raises:
        OtherGrantOpen: The run's grant is for another access.
        ClosedGrant: The run's grant was closed by a task.
        MissingGuard: Nobody would close the grant.
        UsedWrapping: Somebody else has opened the grant that the runner sent.
        BreakglassError: The grant can't be opened, and why.
    """
    request = wish.request(live)
    with one_at_a_time(live.run):
        known = live.run.read_json(live.run.grant)
        if known is not None:
            return {"changed": False, **_facts_of(known, wish)}
        connection = from_options(options, environ)
        if grant_file := environ.get("BREAKGLASS_GRANT_FILE"):
            _require_play_process(live.run)
            facts = _take_from_runner(live, request, connection, Path(grant_file))
        else:
            about = {"reason": wish.reason, "ticket": wish.ticket}
            method, runner = login_method(options, environ), wish.runner()
            order = Order(connection, method, request, about, wish.kind(environ), runner)
            facts = start(live, order)
        return {"changed": True, **_facts_of(facts, wish)}


def public_facts(run: RunDirectory) -> dict[str, object]:
    """What is known of the run's grant, nothing secret; empty when there is none, or none any more."""
    known = run.read_json(run.grant) or {}
    return {} if known.get(CLOSED) else {name: known[name] for name in PUBLIC_FACTS if name in known}


def _take_from_runner(live: Live, request: GrantRequest, connection: Connection, grant_file: Path) -> dict[str, object]:
    """Unwrap the grant that the runner minted for exactly this attempt: other meta data or accessor is not ours."""
    meta = {name: live.about.get(name, "") for name in ("incident", "attempt", "plan_digest")}
    opened = unwrap(
        Client(connection, None),
        _wrapping_token(grant_file),
        replace(request, meta=meta),
        live.about.get("accessor", ""),
    )
    live.run.write(live.run.token, opened.token)
    facts = grant_text(opened.facts, request, connection, os.getppid())
    live.run.write_json(live.run.grant, facts)
    return facts


def _facts_of(facts: Mapping[str, object], wish: Wish) -> dict[str, object]:
    if facts.get(CLOSED):
        raise ClosedGrant("This run's grant was closed, and a run has only one. Open another in a run of its own.")
    if facts.get("access") != wish.access:
        raise OtherGrantOpen(
            f"This run has a grant for the access {facts.get('access')}; it can't have another for {wish.access}. "
            "Use one access for the whole run, or two runs."
        )
    return {name: facts[name] for name in PUBLIC_FACTS if name in facts}


def _wrapping_token(path: Path) -> str:
    try:
        token = secret_file(path, "wrapped grant")
        path.unlink()
    except FileNotFoundError:
        raise UsedWrapping(
            f"The runner's grant was to be in {path}, which is not there: it was used already."
        ) from None
    except OSError as error:
        raise BreakglassError(f"The runner's grant in {path} can't be taken: {error.strerror}.") from error
    return token


def _require_play_process(run: RunDirectory) -> None:
    """The play process holds the run's lock for its whole life; a lock that is free means that it is dead."""
    descriptor = os.open(run.lock, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    finally:
        os.close(descriptor)
    raise MissingGuard(
        "The play process that guards this run is dead, so the grant that the runner sent is not opened."
    )


def _meta(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)[:LONGEST_META]
