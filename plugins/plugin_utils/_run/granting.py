# SPDX-License-Identifier: GPL-3.0-or-later
"""The grant of a run: the one that is open, the one that the runner sent, or a new one under a guard of its own."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._guard.guard import start
from .._guard.opening import Order, grant_text
from .._vault.client import Client
from .._vault.connection import from_options
from .._vault.environment import secret_file
from .._vault.errors import UsedWrapping
from .._vault.grant import GrantRequest, unwrap
from .._vault.login import login_method
from .duration import duration
from .turns import one_at_a_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._vault.connection import Connection
    from .directory import RunDirectory
    from .live import Live

LONGEST_META = 200
PUBLIC_FACTS = ("access", "accessor", "expires_at", "time_box")


class OtherGrantOpen(BreakglassError):
    """Raised when a run that has a grant for one access asks for another."""


class MissingGuard(BreakglassError):
    """Raised when the runner sent a grant but its play process is not there to watch over it."""


@dataclass(frozen=True)
class Wish:
    """What the task asks for, as the person wrote it."""

    access: str
    time_box: str
    reason: str
    ticket: str

    def request(self, live: Live) -> GrantRequest:
        """The grant to mint; raises BreakglassError for what can't be one."""
        if not self.reason.strip():
            raise BreakglassError(
                "A grant needs a reason: set the option reason to a sentence that an auditor understands."
            )
        meta = {"reason": _meta(self.reason), "ticket": _meta(self.ticket), "stream": live.stream}
        return GrantRequest(self.access, duration(self.time_box), f"breakglass-{self.access}", meta)


def obtain(live: Live, wish: Wish, options: Mapping[str, object], environ: Mapping[str, str]) -> dict[str, object]:
    """Return the run's grant, opening it if there is none: facts without anything secret, and `changed`.

    Raises:
        OtherGrantOpen: The run's grant is for another access.
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
            facts = start(live, Order(connection, login_method(options, environ), request, about))
        return {"changed": True, **_facts_of(facts, wish)}


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
