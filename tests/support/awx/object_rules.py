# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX takes and refuses when an object is written: its own description of its API, and the checks of awx/api/serializers.

One function for each rule; each returns what AWX would answer 400 for, and an empty text where it takes the object.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from tests.support.awx.credential import CredentialType, NotAccepted
from tests.support.awx.image import AWX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Row = dict[str, object]
Rows = dict[str, dict[int, Row]]

DESCRIPTION: Final = json.loads(Path(__file__).with_name("written_fields.json").read_text(encoding="utf-8"))["lists"]
TYPES: Final[dict[str, type]] = {"string": str, "integer": int, "boolean": bool, "object": dict}
CHOICES: Final[dict[str, list[object]]] = {
    "pull": ["always", "missing", "never"],
    "scm_type": ["", "git", "svn", "insights", "archive"],
    "source": ["scm", "ec2", "gce", "azure_rm", "vmware", "satellite6", "openstack", "rhv", "controller", "insights"],
    "job_type": ["run", "check"],
}
UNIFIED: Final = (
    "job_templates",
    "workflow_job_templates",
    "projects",
    "inventory_sources",
    "workflow_approval_templates",
)
REFERENCES: Final[dict[str, tuple[str, ...]]] = {
    "organization": ("organizations",),
    "execution_environment": ("execution_environments",),
    "default_environment": ("execution_environments",),
    "credential_type": ("credential_types",),
    "inventory": ("inventories",),
    "project": ("projects",),
    "source_project": ("projects",),
    "unified_job_template": UNIFIED,
    "workflow_job_template": ("workflow_job_templates",),
}
"""Fields that hold the number of another object, and in which lists that may be."""
ASSOCIATED: Final[dict[str, str]] = {
    "credentials": "credentials",
    "notification_templates_error": "notification_templates",
    "notification_templates_approvals": "notification_templates",
    "success_nodes": "workflow_job_template_nodes",
}
NEEDS: Final[dict[str, set[str]]] = {"webhook": {"url", "headers", "http_method", "disable_ssl_verification"}}
RRULE: Final = re.compile(r"DTSTART(;TZID=[\w/]+:\d{8}T\d{6}|:\d{8}T\d{6}Z) RRULE:(?=.*INTERVAL=\d+)[A-Z0-9=;,-]+")


def fault(rows: Rows, name: str, row: Row) -> str:
    """The first rule that an object of this list breaks."""
    checks: list[Callable[[Rows, Row], str]] = [_references, *OWN.get(name, ())]
    return _described(name, row) or next((why for check in checks if (why := check(rows, row))), "")


def _described(name: str, row: Row) -> str:
    described = DESCRIPTION[name]
    if missing := {field for field in described["required"] if not row.get(field)}:
        return f"{sorted(missing)}: This field is required."
    for field, value in row.items():
        kind = described["fields"].get(field)
        if kind is None:
            return f"{field}: {name} have no such field."
        if value is not None and (type(value) is not TYPES[kind] or value not in CHOICES.get(field, [value])):
            return f"{field}: {value!r} is not a valid {kind}."
    return ""


def _references(rows: Rows, row: Row) -> str:
    for field, lists in REFERENCES.items():
        number = row.get(field)
        if number is not None and not any(number in rows[one] for one in lists):
            return f'{field}: Invalid pk "{number}" - object does not exist.'
    return ""


def _credential_type(_: Rows, row: Row) -> str:
    injectors = cast("Mapping[str, Mapping[str, str]]", row["injectors"])
    kind = CredentialType(cast("Mapping[str, list[Row]]", row["inputs"]), injectors["env"], injectors["file"])
    try:
        kind.check()
    except NotAccepted as error:
        return f"injectors: {error}"
    return ""


def _credential(rows: Rows, row: Row) -> str:
    kind = cast("Mapping[str, list[Row]]", rows["credential_types"][cast("int", row["credential_type"])]["inputs"])
    given, known = cast("Row", row.get("inputs", {})), {str(one["id"]): one for one in kind["fields"]}
    if unknown := given.keys() - known.keys():
        return f"inputs: {sorted(unknown)}: no such field"
    wrong = [
        name for name, value in given.items() if value not in cast("list[object]", known[name].get("choices", [value]))
    ]
    missing = {str(name) for name in kind["required"] if not given.get(str(name))}
    return f"inputs: {sorted({*wrong, *missing})}" if wrong or missing else ""


def _notification(_: Rows, row: Row) -> str:
    configuration = cast("Row", row.get("notification_configuration", {}))
    missing = NEEDS[str(row["notification_type"])] - configuration.keys()
    return f"notification_configuration: missing {sorted(missing)}" if missing else ""


def _job_template(_: Rows, row: Row) -> str:
    playbook = str(row.get("playbook", ""))
    if not (AWX / "project" / playbook).is_file():
        return f"playbook: {playbook} is not in the project."
    try:
        return "" if isinstance(json.loads(str(row.get("extra_vars", "{}"))), dict) else "extra_vars"
    except ValueError:
        return "extra_vars: not JSON"


def _schedule(rows: Rows, row: Row) -> str:
    if not RRULE.fullmatch(str(row["rrule"])):
        return f"rrule: {row['rrule']}"
    return _prompts(rows, row)


def _prompts(rows: Rows, row: Row) -> str:
    """A schedule or a node may say only what its template asks for on launch, and answers that the survey knows."""
    number = cast("int", row.get("unified_job_template"))
    template = rows["job_templates"].get(number) or rows["workflow_job_templates"].get(number)
    if template is None:
        return ""
    for field in ("limit", "job_type", "inventory"):
        if row.get(field) is not None and not template.get(f"ask_{field}_on_launch"):
            return f"{field}: Field is not configured to prompt on launch."
    questions = cast("Mapping[str, list[Row]]", template.get("survey_spec") or {"spec": []})["spec"]
    asked, given = {str(one["variable"]) for one in questions}, cast("Row", row.get("extra_data") or {})
    if not template.get("ask_variables_on_launch") and given.keys() - asked:
        return f"extra_data: {sorted(given.keys() - asked)}: not allowed on launch."
    unanswered = {str(one["variable"]) for one in questions if one["required"] and not one["default"]} - given.keys()
    return f"variables_needed_to_start: {sorted(unanswered)}" if unanswered and "rrule" in row else ""


OWN: Final[dict[str, tuple[Callable[[Rows, Row], str], ...]]] = {
    "credential_types": (_credential_type,),
    "credentials": (_credential,),
    "notification_templates": (_notification,),
    "job_templates": (_job_template,),
    "schedules": (_schedule,),
    "workflow_job_template_nodes": (_prompts,),
}
