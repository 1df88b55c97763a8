# SPDX-License-Identifier: GPL-3.0-or-later
"""Closing a run's grant from within the run, before its end: `grant` with `state: absent`."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from .._credential.holding import holdings, leases
from .._credential.obtaining import NoOpenGrant, open_grant_of
from .._credential.register import Register
from .._errors import BreakglassError
from .._guard import line
from .._guard.control_sockets import end_connections
from .._vault.lease import revoke_lease
from .granting import CLOSED
from .turns import one_at_a_time

if TYPE_CHECKING:
    from .._credential.obtaining import Recorded
    from .live import Live

CLOSE_LIMIT_SECONDS = 60


class NotClosed(BreakglassError):
    """Raised when it is not proven (yet) that the run's grant is gone."""


def give_up(live: Live) -> dict[str, object]:
    """Close the run's grant and prove it: what became of it, and `changed`.

    Under a runner the grant and its leases are revoked, and the runner proves it when the play has ended.

    Raises:
        NotClosed: There is no proof; the guard goes on trying.
        BreakglassError: Vault can't be asked.
    """
    with one_at_a_time(live.run):
        known = live.run.read_json(live.run.grant)
        if known is None or known.get(CLOSED):
            return {"changed": False, "proven": known is not None and bool(known.get("proven"))}
        answer = revoke_here(live) if live.under_runner else _ask_guard(live, int(str(known["guard_pid"])))
        live.run.token.unlink(missing_ok=True)
        shutil.rmtree(live.run.credentials, ignore_errors=True)
        live.run.write_json(live.run.grant, {**known, CLOSED: True, "proven": answer["proven"]})
    return {"changed": True, "accessor": known["accessor"], **answer}


def _ask_guard(live: Live, guard: int) -> dict[str, object]:
    answer = line.ask(live.worker_end, line.CLOSE, guard, CLOSE_LIMIT_SECONDS)
    if answer is None:
        raise NotClosed("The guard of this run's grant does not answer, so the grant is not closed. The run must end.")
    if not answer.get("proven"):
        raise NotClosed(f"The grant is not proven gone: {answer.get('why')} Its guard goes on trying.")
    return {"proven": True, "remains": answer.get("remains", [])}


def revoke_here(live: Recorded) -> dict[str, object]:
    """Revoke grant and leases by the grant's own token. The runner alone has the second token that a proof needs. Raises VaultError."""
    try:
        client = open_grant_of(live.run).client
    except NoOpenGrant:
        return {"proven": False, "remains": []}
    end_connections(live.run.control)
    for lease in leases(holdings(Register(live.journal, live.stream, announced=True).read())):
        revoke_lease(client, lease)
    client.post("auth/token/revoke-self", {})
    return {"proven": False, "remains": []}
