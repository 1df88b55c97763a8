# SPDX-License-Identifier: GPL-3.0-or-later
"""Which job of AWX a run says that it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.awx import (
    awx_fields,
    in_every_record,
    is_job,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.kinds import KINDS
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.redaction import MASK, Redactor

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hvs.CAESIJ0123456789abcdefghij"
OF_JOBS = {"AWX_PRIVATE_DATA_DIR": "/runner"}


def _redactor() -> Redactor:
    redactor = Redactor(key=b"k" * 32)
    redactor.learn([SECRET])
    return redactor


def _fields(
    root: Path, environ: dict[str, str] | None = None, extra: dict[str, object] | None = None
) -> dict[str, object]:
    return dict(awx_fields(environ or {}, extra or {}, _redactor(), root))


def test_of_an_awx_job_only_known_names_are_taken(tmp_path: Path) -> None:
    """Either spelling; the environment's number only where AWX is at work; a text is masked and capped."""
    extra: dict[str, object] = {
        "awx_job_id": 7,
        "tower_user_name": SECRET,
        "awx_password": "x",
        "tower_job_id": 8,
        "awx_schedule_id": None,
    }
    assert _fields(tmp_path, extra=extra) == {"job_id": "7", "user_name": MASK}
    assert _fields(tmp_path, {"JOB_ID": "5"}) == {}
    assert _fields(tmp_path, {"JOB_ID": "5", **OF_JOBS}) == {"job_id": "5"}


def test_no_extra_variable_makes_a_run_a_job() -> None:
    """Whether AWX is at work is told by the environment that AWX makes."""
    assert is_job(OF_JOBS)
    assert not is_job({"JOB_ID": "5", "awx_job_id": "5"})


def test_the_image_is_what_its_builder_wrote_into_it(tmp_path: Path) -> None:
    """It wins over what Podman tells; a run that is no job has no execution environment."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".containerenv").write_text('engine="podman-4.9"\nimage="quay.io/x/ee:1"\nrootless=1\n')
    job = {"JOB_ID": "5", **OF_JOBS}
    assert _fields(tmp_path, job)["execution_environment"] == "quay.io/x/ee:1"
    assert _fields(tmp_path, {**job, "BREAKGLASS_EE_IMAGE": "ours:2"})["execution_environment"] == "ours:2"
    assert _fields(tmp_path, {"BREAKGLASS_EE_IMAGE": "ours:2"}) == {}


@pytest.mark.parametrize("content", [b"", b'image=""', b'name="image=\n"', b"\xff\xfe", b'image="a\nb"'])
def test_an_image_that_podman_does_not_tell_is_left_out(tmp_path: Path, content: bytes) -> None:
    """A container that is not trusted with it has an empty file; anything odd is no image."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".containerenv").write_bytes(content)
    assert "execution_environment" not in _fields(tmp_path, {"JOB_ID": "5", **OF_JOBS})


def test_every_record_has_what_a_reader_of_one_alone_needs() -> None:
    """Not all that the first one says; and a run that is no job has no such field."""
    told = in_every_record({"job_id": "5", "user_name": "ada", "inventory_name": "Production"})
    assert told == {"awx": {"job_id": "5", "user_name": "ada"}}
    assert in_every_record({}) == {}


def test_the_schema_has_the_job_in_every_kind_of_record_of_a_run() -> None:
    """Play, grant and credentials; not in those of the runner and the ledger."""
    with_job = {kind for kind, known in KINDS.items() if "awx" in known.sometimes}
    assert {"run.started", "task.result", "credential.asked", "grant.revoked", "run.died"} <= with_job
    assert not {"plan.made", "stream.sealed", "incident.opened"} & with_job
