# SPDX-License-Identifier: GPL-3.0-or-later
"""What is recorded of tasks and results, whose objects differ from core to core and may hold anything."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from ansible_collections.breakglass.remediation.plugins.module_utils.secret_shapes import MASK
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.differences import (
    LARGEST,
    are_wanted,
    differences,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.outcomes import Outcome
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.tasks import announced_fields, block_part
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.canonical import canonical
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.redaction import Redactor
from hypothesis import given
from hypothesis import strategies as st
from tests.support.record_schema import fault_of

SECRET = "hunter2-hunter2"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
)
NAMES = st.sampled_from(
    (
        *("changed", "rc", "attempts", "retries", "msg", "results", "skip_reason", "diff", "invocation", "serial"),
        *("_ansible_delegated_vars", "_ansible_item_label", "ansible_job_id", "principals", "accessor", "time_box"),
    )
)


@dataclass
class Host:
    def get_name(self) -> str:
        return "web1"


@dataclass
class Control:
    label: str | None = None


@dataclass
class Task:
    """As much of a task as is read."""

    action: str = "ansible.builtin.command"
    no_log: bool = False
    _uuid: str = "u1"
    loop_control: Control = field(default_factory=Control)
    args: dict[str, object] = field(default_factory=dict)
    async_val: int = 0
    poll: int = 15
    _parent: object = None

    def get_name(self) -> str:
        return "Restart"

    def get_path(self) -> str:
        return "/etc/ansible/secret-place/main.yml:7"


@dataclass
class OldResult:
    """Until ansible-core 2.18 the parts of a result had an underscore."""

    _result: object
    _task: Task = field(default_factory=Task)
    _host: Host = field(default_factory=Host)


@dataclass
class NewResult:
    """Newer ones are public."""

    result: object
    task: Task = field(default_factory=Task)
    host: Host = field(default_factory=Host)


def _redactor() -> Redactor:
    return Redactor([SECRET], key=b"k" * 32)


@pytest.mark.parametrize("kind", [OldResult, NewResult])
def test_results_of_old_and_new_cores_are_the_same(kind: type[OldResult | NewResult]) -> None:
    """An empty result of a newer core is taken as it is."""
    assert Outcome(kind({"rc": 3}), _redactor()).fields("ok")["rc"] == 3
    assert Outcome(kind({}), _redactor()).fields("ok") == {
        "task": "u1",
        "host": "web1",
        "status": "ok",
        "changed": False,
    }


@given(st.dictionaries(NAMES, JSON), st.sampled_from(["command", "grant", "ssh_certificate", "secret_file"]))
def test_whatever_a_module_returns_can_be_recorded(values: dict[str, object], action: str) -> None:
    """Every field of every type: the body has a canonical form, and item, retry and job have one too."""
    outcome = Outcome(NewResult(values, Task(action=action)), _redactor())
    bodies = [outcome.fields("failed"), outcome.retry(), outcome.job(), {"label": outcome.label()}]
    for body in bodies:
        canonical(body)  # type: ignore[arg-type]
    differences(values, _redactor())


@pytest.mark.parametrize("values", [None, "text", 5, ["a"]])
def test_a_result_that_is_no_mapping_is_recorded_as_that(values: object) -> None:
    """That the task has ended is known, and what could not be read is said."""
    body = Outcome(NewResult(values), _redactor()).fields("failed")
    assert body == {
        "task": "u1",
        "host": "web1",
        "status": "failed",
        "changed": False,
        "unreadable": type(values).__name__,
    }
    assert not fault_of({**_RECORD, "kind": "task.result", "body": body})


def test_nothing_of_a_hidden_task_is_shown() -> None:
    """Not the message, not the label, not the job, though Ansible has not censored them itself."""
    values = {"msg": SECRET, "_ansible_item_label": "label", "ansible_job_id": "j1", "failed": True}
    outcome = Outcome(NewResult(values, Task(no_log=True, loop_control=Control("{{ item }}"))), _redactor())
    assert outcome.fields("failed").keys() == {"task", "host", "status", "changed", "no_log"}
    assert outcome.label() is None
    assert "job" not in outcome.job()


def test_an_item_is_shown_only_by_the_label_that_was_chosen_for_it() -> None:
    """Ansible's own label is the item itself, which is an argument."""
    values = {"_ansible_item_label": f"item {SECRET}"}
    assert Outcome(NewResult(values), _redactor()).label() is None
    chosen = Outcome(NewResult(values, Task(loop_control=Control("{{ item }}"))), _redactor())
    assert chosen.label() == f"item {MASK}"


def test_an_announcement_has_no_directory_and_no_arguments() -> None:
    """Where a task stands is its file's name and line; of a meta task only a known word is taken."""
    fields = announced_fields(Task(args={"_raw_params": SECRET}), _redactor())
    assert fields["source"] == "main.yml:7"
    assert announced_fields(Task("meta", args={"_raw_params": "end_host"}), _redactor())["meta"] == "end_host"
    assert "meta" not in announced_fields(Task("meta", args={"_raw_params": SECRET}), _redactor())
    assert SECRET not in str(fields)


def test_only_asynchronous_tasks_are_told_to_be_polled() -> None:
    """Each task of Ansible's has a number for it."""
    assert "poll" not in announced_fields(Task(), _redactor())
    assert announced_fields(Task(async_val=20, poll=0), _redactor())["poll"] == 0


def test_a_block_without_other_parts_is_none() -> None:
    """A block that only groups tasks says nothing, and a chain of parents without end is no endless search."""
    task = Task()
    task._parent = task
    assert block_part(task) == ""


def test_what_a_line_of_a_file_calls_a_password_is_not_recorded() -> None:
    """Nobody has told us of it; a file that is shown to people may hold secrets of others."""
    diff = {"before": "port = 80\npassword = tulip\n", "after": "port = 81\npassword = rose\n"}
    (text,) = differences({"diff": diff}, _redactor())
    assert "+port = 81" in str(text)
    assert not {"tulip", "rose"} & set(str(text).split())


def test_differences_are_masked_capped_and_asked_for() -> None:
    """Both sides are masked; files that are too large to be compared quickly are only named so."""
    assert [are_wanted({"BREAKGLASS_AUDIT_DIFF": value}) for value in ("1", "", "0", "yes")] == [
        True,
        False,
        False,
        False,
    ]
    (text,) = differences({"diff": {"before": "a\n", "after": f"b {SECRET}\n", "after_header": SECRET}}, _redactor())
    assert SECRET not in str(text)
    assert f"+b {MASK}" in str(text)
    (large,) = differences({"diff": [{"before": "", "after": "x\n" * LARGEST}]}, _redactor())
    assert "larger than" in str(large)
    (long,) = differences({"diff": [{"before": "", "after": "x\n" * 9000}]}, _redactor())
    assert isinstance(long, dict)
    assert long.keys() == {"text", "size", "sha256"}
    assert differences({"diff": {"before": "a", "after": "b"}, "censored": "x"}, _redactor()) == []


_RECORD = {
    "origin": "o",
    "seq": 1,
    "id": "o#1",
    "at": "2026-11-22T02:52:04.000000Z",
    "previous": "0" * 64,
}


@pytest.mark.parametrize(
    "line",
    [
        *("AWS_SECRET_ACCESS_KEY=hunter2", "SECRET_KEY = hunter2", "private_key: hunter2", "encryption_key=hunter2"),
        *("password_hash=hunter2", "passphrase = hunter2", "pwd=hunter2", "requirepass hunter2", "  password hunter2"),
        *("<password>hunter2</password>", "ALTER ROLE shop PASSWORD 'hunter2'", 'password: "correct horse hunter2"'),
        *("machine x login y password hunter2", '"apiToken": "hunter2",', "db.credentials=a b hunter2"),
    ],
)
def test_what_a_line_calls_a_secret_is_masked_to_its_end_in_differences(line: str) -> None:
    """Differences go to chats and phones, and nobody knows how a file writes its secrets."""
    (found,) = differences(
        {"diff": {"before": "", "after": f"name: shop\n{line}\nport: 80\n"}}, Redactor(key=b"k" * 32)
    )
    assert "hunter2" not in str(found)
    assert "name: shop" in str(found)
    assert "port: 80" in str(found)


def test_a_line_that_speaks_of_none_is_shown_in_differences() -> None:
    """Else nobody could approve by it."""
    text = "proxy_pass http://127.0.0.1:8080;\nkeyboard us\nHostKey /etc/ssh/host\nworkers 4"
    (found,) = differences({"diff": {"before": "", "after": text}}, Redactor(key=b"k" * 32))
    assert all(f"+{line}" in str(found) for line in text.splitlines())


def test_a_known_secret_that_holds_the_word_secret_is_masked_whole_in_differences() -> None:
    """What looks like a secret in a line is masked after what is known: else the rest of the known one would stay."""
    known = "c4n4ry/of+a=Secret: it goes on"
    redactor = Redactor([known], key=b"k" * 32)
    found = differences({"diff": {"before": "", "after": f"{known}\npassword = other\n"}}, redactor)
    assert "c4n4ry" not in str(found)
    assert "other" not in str(found)
