# SPDX-License-Identifier: GPL-3.0-or-later
"""Which job of AWX or Automation Controller a run is, as the job's own environment and extra variables say.

AWX writes the same names twice, `awx_…` and `tower_…`. Whoever may set extra variables may set these too: the record says
what was told, and AWX's own log is the proof.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .fields import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._journal.redaction import Redactor

NAMES = (
    "job_id",
    "job_launch_type",
    "job_template_id",
    "job_template_name",
    "user_id",
    "user_name",
    "workflow_job_id",
    "workflow_job_name",
    "schedule_id",
    "schedule_name",
    "project_revision",
    "inventory_id",
    "inventory_name",
)
PREFIXES = ("awx_", "tower_")
MARKS = ("AWX_PRIVATE_DATA_DIR", "AWX_HOST", "TOWER_HOST")
LIMIT = 200


def awx_fields(environ: Mapping[str, str], extra: Mapping[str, object], redactor: Redactor) -> dict[str, object]:
    """What is known of the job; empty for a run that is none."""
    fields: dict[str, object] = {}
    for name in NAMES:
        for prefix in PREFIXES:
            value = extra.get(prefix + name)
            if name not in fields and isinstance(value, (str, int)) and value != "":
                fields[name] = redactor.field(plain(value), LIMIT)
    if "job_id" not in fields and (job := environ.get("JOB_ID")) and any(environ.get(mark) for mark in MARKS):
        fields["job_id"] = redactor.field(job, LIMIT)
    return fields
