# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of event that Ansible has is recorded; the trials say so of the oldest and newest other cores, too."""

from __future__ import annotations

import hashlib
import subprocess
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.contents import role_digest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.findings import State
from tests.support.corpus_play import OWN, PLAYBOOKS, ROOT, CorpusRun
from tests.support.record_schema import assert_valid

from breakglass.remediations import content_digest
from breakglass.verification import verify_journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.corpus_play import Body

pytestmark = pytest.mark.slow

UNREACHABLE = 4  # ansible-playbook's return code when a host could not be reached
FULL = ("run.started", "play.started", "task.started", "task.intent", "task.result", "item.result", "run.ended")


@pytest.fixture(scope="module")
def core() -> Path:
    """Where the programs of this environment's ansible-core are."""
    return OWN


@pytest.fixture(scope="module")
def everything(core: Path) -> Iterator[CorpusRun]:
    """The whole corpus in one run, with differences."""
    with CorpusRun(core) as run:
        run.playbook("everything.yml", BREAKGLASS_AUDIT_DIFF="1")
        assert run.code == UNREACHABLE, run.text
        assert "breakglass:" not in run.text, run.text
        yield run


def test_every_record_is_as_the_published_schema_says(everything: CorpusRun) -> None:
    """And every kind of record that a run without a grant can have is there; the journal verifies."""
    assert_valid(everything.journal)
    seen = everything.kinds()
    more = ("handler.started", "handler.notified", "tasks.included", "role.started", "task.retried", "async.polled")
    last = ("async.ended", "task.changed_files", "variable.asked", "play.no_hosts_matched")
    assert all(seen[kind] for kind in (*FULL, *more, *last)), seen
    assert verify_journal(everything.journal, None, {}, offline=True).report.verdict is not State.CHANGED


def test_intents_and_results_belong_together(everything: CorpusRun) -> None:
    """Each result comes after its intent; alone stands the skip that a conditional end_host gives."""
    assert everything.unannounced() == ["Send one home"]
    assert everything.unanswered() == []


def test_parts_of_blocks_and_what_becomes_of_errors(everything: CorpusRun) -> None:
    """Block, rescue and always are told apart, nested ones too; a failure that is ignored is not called one."""
    parts = {name: everything.task(name).get("part") for name in ("Fall", "Get up", "Go home", "Get up again", "Shrug")}
    assert parts == {"Fall": "block", "Get up": "rescue", "Go home": "always", "Get up again": "rescue", "Shrug": None}
    assert _statuses(everything, "Fall") == ["failed", "failed"]
    assert _statuses(everything, "Shrug") == ["ignored", "ignored"]
    assert _statuses(everything, "Skip") == ["skipped", "skipped"]
    assert everything.of("task.intent", "Never reached") == []


def test_where_and_how_a_task_acts(everything: CorpusRun) -> None:
    """Delegation names the host that was acted on; run_once, check mode and no_log stand in the announcement."""
    assert {body["delegated_to"] for body in everything.of("task.result", "Delegate by a template")} == {"h2"}
    assert everything.task("Delegate")["delegate_to"] == "h2"
    assert everything.task("Once")["run_once"] is True
    assert len(everything.of("task.result", "Once")) == 1
    assert all(body["check_mode"] is True for body in everything.of("task.intent", "Only look"))
    hidden = everything.task("(no_log)")
    assert hidden["no_log"] is True
    assert everything.task("Fall")["source"] == "blocks.yml:9"


def test_items_and_attempts(everything: CorpusRun) -> None:
    """Items are numbered and have a label only where the author chose one; each failed attempt is told."""
    counted = [body for body in everything.of("item.result", "Count") if body["host"] == "h1"]
    assert [(body["item"], body["status"], body.get("label")) for body in counted] == [
        (1, "ok", None),
        (2, "ok", None),
        (3, "ok", None),
    ]
    labels = [body["label"] for body in everything.of("item.result", "Count with labels") if body["host"] == "h2"]
    assert labels == ["first", "second"]
    stumbled = [body["status"] for body in everything.of("item.result", "Count and stumble") if body["host"] == "h1"]
    assert stumbled == ["ok", "failed", "ok"]
    skipped = [body["status"] for body in everything.of("item.result", "Count and skip") if body["host"] == "h1"]
    assert skipped == ["ok", "skipped", "ok"]
    tries = everything.of("task.retried", "Try again")
    assert sorted(str(body["host"]) for body in tries) == ["h1", "h1", "h2", "h2"]
    assert all(body["attempts"] + body["left"] == 3 for body in tries)  # type: ignore[operator]
    assert everything.task("Try again")["retries"] == 2


def test_asynchronous_jobs(everything: CorpusRun) -> None:
    """A job that is waited for is polled and ends; one that is let go is ok at its launch."""
    assert everything.bodies("async.polled")  # of some cores by a task of Ansible's own, which nobody has announced
    assert [body["status"] for body in everything.of("async.ended", "Wait for it")] == ["ok"]
    assert [body["status"] for body in everything.of("async.ended", "Wait for its failure")] == ["failed"]
    assert _statuses(everything, "Wait for its failure") == ["ignored"]
    assert _statuses(everything, "Let it go") == ["ok"]
    assert everything.task("Let it go")["poll"] == 0


def test_includes_roles_and_handlers(everything: CorpusRun) -> None:
    """What was included for whom; a role once, with the digest that plans name; handlers with who told them."""
    included = everything.bodies("tasks.included")
    assert {body["file"] for body in included if "file" in body} == {"more.yml"}
    assert {body["role"] for body in included if "role" in body} <= {"mend"}  # older cores tell only of files
    (role,) = everything.bodies("role.started")
    assert role == {"role": "mend", "digest": content_digest(PLAYBOOKS / "roles" / "mend")}
    assert role_digest(ROOT / "roles" / "restart_service") == content_digest(ROOT / "roles" / "restart_service")
    assert everything.task("mend : Mend")["role"] == "mend"
    assert {body["host"] for body in everything.bodies("handler.notified") if body["name"] == "Be told"} == {"h1", "h2"}
    assert _statuses(everything, "Be told") == ["ok", "ok"]


def test_meta_tasks(everything: CorpusRun) -> None:
    """A meta task has an announcement and nothing else, which says what it is."""
    words = {body["meta"] for body in everything.bodies("task.started") if "meta" in body}
    assert words >= {"flush_handlers", "clear_facts", "refresh_inventory", "reset_connection", "end_host", "end_play"}
    assert everything.of("task.intent", "Forget facts") == []
    assert everything.of("task.intent", "Never after the end") == []
    assert len(everything.of("task.intent", "One is left")) == 1


def test_strategies_and_batches(everything: CorpusRun) -> None:
    """A play says its strategy; each serial batch begins with its own hosts; a play for nobody says so."""
    plays: dict[object, list[Body]] = {}
    for body in everything.bodies("play.started"):
        plays.setdefault(body["play"], []).append(body)
    assert [plays[name][0]["strategy"] for name in ("Free", "Pinned", "Loops")] == ["free", "host_pinned", "linear"]
    batches = [(body["batch"], body["hosts"], body["host_count"]) for body in plays["In batches"]]
    assert batches == [(1, ["h1"], 1), (2, ["h2"], 1)]
    assert plays["For nobody"][0]["host_count"] == 0
    for name in ("Freely", "Freely more", "Pinned to a host", "One by one"):
        assert len(everything.of("task.result", name)) == 2, name


def test_differences_are_opt_in_and_never_of_a_hidden_task(everything: CorpusRun, core: Path) -> None:
    """With BREAKGLASS_AUDIT_DIFF=1 they are there, of items too, but for no_log; without it none is."""
    told = str(everything.bodies("task.changed_files"))
    assert all(text in told for text in ("+second line", "+line of one", "+line of two"))
    assert "hidden" not in told
    with CorpusRun(core) as run:
        run.playbook("changing.yml")
        assert run.code == 0, run.text
        assert run.bodies("task.changed_files") == []


def test_unreachable_hosts(everything: CorpusRun) -> None:
    """Whoever does not answer is unreachable, and where the task ignores that, the record says so."""
    minded = [body for body in everything.of("task.result", "Call, and do not mind") if body["host"] == "gone"]
    called = [body for body in everything.of("task.result", "Call") if body["host"] == "gone"]
    assert [(body["status"], body.get("ignored")) for body in minded + called] == [
        ("unreachable", True),
        ("unreachable", None),
    ]
    recap = everything.bodies("run.ended")[0]["hosts"]
    assert recap["gone"]["unreachable"] == 1  # type: ignore[index]


def test_who_runs_what(everything: CorpusRun) -> None:
    """User, versions, door, the playbook with its digest, and the commit that git itself names."""
    (started,) = everything.bodies("run.started")
    assert started["door"] == "ansible-playbook"
    assert started["playbook_digest"] == hashlib.sha256((PLAYBOOKS / "everything.yml").read_bytes()).hexdigest()
    assert started["user"]
    assert started["collection"]
    assert started["ansible_core"]
    git = subprocess.run(["git", "rev-parse", "HEAD"], cwd=PLAYBOOKS, capture_output=True, text=True, check=False)
    assert started.get("commit", "") == git.stdout.strip()


def test_an_error_of_the_strategy_leaves_an_intent_without_result(core: Path) -> None:
    """The task ran, Ansible met an error of its own before it told the result: the run is recorded as stopped."""
    with CorpusRun(core) as run:
        run.playbook("broken_strategy.yml")
        assert run.code != 0
        assert run.unanswered() == ["Notify nobody"]
        assert run.told()[-1].kind == "run.stopped"
        assert run.of("task.intent", "Never started") == []
        assert_valid(run.journal)


def test_an_ad_hoc_command_in_check_mode_for_a_job_of_awx(core: Path) -> None:
    """Ad hoc runs are recorded where callbacks are loaded; the job's own words about itself are kept, and only those."""
    with CorpusRun(core) as run:
        names = "awx_job_id=77 tower_job_template_name='Mend it' awx_user_name=ada awx_secret=hunter2"
        run.adhoc("h1:h2", "-m", "ansible.builtin.debug", "-a", "msg=hello", "--check", "-l", "h1", "-e", names)
        assert run.code == 0, run.text
        (started,) = run.bodies("run.started")
        assert (started["door"], started["check_mode"], started["limit"]) == ("ansible", True, "h1")
        assert started["awx"] == {"job_id": "77", "job_template_name": "Mend it", "user_name": "ada"}
        assert [body["host"] for body in run.bodies("task.result")] == ["h1"]
        assert_valid(run.journal)


def test_two_playbooks_are_two_runs() -> None:
    """Ansible starts anew for each playbook of its command line, and so does the record."""
    with CorpusRun(OWN) as run:
        run.playbook("asking.yml", "changing.yml")
        assert run.code == 0, run.text
        assert len(run.streams()) == 2
        assert_valid(run.journal)


def test_no_result_is_too_odd_to_be_recorded(core: Path) -> None:
    """A module that returns every field in a kind that nobody expects, and one that raises, end like any other task."""
    with CorpusRun(core) as run:
        run.playbook("odd.yml", BREAKGLASS_AUDIT_DIFF="1")
        assert run.code == 0, run.text
        assert "breakglass:" not in run.text, run.text
        assert run.unanswered() == run.unannounced() == []
        assert len(run.bodies("task.result")) == 4
        assert_valid(run.journal)


def _statuses(run: CorpusRun, name: str) -> list[object]:
    return [body["status"] for body in run.of("task.result", name)]
