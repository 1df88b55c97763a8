# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.incidents import NOW, make_incident

from breakglass.domain.incident import Attempt, Effect, Incident, Result, State
from breakglass.domain.orders import no_revocation
from breakglass.holding import grants_end

OPEN = Attempt(1, accessor="a", expires_at=NOW + timedelta(minutes=10))
GONE = replace(OPEN, proven_at=NOW)
NEVER = Attempt(1)


def stands(state: State, *attempts: Attempt, **how: object) -> Incident:
    return replace(make_incident(name="INC-1"), state=state, attempts=attempts, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("incident", "sentence", "over"),
    [
        (stands(State.RUNNING, OPEN, effect=Effect.RUN_PLAY), "its play and its grant are being ended", False),
        (stands(State.OPENING, NEVER, effect=Effect.OPEN_GRANT), "its play and its grant are being ended", False),
        (stands(State.CLOSING, OPEN, cancelled_by="ada"), "its play and its grant are being ended", False),
        (
            stands(State.CLOSING, OPEN, cancelled_by="ada", blocked="Vault is away"),
            f"closing: Vault is away. It is tried for ever, and dies by itself at {NOW + timedelta(minutes=10):%H:%M:%S} UTC",
            False,
        ),
        (stands(State.CLOSED, GONE, result=Result.CANCELLED), f"grant gone, proven at {NOW:%Y-%m-%d %H:%M:%S} UTC", True),
        (stands(State.CLOSED, NEVER, result=Result.CANCELLED), "no grant was opened", True),
        (stands(State.ESCALATED, GONE, result=Result.FAILED), f"grant gone, proven at {NOW:%Y-%m-%d %H:%M:%S} UTC", True),
        (stands(State.ESCALATED, GONE, result=Result.FAILED, effect=Effect.ESCALATE), f"grant gone, proven at {NOW:%Y-%m-%d %H:%M:%S} UTC", True),
        (stands(State.VERIFYING, GONE), f"grant gone, proven at {NOW:%Y-%m-%d %H:%M:%S} UTC", True),
    ],
)  # fmt: skip
def test_how_the_grants_of_an_incident_end(incident: Incident, sentence: str, *, over: bool) -> None:
    """Nothing is called over that may still be open, or may be opened in a moment."""
    assert grants_end(incident) == ("INC-1", sentence, over)


@pytest.mark.parametrize("state", [State.OPENING, State.RUNNING, State.CLOSING])
def test_what_can_be_revoked(state: State) -> None:
    """A grant that is open, is about to be, or is being closed."""
    assert no_revocation(stands(state, OPEN)) == ""


def test_what_can_not_be_revoked() -> None:
    """There is nothing open, and what ends such an incident is said."""
    assert no_revocation(stands(State.CLOSED, GONE)) == "INC-1 is closed, and no grant of it is open"
    assert no_revocation(stands(State.WAITING)).startswith("INC-1 has no grant (waiting)")
    assert no_revocation(stands(State.ESCALATED, OPEN)) == "", "whatever state it is in, an open grant can be revoked"
