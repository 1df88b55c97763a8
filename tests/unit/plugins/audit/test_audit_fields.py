# SPDX-License-Identifier: GPL-3.0-or-later
"""What is recorded of a task and its result is a short list; everything else is left out."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.fields import result_fields
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.tasks import task_fields
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.redaction import Redactor
from hypothesis import given
from hypothesis import strategies as st

SECRET = "hunter2-hunter2"


@dataclass
class Task:
    """As much of a task as is read."""

    name: str = "Restart shop"
    no_log: bool = False
    action: str = "ansible.builtin.command"
    check_mode: bool = False
    _uuid: str = "u1"

    def get_name(self) -> str:
        return self.name

    def get_path(self) -> str:
        return "play.yml:1"


def _redactor() -> Redactor:
    return Redactor(key=b"k" * 32)


def test_a_task_is_its_name_its_action_and_its_identity() -> None:
    """Arguments, environment and path are not recorded."""
    assert task_fields(Task(), _redactor()) == {
        "task": "u1",
        "name": "Restart shop",
        "action": "ansible.builtin.command",
    }


def test_the_name_of_a_hidden_task_is_hidden() -> None:
    """A name is templated, so under no_log it may hold the secret."""
    assert task_fields(Task(name=SECRET, no_log=True), _redactor())["name"] == "(no_log)"


@pytest.mark.parametrize("mark", [{"_ansible_no_log": True}, {"censored": "hidden"}])
def test_of_a_hidden_result_only_the_change_is_recorded(mark: dict[str, object]) -> None:
    """Neither message nor return code of a no_log result is taken."""
    result = {"changed": True, "msg": SECRET, "rc": 7, **mark}
    assert result_fields("command", result, _redactor()) == {"changed": True, "no_log": True}


@given(name=st.text(min_size=1).filter(lambda name: name not in {"changed", "rc", "attempts", "msg", "skip_reason"}))
def test_a_field_that_is_not_listed_is_never_recorded(name: str) -> None:
    """Whatever a module returns, under whatever name."""
    recorded = result_fields("any.thing.at_all", {"changed": False, name: SECRET}, _redactor())
    assert SECRET not in str(recorded)


def test_a_failure_is_told_without_the_arguments_that_it_quotes() -> None:
    """The values of arguments are masked in the message, nested ones too; short words stay readable."""
    arguments = {"state": SECRET, "env": {"deep": ["another-secret"]}, "name": "nginx"}
    message = f"service nginx: state {SECRET} with another-secret is not known"
    result = {"failed": True, "msg": message, "invocation": {"module_args": arguments}}
    recorded = result_fields("service", result, _redactor())
    assert recorded["msg"] == "service nginx: state [argument] with [argument] is not known"


def test_the_text_of_an_exception_is_not_recorded() -> None:
    """A module that crashed may say anything."""
    recorded = result_fields("x", {"failed": True, "msg": f"Task failed: Module failed: no {SECRET}"}, _redactor())
    assert recorded["msg"] == "Task failed: Module failed: it raised an exception, whose text is not recorded."


def test_of_our_own_modules_what_was_obtained_is_recorded() -> None:
    """Access, accessor and end of a grant; serial and principals of a certificate; under either spelling of the name."""
    grant = {"accessor": "a1", "access": "web", "expires_at": "t", "time_box": 600, "token": SECRET}
    for action in ("grant", "breakglass.remediation.grant"):
        recorded = result_fields(action, grant, _redactor())
        assert recorded == {"changed": False, "accessor": "a1", "access": "web", "expires_at": "t", "time_box": 600}
    certificate = {"serial": "1", "principals": ["web1"], "private_key": SECRET}
    assert result_fields("ssh_certificate", certificate, _redactor())["principals"] == ["web1"]


def test_odd_values_are_recorded_as_text_or_not_at_all() -> None:
    """A message that is a list becomes text, and a return code that is text is none."""
    recorded = result_fields("x", {"failed": True, "msg": ["a", 1], "rc": "7", "attempts": True}, _redactor())
    assert recorded["msg"] == "['a', 1]"
    assert "rc" not in recorded
