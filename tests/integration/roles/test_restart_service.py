# SPDX-License-Identifier: GPL-3.0-or-later
"""The role restart_service repairs, leaves alone, undoes and refuses as its README says."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from breakglass.demo.web_service import WebService

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.ssh_host import SshSite

ROLE = "breakglass.remediation.restart_service"
REFUSED = "restart_service_name is not the name of a service"
GOOD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._:-]{0,254}")
PLAY = f"""
- hosts: all
  gather_facts: false
  roles: [{ROLE}]
"""


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    code: int
    text: str

    def count(self, name: str) -> int:
        """One number of the recap, of one host."""
        found = re.search(rf"\b{name}=(\d+)", self.text)
        assert found, self.text
        return int(found[1])

    @property
    def sentence(self) -> str:
        """What the last failed task said."""
        return str(json.loads(re.findall(r"\"msg\": (\".*\")", self.text)[-1]))


@dataclass(frozen=True)
class Bench:
    """A directory with an inventory, and the runs in it."""

    directory: Path
    inventory: dict[str, dict[str, object]]
    within_seconds: int = 60

    def run(self, variables: dict[str, object], *words: str, play: str = PLAY) -> Outcome:
        """One real ansible-playbook; variables go in as the runner gives them: inert text only."""
        (self.directory / "inventory.json").write_text(json.dumps({"all": {"hosts": self.inventory}}))
        (self.directory / "play.yml").write_text(play)
        (self.directory / "extra.json").write_text("\t" + json.dumps({k: _inert(v) for k, v in variables.items()}))
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        ended = subprocess.run(
            [program, "-i", "inventory.json", "play.yml", "-e", "@extra.json", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.directory,
            timeout=self.within_seconds,
            check=False,
            env={
                "PATH": f"{self.directory / 'bin'}:{os.environ['PATH']}",
                "HOME": str(self.directory),
                "LANG": "C.UTF-8",
                "ANSIBLE_PIPELINING": "true",
                "ANSIBLE_FORKS": "20",
                "ANSIBLE_LOCALHOST_WARNING": "false",
            },
        )
        return Outcome(ended.returncode, ended.stdout)


def _inert(value: object) -> object:
    match value:
        case str():
            return {"__ansible_unsafe": value}
        case list():
            return [_inert(item) for item in value]
        case _:
            return value


@pytest.fixture
def bench(ssh_site: SshSite, tmp_path: Path) -> Bench:
    return Bench(tmp_path, ssh_site.inventory(ssh_site.identity("web1")))


@pytest.fixture
def local_bench(tmp_path: Path) -> Bench:
    """The same without SSH, where it is not what is tried: quicker."""
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    return Bench(tmp_path, {"web1": {**host, "ansible_remote_tmp": str(tmp_path / "remote")}})


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[WebService]:
    """A web service that runs, and breaks while the file `broken` exists."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with WebService(port, tmp_path / "shop.pid", tmp_path / "broken") as service:
        yield service


def _variables(shop: WebService, **more: object) -> dict[str, object]:
    return {
        "restart_service_name": "shop",
        "restart_service_command": shop.restart_command,
        "restart_service_stop_command": shop.stop_command,
        "restart_service_health_url": shop.url,
        "restart_service_health_timeout": 1,
        **more,
    }


def test_repair_and_second_run(bench: Bench, shop: WebService) -> None:
    """A service that is down is restarted through SSH and answers; a second run changes nothing."""
    shop.kill()
    first = bench.run(_variables(shop))
    assert (first.code, first.count("changed"), shop.runs()) == (0, 1, True), first.text
    for name in ("Collect evidence", "Restart shop", f"Answers {shop.url}"):
        assert f"TASK [{ROLE} : {name}]" in first.text
    pid = (bench.directory / "shop.pid").read_text()
    second = bench.run(_variables(shop))
    assert (second.code, second.count("changed")) == (0, 0), second.text
    assert (bench.directory / "shop.pid").read_text() == pid


def test_port(local_bench: Bench, shop: WebService) -> None:
    """A closed port alone is reason enough, and an open one proof enough."""
    port = int(shop.url.rstrip("/").rpartition(":")[2])
    shop.kill()
    only_port = _variables(shop, restart_service_health_url="", restart_service_health_port=port)
    outcome = local_bench.run(only_port)
    assert (outcome.code, outcome.count("changed"), shop.runs()) == (0, 1, True), outcome.text


def test_repair_that_does_not_help(bench: Bench, shop: WebService) -> None:
    """A service that was down and does not get healthy is stopped again, and one sentence says what was wanted."""
    shop.kill()
    (bench.directory / "broken").touch()
    outcome = bench.run(_variables(shop))
    assert outcome.code == 2
    assert outcome.sentence == f"{shop.url} said 503, wanted 200 to 206 for 1 s; stopped again, as found."
    assert not shop.runs()


def test_sick_service_stays_as_found(local_bench: Bench, shop: WebService) -> None:
    """A service that ran before is not stopped by the undo."""
    (local_bench.directory / "broken").touch()
    outcome = local_bench.run(_variables(shop))
    assert outcome.code == 2
    assert outcome.sentence.endswith(
        "said 503, wanted 200 to 206 for 1 s; nothing to undo, it ran before and was left as it is."
    )
    assert shop.runs()


def test_command_that_fails(local_bench: Bench, shop: WebService) -> None:
    """A command that fails is quoted, shortened, in the sentence; without a stop command that is said too."""
    shop.kill()
    command = [sys.executable, "-c", "raise SystemExit('cannot bind :443 {{ 7*7 }} ' + 'x' * 5000)"]
    outcome = local_bench.run(_variables(shop, restart_service_command=command, restart_service_stop_command=[]))
    assert outcome.code == 2
    assert outcome.sentence.startswith("shop could not be restarted: cannot bind :443 {{ 7*7 }} xxx")
    assert outcome.sentence.endswith("xxx…; left as it is, there is no restart_service_stop_command.")
    assert len(outcome.sentence) < 450


def test_undo_that_fails(local_bench: Bench, shop: WebService) -> None:
    """When the undo fails too, the sentence says so first of all in capitals."""
    shop.kill()
    outcome = local_bench.run(
        _variables(
            shop,
            restart_service_command=["true"],
            restart_service_stop_command=[sys.executable, "-c", "raise SystemExit('no such thing')"],
            restart_service_health_timeout=1,
        )
    )
    assert outcome.sentence == (
        f"{shop.url} did not answer, wanted 200 to 206 for 1 s; NOT undone, stopping it again failed: no such thing."
    )


def test_check_mode(local_bench: Bench, shop: WebService) -> None:
    """Check mode says "changed" when a run would restart, and not when it would not, and restarts nothing."""
    healthy = local_bench.run(_variables(shop), "--check")
    assert (healthy.code, healthy.count("changed")) == (0, 0), healthy.text
    shop.kill()
    down = local_bench.run(_variables(shop), "--check")
    assert (down.code, down.count("changed"), shop.runs()) == (0, 1, False), down.text


def test_arguments_are_not_a_shell(bench: Bench, shop: WebService) -> None:
    """Words of a command reach the program as they are: no shell, no variables, no templates."""
    shop.kill()
    words = ["$HOME", "`touch CANARY`", "; touch CANARY", "{{ lookup('pipe','touch CANARY') }}", "*"]
    command = [sys.executable, "-c", "import sys, json; open('words','w').write(json.dumps(sys.argv[1:]))", *words]
    bench.run(_variables(shop, restart_service_command=command, restart_service_health_timeout=1))
    written = Path(str(bench.inventory["web1"]["ansible_remote_tmp"])).parents[1] / "words"
    assert json.loads(written.read_text()) == words
    assert not list(bench.directory.rglob("CANARY"))
    assert not list(written.parent.rglob("CANARY"))


def _local_hosts(count: int) -> dict[str, dict[str, object]]:
    return {
        f"h{number}": {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "number": number,
        }
        for number in range(count)
    }


def _failures(text: str) -> dict[int, str]:
    """What each host's fatal task said."""
    parts = re.split(r"(?:fatal: \[h|\[ERROR\]: Task failed)", text)
    return {int(part.split("]")[0]): part for part in parts if part.split("]")[0].isdecimal()}


def test_hostile_names(tmp_path: Path, hostile_values: list[object]) -> None:
    """Every text of the corpus that is not a service's name is refused by one sentence, and nothing of it is run."""
    bad = [v for v in hostile_values if not (isinstance(v, str) and GOOD_NAME.fullmatch(v))]
    assert len(bad) > 40
    play = PLAY + "  vars: {restart_service_name: '{{ hostile[number] }}', restart_service_health_port: 1}\n"
    marker = tmp_path / "ran"
    outcome = Bench(tmp_path, _local_hosts(len(bad))).run(
        {"hostile": bad, "restart_service_command": ["touch", str(marker)]}, play=play
    )
    said = _failures(outcome.text)
    assert sorted(said) == list(range(len(bad))), outcome.text
    assert {number for number, text in said.items() if REFUSED not in text} == set(), outcome.text
    assert not marker.exists()
    assert not list(tmp_path.rglob("CANARY"))


def test_hostile_urls(tmp_path: Path, hostile_values: list[object]) -> None:
    """No text of the corpus but a plain web address passes as a health URL."""
    bad = [v for v in hostile_values if isinstance(v, str) and v and v != "http://127.0.0.1:8200/v1/sys/seal"]
    bad += [
        "http://user:secret@localhost/",
        "http://localhost/{{ 1 }}",
        "http://localhost/\n",
        "ftp://localhost/",
        "http://",
    ]
    play = PLAY + "  vars: {restart_service_health_url: '{{ hostile[number] }}'}\n"
    outcome = Bench(tmp_path, _local_hosts(len(bad))).run(
        {"hostile": bad, "restart_service_name": "shop", "restart_service_command": ["touch", str(tmp_path / "ran")]},
        play=play,
    )
    said = _failures(outcome.text)
    assert sorted(said) == list(range(len(bad))), outcome.text
    assert all("restart_service_health_url is not a plain http or https address" in text for text in said.values())
    assert "secret" not in outcome.text
    assert not (tmp_path / "ran").exists()
    assert not list(tmp_path.rglob("CANARY"))


REFUSALS: list[tuple[dict[str, object], str]] = [
    ({}, "restart_service_command needs restart_service_health_url or restart_service_health_port"),
    ({"restart_service_health_port": 70000}, "restart_service_health_port is not a TCP port"),
    (
        {"restart_service_health_port": 80, "restart_service_health_timeout": 0},
        "is not a number of seconds: it takes 1 to 3600",
    ),
    (
        {"restart_service_health_port": 80, "restart_service_stop_command": "rm -r x"},
        "restart_service_stop_command is not a list",
    ),
]


def test_refusals(tmp_path: Path) -> None:
    """What can't be right is refused by a sentence that names the variable."""
    hosts = _local_hosts(len(REFUSALS))
    for number, (variables, _) in enumerate(REFUSALS):
        hosts[f"h{number}"] |= variables
    marker = tmp_path / "ran"
    outcome = Bench(tmp_path, hosts).run(
        {"restart_service_name": "shop", "restart_service_command": ["touch", str(marker)]}
    )
    said = _failures(outcome.text)
    assert [sentence in said[number] for number, (_, sentence) in enumerate(REFUSALS)] == [True] * len(REFUSALS)
    assert not marker.exists()
