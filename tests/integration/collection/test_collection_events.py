# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a playbook is made of, each task is announced before it is reported, and no secret gets into the journal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.integration.collection.operator_run import GRANT, PROVEN, play

if TYPE_CHECKING:
    from tests.integration.collection.operator_run import OperatorRun

CANARY = "c4n4ry-of-a-secret-0123456789"
TWO = "all: {hosts: {h1: , h2: }}\n"
EVERYTHING = """
    - name: Notify
      ansible.builtin.debug: {msg: ring}
      changed_when: true
      notify: Be told
    - name: Tell now
      ansible.builtin.meta: flush_handlers
    - name: Try
      block:
        - name: Fall
          ansible.builtin.fail: {msg: fallen}
      rescue:
        - name: Get up
          ansible.builtin.debug: {msg: up}
      always:
        - name: Go home
          ansible.builtin.debug: {msg: at home}
    - name: Shrug
      ansible.builtin.fail: {msg: never mind}
      ignore_errors: true
    - name: Count {{ inventory_hostname }}
      ansible.builtin.debug: {msg: "{{ item }}"}
      loop: [1, 2, 3]
    - name: Try again
      ansible.builtin.assert: {that: false}
      register: tried
      until: tried.attempts | default(2) >= 2
      retries: 2
      delay: 0
      ignore_errors: true
    - name: Wait for it
      ansible.builtin.command: "true"
      async: 20
      poll: 1
    - name: Let it go
      ansible.builtin.command: "true"
      async: 20
      poll: 0
    - name: Include
      ansible.builtin.include_tasks: more.yml
      loop: [1, 2]
    - name: Import
      ansible.builtin.import_tasks: more.yml
    - name: Once
      ansible.builtin.debug: {msg: once}
      run_once: true
      delegate_to: localhost
    - name: Remember
      ansible.builtin.set_fact: {known: true}
    - name: Never
      ansible.builtin.debug: {msg: never}
      when: known is not defined
    - name: Send one home
      ansible.builtin.meta: end_host
      when: inventory_hostname == 'h2'
    - name: Last
      ansible.builtin.debug: {msg: last}
"""
HANDLERS = """
  handlers:
    - name: Be told
      ansible.builtin.debug: {msg: told}
"""


@pytest.mark.parametrize("strategy", ["linear", "free"])
def test_every_kind_of_task_is_announced_before_its_result(run: OperatorRun, strategy: str) -> None:
    """Handlers, blocks, loops, retries, async, includes, delegation, facts, conditions: an intent comes before each result."""
    run.write("more.yml", "- name: More\n  ansible.builtin.debug: {msg: more}\n")
    inventory = run.write("two.yml", TWO)
    tasks = EVERYTHING if strategy == "linear" else EVERYTHING.replace("      run_once: true\n", "")
    run.playbook(play(GRANT + tasks, "h*", f"  strategy: {strategy}\n") + HANDLERS, "-i", str(inventory))
    assert run.code == 0, run.text
    assert run.last_line == PROVEN
    opened = next(body for body in run.bodies("grant.opened"))
    intents = run.bodies("task.intent")
    assert "grant" not in intents[0]
    assert {body.get("grant") for body in intents[2:]} == {opened["accessor"]}
    assert opened["vault_login"]
    announced = set()
    for record in run.records():
        body = record["body"]
        assert isinstance(body, dict)
        if record["kind"] == "task.intent":
            announced.add((body["task"], body["host"]))
        if record["kind"] == "task.result" and body["status"] != "skipped":
            assert (body["task"], body["host"]) in announced, body
    results = run.results()
    assert results["Fall"] == ["failed", "failed"]
    assert results["Get up"] == results["Go home"] == results["Be told"] == ["ok", "ok"]
    assert results["Shrug"] == ["ignored", "ignored"]
    assert results["Never"] == ["skipped", "skipped"]
    assert results["Last"] == ["ok"]
    assert results["More"].count("ok") == len(results["More"]) == 6
    assert run.verified().exit_code == 0, run.verified().text()
    run.assert_nothing_left()


SECRETS = """
    - name: Argument of a failure
      ansible.builtin.command: {argv: ["false", "{{ canary }}"]}
      ignore_errors: true
    - name: Quoted by a failure
      ansible.builtin.file: {path: "{{ where }}", state: "{{ canary }}"}
      ignore_errors: true
    - name: Environment
      ansible.builtin.shell: "echo $TOKEN; exit 1"
      environment: {TOKEN: "{{ canary }}"}
      ignore_errors: true
    - name: Difference
      ansible.builtin.copy: {content: "{{ canary }}", dest: "{{ where }}", mode: "0600"}
      diff: true
    - name: Exception
      crash: {text: "{{ canary }}"}
      ignore_errors: true
    - name: Hidden {{ canary }}
      ansible.builtin.debug: {msg: "{{ canary }}"}
      no_log: true
    - name: Hidden failure {{ canary }}
      ansible.builtin.fail: {msg: "{{ canary }}"}
      no_log: true
      ignore_errors: true
    - name: Hidden items
      ansible.builtin.fail: {msg: "{{ item }}"}
      loop: ["{{ canary }}", "{{ canary }}"]
      no_log: true
      ignore_errors: true
    - name: Fact
      ansible.builtin.set_fact: {kept: "{{ canary }}"}
    - name: Retried
      ansible.builtin.shell: "echo {{ canary }}; exit 1"
      register: tried
      until: tried.rc == 0
      retries: 1
      delay: 0
      ignore_errors: true
"""
CRASH = """#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
raise RuntimeError("cannot use " + AnsibleModule({"text": {"type": "str"}}).params["text"])
"""


def test_a_secret_of_a_task_never_gets_into_the_journal(run: OperatorRun) -> None:
    """Not from arguments, environment, differences, exceptions, facts or retries, at -vvvv; nor the grant's own token."""
    (run.directory / "library").mkdir()
    run.write("library/crash.py", CRASH)
    given = run.write("given.json", f'{{"canary": "{CANARY}", "where": "{run.directory / "file"}"}}')
    keep = f"    - ansible.builtin.command: cp -r {run.runs} {run.directory / 'seen'}\n"
    run.playbook(play(GRANT + SECRETS + keep), "-e", f"@{given}", "-vvvv")
    assert run.code == 0, run.text
    (token,) = ((path / "token").read_text(encoding="utf-8") for path in (run.directory / "seen").iterdir())
    recorded = b"".join(path.read_bytes() for path in run.journal.rglob("*") if path.is_file()).decode()
    assert CANARY not in recorded
    assert token not in recorded + run.text
    assert run.site.vault.root_token not in recorded + run.text
    hidden = [body for body in run.bodies("task.result") if body.get("no_log")]
    assert len(hidden) == 3
    assert not [body for body in hidden if body.keys() - {"task", "host", "status", "changed", "no_log"}]
    assert run.results()["(no_log)"] == ["ok", "ignored", "ignored"]
    failures = {body.get("msg") for body in run.bodies("task.result") if body["status"] == "ignored"}
    assert "value of state must be one of: absent, directory, file, hard, link, touch, got: [argument]" in failures


WITH_CREDENTIALS = """
    - name: Obtain a certificate
      breakglass.remediation.ssh_certificate: {hosts: [web1]}
    - name: Work with it
      ansible.builtin.debug: {msg: work}
"""


def test_a_task_says_with_which_grant_and_credentials_it_runs(run: OperatorRun) -> None:
    """What was obtained stands in the intent of every task that comes after, by the ids of the credentials' own stream."""
    run.playbook(play(GRANT + WITH_CREDENTIALS))
    assert run.code == 0, run.text
    (stream,) = run.journal.glob("*/*/*/*/credentials-1.jsonl")
    asked = [json.loads(line)["body"]["credential"] for line in stream.read_bytes().splitlines()[:1]]
    before, obtaining, after = run.bodies("task.intent")
    assert "credentials" not in before.keys() | obtaining.keys()
    assert after["credentials"] == asked
    assert after["grant"] == obtaining["grant"] == run.bodies("grant.opened")[0]["accessor"]
