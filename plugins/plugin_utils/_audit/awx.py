# SPDX-License-Identifier: GPL-3.0-or-later
"""Which job of AWX or Automation Controller a run is, as the job's own environment and extra variables say.

AWX writes the same names twice, `awx_…` and `tower_…`. Whoever may set extra variables may set these too: the record says
what was told, and AWX's own log is the proof. Of its image a container knows what its builder wrote into the environment
(`BREAKGLASS_EE_IMAGE`), and what Podman writes into the containers that it tells.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from .fields import plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .._journal.canonical import JsonValue
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
    "parent_job_schedule_id",
    "parent_job_schedule_name",
    "project_revision",
    "project_scm_branch",
    "inventory_id",
    "inventory_name",
    "execution_node",
)
FROM_RUNNER = ("incident", "attempt", "plan_digest")
"""What a runner that launched the job told it, as `remediate_…`."""
IN_EVERY_RECORD = (
    "incident",
    "job_id",
    "job_template_id",
    "job_template_name",
    "user_name",
    "workflow_job_id",
    "schedule_name",
    "execution_environment",
)
"""What a reader of one record alone wants to know; the run's first record has all of it."""
PREFIXES = ("awx_", "tower_")
MARKS = ("AWX_PRIVATE_DATA_DIR", "AWX_HOST", "TOWER_HOST")
IMAGE = "BREAKGLASS_EE_IMAGE"
CONTAINER = "run/.containerenv"
LIMIT = 200

_IMAGE_LINE = re.compile(r'^image="([^"\n]+)"$', re.MULTILINE)
_LARGEST = 4096


def is_job(environ: Mapping[str, str]) -> bool:
    """Whether this process was started by AWX, by marks that no extra variable can set."""
    return any(environ.get(mark) for mark in MARKS)


def awx_fields(
    environ: Mapping[str, str], extra: Mapping[str, object], redactor: Redactor, root: Path
) -> dict[str, JsonValue]:
    """What is known of the job and its image (looked for below `root`); empty for a run that is none."""
    fields: dict[str, JsonValue] = {}
    for name in NAMES:
        for prefix in PREFIXES:
            value = extra.get(prefix + name)
            if name not in fields and isinstance(value, (str, int)) and value != "":
                fields[name] = redactor.field(plain(value), LIMIT)
    if is_job(environ):
        known = {name: extra.get(f"remediate_{name}") for name in FROM_RUNNER}
        fields |= {
            name: redactor.field(value, LIMIT) for name, value in known.items() if isinstance(value, str) and value
        }
    if "job_id" not in fields and (job := environ.get("JOB_ID")) and is_job(environ):
        fields["job_id"] = redactor.field(job, LIMIT)
    if fields and (image := environ.get(IMAGE) or _image_told(root / CONTAINER)):
        fields["execution_environment"] = redactor.field(image, LIMIT)
    return fields


def in_every_record(job: Mapping[str, JsonValue], *, previews: bool = False) -> dict[str, JsonValue]:
    """What every record of the run has besides: of its job, and that it is a preview; nothing for a run that is neither."""
    told: dict[str, JsonValue] = {name: job[name] for name in IN_EVERY_RECORD if name in job}
    return {**({"awx": told} if told else {}), **({"preview": True} if previews else {})}


def _image_told(path: Path) -> str:
    """The image as Podman tells it, in containers that it trusts with that."""
    with suppress(OSError, ValueError), path.open(encoding="utf-8") as file:
        if found := _IMAGE_LINE.search(file.read(_LARGEST)):
            return found[1]
    return ""
