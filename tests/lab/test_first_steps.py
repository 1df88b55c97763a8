# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass init` and `doctor` on real hosts: the commands that init prints, logins with sudo, and hosts that have lost something."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from breakglass.demo.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.api import Lab

WITHIN_SECONDS = 200
LINE = re.compile(r"^  (ok|!!|\?\?)  ([^:]+): (.*)$", re.MULTILINE)
KEY = "/etc/ssh/ssh_host_ed25519_key"
SUDOERS = "/etc/sudoers.d/breakglass-remediation"
NOT_SERVED = {"runner", "source alertmanager"}
"""What is wrong anyhow: nobody serves in these tests."""


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """The command as it is installed, in a directory that can be put on PATH."""
    path = tmp_path / "bin" / "breakglass"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -m breakglass.cli.main "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def run(
    command: Path, line: str, *, where: Path, given: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a line of a shell."""
    return subprocess.run(
        ["/bin/bash", "-c", line],
        cwd=where,
        env={
            "PATH": f"{command.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(where),
            "USER": "stranger",
            "LANG": "C.UTF-8",
            **environment,
        },
        input=given,
        capture_output=True,
        text=True,
        timeout=WITHIN_SECONDS,
        check=False,
    )


def doctor(lab: Lab, command: Path, *words: str) -> tuple[dict[str, str], str]:
    """What doctor says of the lab's own settings, by what it is about (the last of each), and all of it."""
    line = f"breakglass doctor --settings {lab.place.settings} {' '.join(words)}"
    done = run(command, line, where=lab.place.controller)
    return {about: f"{mark} {says}" for mark, about, says in LINE.findall(done.stdout)}, done.stdout + done.stderr


def wrong(said: dict[str, str]) -> set[str]:
    """What must be mended."""
    return {about for about, says in said.items() if says.startswith("!!")} - NOT_SERVED


@pytest.mark.core
def test_a_prepared_lab_is_well(lab: Lab, command: Path) -> None:
    """Every prepared host proves itself, lets the grant in by its certificate and lets it become root; the grant is gone after."""
    said, text = doctor(lab, command, "--log-in", "lab-operator")
    assert wrong(said) == set(), text
    for name in lab.hosts:
        assert said[name] == "ok let breakglass in by a certificate, and sudo works"
    assert said["grant"].startswith("ok revoked, proven gone")
    assert text.count("proves itself by a certificate of our CA") == len(lab.hosts)


def test_hosts_that_have_lost_something(lab: Lab, command: Path) -> None:
    """Without sudo, with a new host key, and without sshd a host is named, each with what to do; the others are well."""
    web1, web2, db1 = (lab.host(name) for name in ("web1", "web2", "db1"))
    web1.run(["mv", SUDOERS, "/root/sudoers"])
    web2.run(f"cp -a {KEY} /root/key && rm {KEY} && ssh-keygen -q -t ed25519 -N '' -f {KEY} && systemctl restart ssh")
    db1.run("systemctl stop ssh.socket ssh")
    try:
        said, text = doctor(lab, command, "--log-in", "lab-operator")
    finally:
        web1.run(["mv", "/root/sudoers", SUDOERS])
        web2.run(f"mv /root/key {KEY} && ssh-keygen -y -f {KEY} > {KEY}.pub && systemctl restart ssh")
        db1.run("systemctl start ssh")
    assert wrong(said) == {"web1", "web2", "db1"}, text
    assert "let breakglass in by a certificate, but sudo does not work" in said["web1"]
    assert re.search(r"!!  web2: .*Host key verification failed.*prepare_hosts -l web2", text)
    assert "Connection refused" in said["db1"]
    assert said["app1"].startswith("ok ")
    assert said["grant"].startswith("ok revoked, proven gone")
    assert wrong(doctor(lab, command, "--log-in", "lab-operator")[0]) == set()


def test_the_receiver_is_one_that_alertmanager_takes(lab: Lab, command: Path, tmp_path: Path) -> None:
    """The lines that doctor says are a receiver, as Alertmanager's own tool judges."""
    if shutil.which("amtool") is None:
        pytest.skip("there is no amtool: make lab installs it")
    _, text = doctor(lab, command, "--no-hosts")
    receiver = re.search(r"^ {8}- name: breakglass\n(?: {8} .*\n)+", text, re.MULTILINE)
    assert receiver, text
    config = tmp_path / "alertmanager.yml"
    config.write_text(f"route: {{receiver: breakglass}}\nreceivers:\n{receiver[0]}", encoding="utf-8")
    judged = subprocess.run(["amtool", "check-config", str(config)], capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert "1 receivers" in judged.stdout


@pytest.fixture
def site(lab: Lab, command: Path, tmp_path: Path) -> Iterator[tuple[Path, list[str]]]:
    """A stranger's installation with the lab's Vault and hosts, and the lines that init said come next."""
    site = tmp_path / "site"
    with Channel() as channel:
        inventory = lab.place.controller / "first-contact.yml"
        line = f"breakglass init {site} --inventory {inventory} --channel-file - --state {tmp_path / 'state'}"
        made = run(
            command, line, where=tmp_path, given=channel.url, XDG_RUNTIME_DIR=str(lab.place.runs), **lab.environment
        )
        assert made.returncode == 0, made.stderr
        _, _, after = made.stdout.partition("Next:\n")
        yield site, after.replace("\\\n", "").splitlines()


def test_the_commands_that_init_says(lab: Lab, command: Path, site: tuple[Path, list[str]]) -> None:
    """Copied one by one they prepare Vault and a host, and then doctor lets a grant into that host."""
    place, lines = site
    environment = {**lab.environment, "ANSIBLE_PRIVATE_KEY_FILE": str(lab.place.secret("bootstrap"))}
    environment["BREAKGLASS_RUNS"] = str(lab.place.runs)
    for line in lines[1:-1]:
        for words in (line, line.replace("--check --diff", "")) if "--check" in line else (line,):
            done = run(command, words, where=place, **environment)
            assert done.returncode == 0, done.stdout + done.stderr
    assert lines[0].split() == ["cd", str(place)]
    assert lines[-1].split()[:2] == ["breakglass", "doctor"]
    done = run(command, "breakglass doctor --log-in operator --limit app1", where=place)
    said = {about: f"{mark} {says}" for mark, about, says in LINE.findall(done.stdout)}
    assert wrong(said) == set(), done.stdout
    assert said["app1"] == "ok let breakglass in by a certificate, and sudo works"
