# SPDX-License-Identifier: GPL-3.0-or-later
"""Which OCSF 1.8 class and activity each kind of record is: one table (https://schema.ocsf.io/1.8.0)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from .about import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._journal.record import JsonValue

OTHER = 99
UNKNOWN = 0


class EventClass(IntEnum):
    """The classes that are used, by their `class_uid`; the thousands are the category."""

    BASE_EVENT = 0
    EVENT_LOG_ACTIVITY = 1008
    DETECTION_FINDING = 2004
    INCIDENT_FINDING = 2005
    AUTHENTICATION = 3002
    ENTITY_MANAGEMENT = 3004
    USER_ACCESS = 3005
    APPLICATION_LIFECYCLE = 6002
    API_ACTIVITY = 6003
    REMEDIATION_ACTIVITY = 7001


class Severity(IntEnum):
    """OCSF's `severity_id`."""

    UNKNOWN = 0
    INFORMATIONAL = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5


class Status(IntEnum):
    """OCSF's `status_id` of classes that are no findings."""

    UNKNOWN = 0
    SUCCESS = 1
    FAILURE = 2
    OTHER = 99


class FindingStatus(IntEnum):
    """OCSF's `status_id` of findings, as far as both kinds of findings have them."""

    NEW = 1
    IN_PROGRESS = 2
    ON_HOLD = 3
    RESOLVED = 4
    CLOSED = 5


@dataclass(frozen=True)
class Meaning:
    """What a kind of record is in OCSF: class, `activity_id`, `severity_id`, `status_id`."""

    event_class: EventClass
    activity: int = OTHER
    severity: Severity = Severity.INFORMATIONAL
    status: int = Status.UNKNOWN


_RESTORE = 3  # of Remediation Activity: "Returns the system to a better state"
_CREATE, _UPDATE, _CLOSE = 1, 2, 3  # of findings
_ASSIGN, _REVOKE = 1, 2  # of User Access Management
_LOGON, _LOGOFF, _TICKET, _REQUEST, _RENEW = 1, 2, 3, 4, 5  # of Authentication
_MAKE, _ACTIVATE, _SUSPEND, _RESUME = 1, 10, 12, 13  # of Entity Management
_START, _STOP = 3, 4  # of Application Lifecycle
_LOG_EXPORT, _LOG_ARCHIVE, _LOG_START, _LOG_STOP, _LOG_RESTART = 3, 4, 6, 7, 8  # of Event Log Activity

_TASK = Meaning(EventClass.REMEDIATION_ACTIVITY, _RESTORE)
_TASK_WENT_WRONG = Meaning(EventClass.REMEDIATION_ACTIVITY, _RESTORE, Severity.HIGH, Status.FAILURE)
_UPDATED = Meaning(EventClass.INCIDENT_FINDING, _UPDATE, status=FindingStatus.IN_PROGRESS)
_ON_HOLD = Meaning(EventClass.INCIDENT_FINDING, _UPDATE, status=FindingStatus.ON_HOLD)
_NEEDS_PEOPLE = Meaning(EventClass.INCIDENT_FINDING, _UPDATE, Severity.HIGH, FindingStatus.IN_PROGRESS)
_ALERT = Meaning(EventClass.DETECTION_FINDING, _UPDATE, Severity.UNKNOWN, FindingStatus.IN_PROGRESS)
_GRANTED = Meaning(EventClass.USER_ACCESS, _ASSIGN, status=Status.SUCCESS)
_GRANT = Meaning(EventClass.USER_ACCESS)
_CREDENTIAL = Meaning(EventClass.AUTHENTICATION)
_ENTITY = Meaning(EventClass.ENTITY_MANAGEMENT, status=Status.SUCCESS)
_STREAM = Meaning(EventClass.EVENT_LOG_ACTIVITY, status=Status.SUCCESS)
_SENDER = Meaning(EventClass.API_ACTIVITY, OTHER, Severity.MEDIUM, Status.FAILURE)
_PROGRAM = Meaning(EventClass.APPLICATION_LIFECYCLE, status=Status.SUCCESS)
_ELSE = Meaning(EventClass.BASE_EVENT)

KINDS: dict[str, Meaning] = {
    "alert.firing": Meaning(EventClass.DETECTION_FINDING, _CREATE, Severity.UNKNOWN, FindingStatus.NEW),
    "alert.resolved": Meaning(EventClass.DETECTION_FINDING, _CLOSE, Severity.INFORMATIONAL, FindingStatus.RESOLVED),
    "alert.refused": _NEEDS_PEOPLE,
    "incident.opened": Meaning(EventClass.INCIDENT_FINDING, _CREATE, status=FindingStatus.NEW),
    "incident.closed": Meaning(EventClass.INCIDENT_FINDING, _CLOSE, status=FindingStatus.CLOSED),
    "sign_in.accepted": Meaning(EventClass.AUTHENTICATION, _LOGON, status=Status.SUCCESS),
    "sign_in.refused": Meaning(EventClass.AUTHENTICATION, _LOGON, Severity.MEDIUM, Status.FAILURE),
    "sign_in.ended": Meaning(EventClass.AUTHENTICATION, _LOGOFF, status=Status.SUCCESS),
    "limits.waiting": _ON_HOLD,
    "limits.refused": _NEEDS_PEOPLE,
    "escalation.begun": _NEEDS_PEOPLE,
    "escalation.not_delivered": _NEEDS_PEOPLE,
    "effect.interrupted": _NEEDS_PEOPLE,
    "not_verified": _UPDATED,
    "verified": Meaning(EventClass.INCIDENT_FINDING, _UPDATE, status=FindingStatus.RESOLVED),
    "observed": _UPDATED,
    "plan.made": Meaning(EventClass.ENTITY_MANAGEMENT, _MAKE, status=Status.SUCCESS),
    "plan.previewed": _UPDATED,
    "approval.given": Meaning(EventClass.ENTITY_MANAGEMENT, _ACTIVATE, status=Status.SUCCESS),
    "approval.asked": _ON_HOLD,
    "approval.not_asked": _NEEDS_PEOPLE,
    "approval.denied": Meaning(EventClass.ENTITY_MANAGEMENT, _ACTIVATE, Severity.MEDIUM, Status.FAILURE),
    "approval.refused": Meaning(EventClass.ENTITY_MANAGEMENT, _ACTIVATE, Severity.MEDIUM, Status.FAILURE),
    "request.made": Meaning(EventClass.ENTITY_MANAGEMENT, _MAKE, status=Status.SUCCESS),
    "request.refused": Meaning(EventClass.ENTITY_MANAGEMENT, _MAKE, Severity.MEDIUM, Status.FAILURE),
    "override.used": Meaning(EventClass.ENTITY_MANAGEMENT, _ACTIVATE, Severity.HIGH, Status.SUCCESS),
    "review.given": _UPDATED,
    "drill.ended": _UPDATED,
    "order.given": _UPDATED,
    "order.refused": _UPDATED,
    "hold.set": Meaning(EventClass.ENTITY_MANAGEMENT, _SUSPEND, Severity.MEDIUM, Status.SUCCESS),
    "hold.lifted": Meaning(EventClass.ENTITY_MANAGEMENT, _RESUME, Severity.MEDIUM, Status.SUCCESS),
    "grant.intent": Meaning(EventClass.USER_ACCESS, _ASSIGN),
    "grant.left_to_job": Meaning(EventClass.USER_ACCESS, _ASSIGN),
    "grant.minted": _GRANTED,
    "grant.opened": _GRANTED,
    "grant.handed_out": _GRANTED,
    "grant.not_minted": Meaning(EventClass.USER_ACCESS, _ASSIGN, Severity.MEDIUM, Status.FAILURE),
    "grant.revoked": Meaning(EventClass.USER_ACCESS, _REVOKE, status=Status.SUCCESS),
    "grant.not_proven_gone": Meaning(EventClass.USER_ACCESS, _REVOKE, Severity.HIGH, Status.FAILURE),
    "credential.asked": Meaning(EventClass.AUTHENTICATION, _REQUEST),
    "credential.obtained": Meaning(EventClass.AUTHENTICATION, _TICKET, status=Status.SUCCESS),
    "credential.refused": Meaning(EventClass.AUTHENTICATION, _TICKET, Severity.MEDIUM, Status.FAILURE),
    "credential.renewed": Meaning(EventClass.AUTHENTICATION, _RENEW, status=Status.SUCCESS),
    "credential.not_renewed": Meaning(EventClass.AUTHENTICATION, _RENEW, Severity.MEDIUM, Status.FAILURE),
    "session.opened": Meaning(EventClass.AUTHENTICATION, _LOGON),
    "session.continued": Meaning(EventClass.AUTHENTICATION, _RENEW, status=Status.SUCCESS),
    "session.ended": Meaning(EventClass.AUTHENTICATION, _LOGOFF, status=Status.SUCCESS),
    "run.died": _TASK_WENT_WRONG,
    "run.stopped": _TASK_WENT_WRONG,
    "runner.started": Meaning(EventClass.APPLICATION_LIFECYCLE, _START, status=Status.SUCCESS),
    "runner.stopped": Meaning(EventClass.APPLICATION_LIFECYCLE, _STOP, status=Status.SUCCESS),
    "incidents.pruned": Meaning(EventClass.APPLICATION_LIFECYCLE, OTHER, status=Status.SUCCESS),
    "policy.loaded": Meaning(EventClass.APPLICATION_LIFECYCLE, OTHER, status=Status.SUCCESS),
    "policy.refused": Meaning(EventClass.APPLICATION_LIFECYCLE, OTHER, Severity.MEDIUM, Status.FAILURE),
    "digest.not_delivered": Meaning(EventClass.APPLICATION_LIFECYCLE, OTHER, Severity.MEDIUM, Status.FAILURE),
    "heartbeat.failed": Meaning(EventClass.APPLICATION_LIFECYCLE, OTHER, Severity.HIGH, Status.FAILURE),
    "stream.announced": Meaning(EventClass.EVENT_LOG_ACTIVITY, _LOG_START, status=Status.SUCCESS),
    "stream.sealed": Meaning(EventClass.EVENT_LOG_ACTIVITY, _LOG_STOP, status=Status.SUCCESS),
    "stream.recovered": Meaning(EventClass.EVENT_LOG_ACTIVITY, _LOG_RESTART, Severity.MEDIUM, Status.SUCCESS),
    "stream.absent": Meaning(EventClass.EVENT_LOG_ACTIVITY, OTHER, Severity.LOW, Status.FAILURE),
    "stream.archived": Meaning(EventClass.EVENT_LOG_ACTIVITY, _LOG_ARCHIVE, status=Status.SUCCESS),
}
"""Kinds with a meaning of their own; the others have that of their family."""
FAMILIES: dict[str, Meaning] = {
    "alert": _ALERT,
    "incident": _UPDATED,
    "limits": _UPDATED,
    "escalation": _UPDATED,
    "effect": _UPDATED,
    "attempt": _UPDATED,
    "verification": _UPDATED,
    "plan": _ENTITY,
    "approval": _ENTITY,
    "override": _ENTITY,
    "review": _ENTITY,
    "hold": _ENTITY,
    "policy": _ENTITY,
    "request": _ENTITY,
    "grant": _GRANT,
    "credential": _CREDENTIAL,
    "login": _CREDENTIAL,
    "sign_in": _CREDENTIAL,
    "session": _CREDENTIAL,
    "run": _TASK,
    "play": _TASK,
    "task": _TASK,
    "item": _TASK,
    "handler": _TASK,
    "async": _TASK,
    "role": _TASK,
    "tasks": _TASK,
    "variable": _TASK,
    "runner": _PROGRAM,
    "digest": _PROGRAM,
    "heartbeat": _PROGRAM,
    "sender": _SENDER,
    "stream": _STREAM,
    "ledger": _STREAM,
    "checkpoint": _STREAM,
    "ship": Meaning(EventClass.EVENT_LOG_ACTIVITY, _LOG_EXPORT, Severity.MEDIUM, Status.FAILURE),
}
"""By the first word of a kind."""

_RESULTS: dict[str, Status] = {
    "ok": Status.SUCCESS,
    "changed": Status.SUCCESS,
    "failed": Status.FAILURE,
    "ignored": Status.FAILURE,
    "unreachable": Status.FAILURE,
    "timed-out": Status.FAILURE,
    "stopped": Status.FAILURE,
    "not-started": Status.FAILURE,
    "skipped": Status.OTHER,
}
_SAID: dict[str, Severity] = {
    "critical": Severity.CRITICAL,
    "page": Severity.CRITICAL,
    "high": Severity.HIGH,
    "error": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "warning": Severity.MEDIUM,
    "low": Severity.LOW,
    "info": Severity.INFORMATIONAL,
    "none": Severity.INFORMATIONAL,
}


def meaning_of(kind: str, body: Mapping[str, JsonValue]) -> Meaning:
    """Return what a record of this kind, with this body, is in OCSF; every kind is something."""
    meaning = KINDS.get(kind) or FAMILIES.get(kind.partition(".")[0]) or _ELSE
    if meaning == _TASK:
        return _task_meaning(plain(body.get("status")) or plain(body.get("outcome")))
    labels = body.get("labels")
    if meaning.event_class is EventClass.DETECTION_FINDING and isinstance(labels, dict):
        said = plain(labels.get("severity")).lower()
        return Meaning(meaning.event_class, meaning.activity, _SAID.get(said, meaning.severity), meaning.status)
    return meaning


def _task_meaning(status: str) -> Meaning:
    result = _RESULTS.get(status, Status.UNKNOWN)
    wrong = result is Status.FAILURE and status != "ignored"
    severity = Severity.MEDIUM if wrong else Severity.INFORMATIONAL
    return Meaning(EventClass.REMEDIATION_ACTIVITY, _RESTORE, severity, result)
