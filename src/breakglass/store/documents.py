# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents of the domain as JSON text and back, checked against their annotations. Nothing is ever unpickled."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from breakglass.domain.alert import Alert
from breakglass.domain.approvals import Vote
from breakglass.domain.incident import Incident
from breakglass.errors import BreakglassError

T = TypeVar("T")

_INCIDENT: TypeAdapter[Incident] = TypeAdapter(Incident)
_ALERT: TypeAdapter[Alert] = TypeAdapter(Alert)
_VOTE: TypeAdapter[Vote] = TypeAdapter(Vote)


class UnreadableDocument(BreakglassError):
    """Raised when a row of the database does not hold what this version of the runner writes there."""


def incident_text(incident: Incident) -> str:
    """The incident as JSON."""
    return _INCIDENT.dump_json(incident).decode()


def incident_from(text: str) -> Incident:
    """The incident of a row; raises UnreadableDocument."""
    return _read(_INCIDENT, text)


def alert_text(alert: Alert) -> str:
    """The alert as JSON."""
    plain = replace(alert, labels=dict(alert.labels), annotations=dict(alert.annotations))
    return _ALERT.dump_json(plain).decode()


def alert_from(text: str) -> Alert:
    """The alert of a row; raises UnreadableDocument."""
    return _read(_ALERT, text)


def vote_text(vote: Vote) -> str:
    """The vote as JSON."""
    return _VOTE.dump_json(vote).decode()


def vote_from(text: str) -> Vote:
    """The vote of a row; raises UnreadableDocument."""
    return _read(_VOTE, text)


def _read(adapter: TypeAdapter[T], text: str) -> T:
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        raise UnreadableDocument(
            f"A document in the database can't be read ({fault['msg']} at {fault['loc']}). It was changed by hand or "
            "comes from another version: restore the backup that belongs to this version."
        ) from None
