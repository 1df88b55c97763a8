# SPDX-License-Identifier: GPL-3.0-or-later
"""A stranger's path: the guide to the first alert, command by command, on a real OpenBao, a real SSH host and a real runner."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pexpect
import pytest
import yaml
from tests.support.record_schema import assert_valid
from tests.support.ssh_host import serving as unprepared

from breakglass.demo import alertmanager
from breakglass.demo.channel import Channel
from breakglass.demo.openbao import OpenBao
from breakglass.demo.parts import free_port, prepare_host
from breakglass.demo.ssh_host import SshHost
from breakglass.doctor.disk import FORGETFUL, Place
from breakglass.init.installing import next_steps
from breakglass.init.texts import FAILED_UNIT
from breakglass.verification import verify_journal

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "first-alert.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
COMMANDS = [
    tuple(command.replace("\\\n", " ").partition("\n")[::2])
    for language, text in BLOCKS
    if language == "console"
    for command in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
]
ELSEWHERE = ("pipx install", "ANSIBLE_CALLBACKS_ENABLED", "amtool ")
"""Installing is what made this environment; prepare_hosts wants root on a host (tests/lab); amtool wants an Alertmanager."""
LIMIT_SECONDS = 60
LABELS = {"alertname": "SystemdUnitFailed", "name": "nginx.service", "instance": "web1:9100", "severity": "critical"}


@dataclass
class Stranger:
    """Somebody with a Vault, a host, a channel and the guide.

    Attributes:
        home: Their home; the installation is made in `site` below it.
        vault: Their Vault.
        channel: Their channel.
        listen: Where their runner is to listen: the guide's port may be taken here.
    """

    home: Path
    vault: OpenBao
    channel: Channel
    parts: ExitStack
    listen: int = field(default_factory=free_port)

    @property
    def site(self) -> Path:
        return self.home / "site"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.home}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "VAULT_ADDR": self.vault.url,
            "VAULT_TOKEN": self.vault.root_token,
        }

    def put_host(self, port: int) -> None:
        """Say where the SSH of web1 is; of the others nobody knows."""
        host = {"ansible_host": "127.0.0.1", "ansible_port": port, "ansible_python_interpreter": sys.executable}
        inventory = {"web": {"hosts": {"web1": host, "web2": {}}}, "db": {"hosts": {"db1": {}}}}
        (self.home / "infra" / "inventory").write_text(yaml.safe_dump(inventory), encoding="utf-8")

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """One command of the guide, as it stands there."""
        return subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.site,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )

    def as_in_the_guide(self, text: str) -> str:
        """What was shown, with the guide's addresses in the place of ours."""
        text = text.replace(self.vault.url, "https://vault.example.com:8200").replace(str(self.listen), "8443")
        return re.sub(r"OpenBao \d+\.\d+\.\d+", "OpenBao 2.7.2", text)

    def post(self) -> str:
        """What Alertmanager posts two minutes after the unit has failed; gives the incident."""
        body = alertmanager.webhook("firing", datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=2))
        body["alerts"][0]["labels"] = LABELS  # type: ignore[index]
        token = (self.site / "secrets" / "alertmanager").read_text().strip()
        return alertmanager.post(f"http://127.0.0.1:{self.listen}", token, body)


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    with ExitStack() as parts:
        home = Path(parts.enter_context(TemporaryDirectory(prefix="bg-")))
        if Place.of(home).file_system() in FORGETFUL:
            pytest.skip("temporary files are in memory here, which doctor rightly refuses for a journal")
        vault, channel = parts.enter_context(OpenBao(home / "openbao")), parts.enter_context(Channel())
        stranger = Stranger(home, vault, channel, parts)
        write_program(home / "bin" / "breakglass")
        (home / "infra").mkdir()
        stranger.put_host(9)
        stranger.site.mkdir()
        yield stranger


def write_program(path: Path) -> None:
    """The command as it is installed, also where the tree itself is used instead of its wheel."""
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -m breakglass.cli.main "$@"\n', encoding="utf-8")
    path.chmod(0o755)


def answer(stranger: Stranger, command: str, shown: str) -> None:
    """Run `init` at a terminal, answer as the guide does, and see what the guide shows."""
    words = [*command.split(), "--listen", f"127.0.0.1:{stranger.listen}", "--state", str(stranger.home / "state")]
    child: Any = pexpect.spawn(
        words[0],
        words[1:],
        cwd=str(stranger.site),
        env=stranger.environment,  # type: ignore[arg-type]
        encoding="utf-8",
        timeout=LIMIT_SECONDS,
        dimensions=(50, 250),
    )
    said = ""
    for question, typed in (
        (r"Vault address \[.*\]: ", ""),
        ("Ansible inventory: ", "~/infra/inventory"),
        (r"hidden\): ", stranger.channel.url),
        (r"Did it arrive\? \[Y/n\]: ", "y"),
    ):
        child.expect(question)
        said += child.before + child.after
        child.sendline(typed)
    child.expect(pexpect.EOF)
    said += child.before
    child.close()
    assert child.exitstatus == 0, said
    lines = [line.strip() for line in stranger.as_in_the_guide(said).splitlines()]
    for line in shown.splitlines():
        assert line.strip() in lines, said
    assert stranger.channel.url not in said


@contextmanager
def serving(stranger: Stranger, command: str, shown: str) -> Iterator[None]:
    """Run `serve` as the guide does, without a Vault login of one's own in its environment, until the block is left."""
    environment = {name: value for name, value in stranger.environment.items() if not name.startswith("VAULT_")}
    with (stranger.home / "runner.log").open("ab") as log:
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {command}"],
            cwd=stranger.site,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    with process:
        try:
            assert process.stdout
            line = stranger.as_in_the_guide(process.stdout.readline())
            assert re.sub("policy [0-9a-f]{8}", "policy 0724d141", line) == shown
            wait_for(
                lambda: urllib.request.urlopen(f"http://127.0.0.1:{stranger.listen}/readyz", timeout=2).status == 200
            )
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(LIMIT_SECONDS)


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while True:
        with suppress(OSError):
            if condition():
                return
        assert time.monotonic() < deadline
        time.sleep(0.1)


def commands(*beginnings: str) -> list[tuple[str, str]]:
    """The commands of the guide that begin so, with what it shows of them, in its order."""
    return [(command, shown) for command, shown in COMMANDS if command.startswith(beginnings)]


def test_every_command_of_the_guide_is_tried() -> None:
    """The guide has no command that this file does not know."""
    tried = ("breakglass init", "breakglass vault", "breakglass doctor", "breakglass serve", "breakglass incidents")
    assert len(commands(*tried, "breakglass audit show", *ELSEWHERE)) == len(COMMANDS)


def test_the_commands_that_init_says_are_those_of_the_guide() -> None:
    """What init prints at its end is what the guide goes on with, word for word."""
    printed = " ".join(" ".join(next_steps(Path("/site"), Path("INVENTORY"), "web1")).replace("\\", " ").split())
    following = [*commands("breakglass vault", "ANSIBLE_CALLBACKS_ENABLED"), ("breakglass doctor", "")]
    for command, _ in following:
        assert " ".join(command.split()).replace("~/infra/inventory", "INVENTORY") in printed


def test_the_route_of_the_guide_takes_what_the_policy_takes() -> None:
    """The matcher that the guide tells Alertmanager is the match of the policy that init writes."""
    (text,) = (text for language, text in BLOCKS if language == "yaml")
    (route,) = yaml.safe_load(text)["route"]["routes"]
    assert route["matchers"] == [f'alertname =~ "{"|".join(FAILED_UNIT)}"']
    assert route["continue"] is True


def test_a_stranger_s_first_alert(stranger: Stranger) -> None:
    """From nothing to an observed incident by the guide's own commands, and doctor says at each step what is missing still."""
    ((init, shown),) = commands("breakglass init")
    answer(stranger, init, shown)
    assert stranger.run("breakglass doctor").returncode == 1

    for command, _ in commands("breakglass vault"):
        done = stranger.run(command)
        assert done.returncode == 0, done.stderr
    doctors = commands("breakglass doctor")
    with unprepared("web1") as hosts:
        stranger.put_host(hosts.hosts["web1"].port)
        assert "prepare_hosts -l web1" in stranger.run(doctors[0][0]).stdout

    # What prepare_hosts does on a host of root's.
    files = prepare_host(stranger.home, stranger.environment, "web1", "breakglass")
    stranger.put_host(stranger.parts.enter_context(SshHost(files)).port)
    done = stranger.run(doctors[0][0])
    assert done.returncode == 1
    for line in doctors[0][1].splitlines():
        assert line in stranger.as_in_the_guide(done.stdout).splitlines()
    done = stranger.run(doctors[1][0])
    assert "web1: let breakglass in by a certificate" in done.stdout
    assert "grant: revoked, proven gone" in done.stdout

    ((serve, shown),) = commands("breakglass serve")
    with serving(stranger, serve, shown):
        assert "source alertmanager: no message yet" in stranger.run(doctors[2][0]).stdout
        incident = stranger.post()
        ((list_them, _),) = commands("breakglass incidents")
        wait_for(lambda: "closed" in stranger.run(list_them).stdout)
        listed = stranger.run(list_them).stdout
        assert incident in listed
        ((show, _),) = commands("breakglass audit show")
        wait_for(lambda: "observed" in stranger.run(show).stdout)
        assert "would have run breakglass.remediation.restart_service" in stranger.run(show).stdout
        last = stranger.run(doctors[2][0])
        assert last.returncode == 0, last.stdout
    journal = stranger.home / "state" / "journal"
    assert_valid(journal)
    assert verify_journal(journal, None, stranger.environment, offline=False).exit_code == 0
    assert [message.title for message in stranger.channel.messages] == ["breakglass: a test message"]
