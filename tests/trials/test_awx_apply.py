# SPDX-License-Identifier: GPL-3.0-or-later
"""deploy/awx/apply.yml by the real modules of awx.awx, against AWX's own description of its API: what is made, and what a second run does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import yaml
from tests.support import other_collections
from tests.support.awx.image import AWX
from tests.support.awx.object_server import HIDDEN, ObjectServer
from tests.support.command_blocks import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(900)
TREE = Path(__file__).parents[2]
GUIDE = "docs/guides/awx.md"
SECRETS = {"secret_id": "canary-secret-id", "siem-token": "canary-siem-token"}
CHANGED = re.compile(r"^TASK \[(.*)\] \*+\n(?:(?!TASK|PLAY).*\n)*?changed:", re.MULTILINE)


@dataclass(frozen=True)
class Applied:
    """One run of the playbook.

    Attributes:
        changed: Its tasks that changed something.
        written: Method and list of each request that writes.
    """

    changed: set[str]
    written: set[tuple[str, str]]


@pytest.fixture(scope="module")
def awx() -> Iterator[ObjectServer]:
    """An empty one."""
    other_collections.ready_or_skip()
    with ObjectServer() as server:
        yield server


@pytest.fixture(scope="module")
def runs(awx: ObjectServer, tmp_path_factory: pytest.TempPathFactory) -> list[Applied]:
    """Two runs of the guide's command, with the example's variables."""
    directory = tmp_path_factory.mktemp("awx")
    given = yaml.safe_load((AWX / "vars.yml").read_text(encoding="utf-8"))
    for name, word in SECRETS.items():
        (directory / name).write_text(word, encoding="utf-8")
    given |= {
        "awx_secret_id_file": str(directory / "secret_id"),
        "awx_sink_secret_file": str(directory / "siem-token"),
    }
    (directory / "my-vars.yml").write_text(yaml.safe_dump(given), encoding="utf-8")
    return [_applied(awx, directory), _applied(awx, directory)]


def _applied(awx: ObjectServer, directory: Path) -> Applied:
    """Run the last command of the guide's block; the first one is what `make cores` has done, the second is the environment."""
    (command,) = [text for block in blocks() if block.page == GUIDE for text in block.commands if "apply.yml" in text]
    awx.written.clear()
    done = subprocess.run(
        ["sh", "-c", command.replace("deploy/awx", str(AWX)).replace("@my-vars.yml", f"@{directory / 'my-vars.yml'}")],
        cwd=directory,
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(directory),
            "LANG": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(other_collections.COLLECTIONS),
            "ANSIBLE_NOCOLOR": "1",
            **awx.environment,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=400,
        check=False,
    )
    assert (done.returncode, awx.refused) == (0, []), done.stdout
    assert not any(word in done.stdout for word in SECRETS.values())
    written = {(method, path.split("/")[3]) for method, path in awx.written}
    return Applied(set(CHANGED.findall(done.stdout)), written)


def test_awx_takes_every_object(awx: ObjectServer, runs: list[Applied]) -> None:
    """By its own description: fields, types, what must be there, and that what is named exists."""
    assert len(runs[0].changed) == len(yaml.safe_load((AWX / "apply.yml").read_text(encoding="utf-8"))[0]["tasks"])
    assert all(awx.rows[name] for name in awx.rows), {name: len(rows) for name, rows in awx.rows.items()}


def test_a_second_run_changes_nothing_but_nodes_of_workflows(
    runs: list[Applied],
) -> None:
    """Which the module makes anew; and that of inventories writes again what AWX shows in other words."""
    assert runs[1].changed == {"Workflows that wait for somebody's yes"}
    assert {place for _, place in runs[1].written} == {"workflow_job_template_nodes", "inventories"}
    assert ("POST", "inventories") not in runs[1].written


def test_a_job_has_what_it_needs(awx: ObjectServer, runs: list[Applied]) -> None:
    """Both credentials, the image that enables the callback, a survey; whoever launches it chooses hosts, not the access."""
    assert runs
    template = awx.named("job_templates", "Restart service (breakglass)")
    assert json.loads(str(template["extra_vars"])) == {
        "remediate_role": "restart_service",
        "remediate_access": "web-operator",
    }
    assert (template["ask_limit_on_launch"], template.get("ask_variables_on_launch", False)) == (True, False)
    assert (template["survey_enabled"], template["allow_simultaneous"], template["limit"]) == (True, False, "")
    image = awx.rows["execution_environments"][cast("int", template["execution_environment"])]
    assert image["image"] == "registry.example.com/breakglass-ee:0.1.0"
    given = awx.associated("job_templates", "Restart service (breakglass)", "credentials")
    assert given == {"breakglass Vault login", "breakglass journal"}
    login = awx.named("credentials", "breakglass Vault login")
    assert cast("dict[str, str]", login["inputs"])["secret_id"] == SECRETS["secret_id"]
    (shown,) = [one for one in awx.shown("credentials") if one["name"] == login["name"]]
    assert cast("dict[str, str]", shown["inputs"])["secret_id"] == HIDDEN


def test_a_workflow_repairs_only_after_a_yes(awx: ObjectServer, runs: list[Applied]) -> None:
    """Its approval node comes first, with a limit of time, and the repair on its success alone; people are told that somebody waits."""
    assert runs
    nodes = {str(row["identifier"]): number for number, row in awx.rows["workflow_job_template_nodes"].items()}
    after = {place[1]: numbers for place, numbers in awx.links.items() if place[2] == "success_nodes"}
    assert after[nodes["approval"]] == [nodes["repair"]]
    rows = awx.rows["workflow_job_template_nodes"]
    asked = awx.rows["workflow_approval_templates"][cast("int", rows[nodes["approval"]]["unified_job_template"])]
    assert asked["timeout"] == 900
    repair = awx.rows["job_templates"][cast("int", rows[nodes["repair"]]["unified_job_template"])]
    assert repair["name"] == "Restore config (breakglass)"
    name = "Restore config with approval (breakglass)"
    assert awx.associated("workflow_job_templates", name, "notification_templates_approvals") == {"breakglass people"}


def test_a_drill_is_a_check_of_one_canary(awx: ObjectServer, runs: list[Applied]) -> None:
    """It answers what the survey requires, and its template lets a schedule say so."""
    assert runs
    drill = awx.named("schedules", "Drill: Restart service (breakglass)")
    assert (drill["job_type"], drill["limit"], drill["enabled"]) == ("check", "web_canary", True)


def test_what_awx_would_refuse_is_refused_here(awx: ObjectServer) -> None:
    """So that the tests above say something."""
    for name, row, why in (
        ("organizations", {"name": "X", "colour": "red"}, "no such field"),
        ("execution_environments", {"name": "X"}, "required"),
        ("execution_environments", {"name": "X", "image": "x", "pull": "often"}, "valid"),
        ("inventories", {"name": "X", "organization": 4711}, "does not exist"),
        ("schedules", {"name": "X", "unified_job_template": 4711, "rrule": "RRULE:FREQ=DAILY"}, "does not exist"),
    ):
        status, said = awx.answer("POST", f"/api/v2/{name}/", dict(row))
        assert (status, why in str(said)) == (400, True), said
    awx.refused.clear()
