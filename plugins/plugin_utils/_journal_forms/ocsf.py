# SPDX-License-Identifier: GPL-3.0-or-later
"""A record as an OCSF 1.8 event (https://schema.ocsf.io/1.8.0): what a class has a place for, the rest under `unmapped`."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from .._journal.text import printable
from .about import Fields, plain, story_of
from .ocsf_classes import EventClass, meaning_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .._journal.record import JsonValue, Record

VERSION = "1.8.0"
"""Of the schema."""
PRODUCT: Mapping[str, JsonValue] = {"name": "breakglass", "vendor_name": "breakglass.remediation"}
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_UNKNOWN_TYPE = 0
_RUNNER = "breakglass"
_SAYS_WHY = ("why", "msg", "skip_reason")

Part = dict[str, "JsonValue"]


def to_ocsf(record: Record) -> dict[str, JsonValue]:
    """Return the event. `metadata.uid` is the record's id, so that one that comes twice is known."""
    meaning = meaning_of(record.kind, record.body)
    fields = Fields(record.body)
    uid = int(meaning.event_class)
    event: Part = {
        "class_uid": uid,
        "category_uid": uid // 1000,
        "activity_id": meaning.activity,
        "type_uid": uid * 100 + meaning.activity,
        "severity_id": int(meaning.severity),
        "status_id": int(meaning.status),
        "time": _milliseconds(record.at),
        "message": _message(record),
        "metadata": _metadata(record),
    }
    event |= _PARTS[meaning.event_class](record, fields)
    event |= _host(fields, event["metadata"])
    if why := fields.text(*_SAYS_WHY):
        event["status_detail"] = why
    event["unmapped"] = {**fields.left(), "previous": record.previous}
    return event


def _metadata(record: Record) -> Part:
    return {
        "version": VERSION,
        "product": PRODUCT,
        "uid": record.id,
        "event_code": record.kind,
        "log_name": record.origin,
        "sequence": record.seq,
        "original_time": record.at,
        "correlation_uid": story_of(record.origin),
    }


def _milliseconds(at: str) -> int:
    moment = datetime.fromisoformat(at[:-1]).replace(tzinfo=timezone.utc)
    return round((moment - _EPOCH).total_seconds() * 1000)


def _message(record: Record) -> str:
    """One line for people: the kind, and what says most."""
    words = (record.body.get(name) for name in ("host", "name", "what", "status", "outcome", "result", "why", "msg"))
    return printable(" ".join([record.kind, *(text for word in words if (text := plain(word)))]))


def _host(fields: Fields, metadata: JsonValue) -> Part:
    """The host that something was done to, or from which a run was started and by whom: OCSF's profile `host`."""
    part: Part = {}
    if name := fields.text("host", "controller"):
        part["device"] = {"name": name, "type_id": _UNKNOWN_TYPE}
        if user := fields.text("user"):
            part["actor"] = {"user": {"name": user, "uid": fields.text("uid") or user}}
        part["metadata"] = {**metadata, "profiles": ["host"]} if isinstance(metadata, dict) else metadata
    return part


def _remediation(record: Record, fields: Fields) -> Part:
    command = fields.text("task") or story_of(record.origin)
    part: Part = {"command_uid": command}
    if name := fields.text("name", "play", "playbook"):
        part["remediation"] = {"desc": name}
    if status := fields.text("status", "outcome"):
        part["status"] = status
    return part


def _incident(record: Record, fields: Fields) -> Part:
    incident = fields.text("incident") or story_of(record.origin)
    title = fields.text("trigger") or record.kind
    team = fields.text("owner", "ladder") or _RUNNER
    part: Part = {"finding_info_list": [{"uid": incident, "title": title}], "assignee_group": {"name": team}}
    if result := fields.text("result"):
        part["status"] = result
    return part


def _alert(record: Record, fields: Fields) -> Part:
    finding: Part = {"uid": fields.text("fingerprint") or record.id, "title": fields.text("name") or record.kind}
    if source := fields.text("source"):
        finding["data_sources"] = [source]
    return {"finding_info": finding}


def _access(_record: Record, fields: Fields) -> Part:
    user: Part = {"name": fields.text("vault_login", "vault_entity") or _RUNNER}
    if accessor := fields.text("accessor"):
        user["credential_uid"] = accessor
    return {"user": user, "privileges": [fields.text("access") or "grant"]}


def _credential(record: Record, fields: Fields) -> Part:
    user: Part = {"name": _RUNNER, "credential_uid": fields.text("credential") or record.id}
    return {"user": user, "service": {"name": "Vault"}}


def _entity(record: Record, fields: Fields) -> Part:
    kind = record.kind.partition(".")[0]
    entity: Part = {"name": fields.text("remediation", "name") or kind, "type": kind}
    if digest := fields.text("digest", "policy_digest"):
        entity["uid"] = digest
    part: Part = {"entity": entity}
    if person := fields.text("by"):
        part["actor"] = {"user": {"name": person}}
    return part


def _log(record: Record, fields: Fields) -> Part:
    return {"log_name": fields.text("stream") or record.origin, "log_provider": _RUNNER}


def _program(_record: Record, _fields: Fields) -> Part:
    return {"app": PRODUCT}


def _sender(record: Record, fields: Fields) -> Part:
    sender = fields.text("source") or "unknown"
    part: Part = {"actor": {"app_name": sender}, "api": {"operation": record.kind}, "src_endpoint": {"name": sender}}
    if code := fields.text("status"):
        part["status_code"] = code
    return part


def _nothing(_record: Record, _fields: Fields) -> Part:
    return {}


_PARTS: dict[EventClass, Callable[[Record, Fields], Part]] = {
    EventClass.BASE_EVENT: _nothing,
    EventClass.EVENT_LOG_ACTIVITY: _log,
    EventClass.DETECTION_FINDING: _alert,
    EventClass.INCIDENT_FINDING: _incident,
    EventClass.AUTHENTICATION: _credential,
    EventClass.ENTITY_MANAGEMENT: _entity,
    EventClass.USER_ACCESS: _access,
    EventClass.APPLICATION_LIFECYCLE: _program,
    EventClass.API_ACTIVITY: _sender,
    EventClass.REMEDIATION_ACTIVITY: _remediation,
}
