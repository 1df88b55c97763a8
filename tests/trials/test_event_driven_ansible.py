# SPDX-License-Identifier: GPL-3.0-or-later
"""A real ansible-rulebook: what it executes of raw events, and what our filter leaves of that; our rulebook repairs a service."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.support import rulebook
from tests.support.command_blocks import blocks
from tests.support.corpus import HOSTILE, with_canary
from tests.support.published import built, constraints
from tests.support.rulebook import Rulebook
from tests.support.site import Site

from breakglass.demo.parts import service_answers
from breakglass.verification import verify_journal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.timeout(600)
GUIDE = "docs/guides/event-driven-ansible.md"
LOOKUP = "{{ lookup('ansible.builtin.pipe', 'touch CANARY') }}"
BETWEEN_QUOTES = "'{' '{ lookup(\"ansible.builtin.pipe\", \"touch CANARY\") }}'"
PLAY = """
- name: A play as people write it for a rulebook
  hosts: all
  gather_facts: false
  tasks:
    - name: Say why
      ansible.builtin.debug: {msg: "{{ reason }}"}
    - name: Keep what came in, and the whole event
      ansible.builtin.copy: {content: "{{ {'texts': texts, 'event': ansible_eda.event} | to_json }}", dest: KEPT, mode: "0600"}
"""


@pytest.fixture(scope="module", autouse=True)
def _environment() -> None:
    rulebook.ready_or_skip()


class Ground:
    """A rulebook whose rule hands an event's text to a play, with filters or without."""

    def __init__(self, directory: Path, filters: list[object]) -> None:
        self.directory, self.canary, self.kept = directory, directory / "canary", directory / "kept"
        host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        self._write("inventory.yml", {"all": {"hosts": {"web1": host}}})
        play = directory / "play.yml"
        play.write_text(PLAY.replace("KEPT", str(self.kept)), encoding="utf-8")
        variables = {"reason": "{{ event.payload.reason }}", "texts": "{{ event.payload.texts }}"}
        rule = {
            "name": "alert",
            "condition": 'event.payload.status == "firing"',
            "action": {"run_playbook": {"name": str(play), "extra_vars": variables}},
        }
        source = {"eda.builtin.webhook": {"host": "127.0.0.1", "port": "{{ breakglass_port }}"}, "filters": filters}
        rules = [{"name": "test", "hosts": "web1", "sources": [source], "rules": [rule]}]
        self._write("rules.yml", rules)

    def run(self, reason: object, texts: object, until: str) -> str:
        """Send one event, wait until its play is told of in the log, and return what was printed."""
        command = ["ansible-rulebook", "--rulebook", "rules.yml", "-i", "inventory.yml", "--vars", "vars.yml"]
        with Rulebook(self.directory, command, {}, ANSIBLE_NOCOLOR="1") as running:
            running.post({"status": "firing", "reason": with_canary(reason, self.canary), "texts": texts})
            running.wait_for(lambda: until in running.text)
            return running.text

    def _write(self, name: str, content: object) -> None:
        (self.directory / name).write_text(yaml.safe_dump(content), encoding="utf-8")


@pytest.mark.parametrize("reason", [LOOKUP, BETWEEN_QUOTES])
def test_raw_event_text_is_executed_on_the_controller(tmp_path: Path, reason: str) -> None:
    """The danger: without the filter a text of an alert runs a command; also one in which no template can be seen."""
    ground = Ground(tmp_path, [])
    ground.run(reason, "", "PLAY RECAP")
    assert ground.canary.exists()


@pytest.mark.parametrize("reason", [LOOKUP, BETWEEN_QUOTES])
def test_nothing_of_a_filtered_event_is_executed(tmp_path: Path, reason: str) -> None:
    """The same texts, and the whole corpus, through the filter: the play gets them as text, and nothing runs."""
    ground = Ground(tmp_path, [{"breakglass.remediation.inert": {}}])
    corpus = with_canary({name: value for name, value in HOSTILE}, ground.canary)  # noqa: C416 (typed)
    printed = ground.run(reason, corpus, "PLAY RECAP")
    assert "failed=0" in printed, printed
    assert not ground.canary.exists()
    kept = json.loads(ground.kept.read_text(encoding="utf-8"))
    assert kept["texts"].keys() == dict(HOSTILE).keys()
    assert kept["texts"] == kept["event"]["payload"]["texts"]
    same = {name for name, value in HOSTILE if kept["texts"][name] == with_canary(value, ground.canary)}
    assert {"shell", "sql", "html", "look-alike letter", "boolean", "null"} <= same


def install(directory: Path, commands: tuple[str, ...]) -> dict[str, str]:
    """Run the guide's commands that install, in an environment of their own; what programs are started with there.

    The versions of other packages are those of our lock, and the collection is the tarball of this tree, which is not published.
    """
    tarball, _wheel = built(directory / "built")
    subprocess.run([sys.executable, "-m", "venv", str(directory / "venv")], check=True)
    pinned = constraints(rulebook.REQUIREMENTS, directory / "constraints.txt")
    made = {"PATH": f"{directory}/venv/bin:{os.environ['PATH']}", "HOME": str(directory)}
    for text in commands:
        command = text.replace("install breakglass.remediation", f"install {tarball}")
        environment = {**os.environ, **made, "PIP_CONSTRAINT": str(pinned)}
        done = subprocess.run(
            ["sh", "-c", command], env=environment, capture_output=True, text=True, timeout=400, check=False
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    return made


def test_our_rulebook_repairs_what_the_event_names(tmp_path: Path) -> None:
    """Installed and started by the guide's commands; an alert comes in, the service answers again, the grant is proven gone."""
    (block,) = [one for one in blocks() if one.page == GUIDE]
    *installing, export, command = block.commands
    installed = install(tmp_path, tuple(installing))
    name, _, value = export.removeprefix("export ").partition("=")
    with Site() as site:
        environment: Mapping[str, str] = {**site.operator_environment(ANSIBLE_NOCOLOR="1"), name: value}
        variables = {"breakglass_token": "a-token-of-alertmanager"}
        (tmp_path / "inventory").symlink_to(site.place.inventory)
        with Rulebook(tmp_path, shlex.split(command), variables, installed, **environment) as running:
            site.service.kill()
            running.post(_alert("all", "shop"))
            running.wait_for(lambda: "no hosts" in running.text)
            running.post(_alert(f"{site.host_name}:9100", "shop"))
            running.wait_for(lambda: "Grant revoked, proven." in running.text)
        assert service_answers(site.service.url)
        assert "failed=0" in running.text
        journal = site.scratch / "operator-journal"
        assert verify_journal(journal, None, site.environment, offline=False).exit_code == 0
        (stream,) = journal.glob("*/*/*/*/play-1.jsonl")
        assert "ServiceDown: { { lookup('pipe', 'id') }} since 02:51" in stream.read_text(encoding="utf-8")


def _alert(instance: str, service: str) -> dict[str, object]:
    labels = {"alertname": "ServiceDown", "instance": instance, "name": service}
    annotations = {"summary": "{{ lookup('pipe', 'id') }} since 02:51"}
    return {"status": "firing", "groupKey": instance, "commonLabels": labels, "commonAnnotations": annotations}
