# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass demo`: it does the main job on real parts, tells what happened, and leaves a journal that can be checked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_SECONDS = 110
COMMAND = (sys.executable, "-m", "breakglass.cli.main")
NESTED_KEYS: dict[str, set[str]] = {
    "revocation": {"proven", "accessor"},
    "certificate": {"serial", "principals", "valid_before"},
}
KEYS = {
    "incident",
    "state",
    "plan_digest",
    "timeline",
    "alert_to_first_task_seconds",
    "journal",
    "journal_verified",
    *NESTED_KEYS,
}


@dataclass(frozen=True)
class Demo:
    """One demo that has ended.

    Attributes:
        directory: What it left for the reader.
        code: Its exit code.
        output: What it printed.
        errors: What it printed on standard error.
    """

    directory: Path
    code: int
    output: str
    errors: str

    @property
    def told(self) -> dict[str, object]:
        """Its one JSON object."""
        content = json.loads(self.output)
        assert isinstance(content, dict)
        return content

    def lines(self, word: str) -> list[str]:
        """Its lines about one word of the story."""
        return [line for line in self.output.splitlines() if line.partition(" s  ")[2].startswith(word)]


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Demo]]:
    """Run both demos at the same time, each with everything of its own, and wait for their ends."""
    directories = {name: tmp_path_factory.mktemp(name) / "demo" for name in ("--json", "--fails")}
    processes = {name: start("demo", name, "--directory", str(path)) for name, path in directories.items()}
    try:
        ended = {name: process.communicate(timeout=LIMIT_SECONDS) for name, process in processes.items()}
        yield {name: Demo(directories[name], processes[name].returncode, *ended[name]) for name in processes}
    finally:
        for process in processes.values():
            process.kill()


@pytest.fixture(scope="module")
def repaired(demos: dict[str, Demo]) -> Demo:
    """The demo whose repair helps, as JSON."""
    return demos["--json"]


@pytest.fixture(scope="module")
def failed(demos: dict[str, Demo]) -> Demo:
    """The demo whose repair does not help, as a story."""
    return demos["--fails"]


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start the command without any Vault of ours in its environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("VAULT_", "BAO_"))}
    pipe = subprocess.PIPE
    return subprocess.Popen([*COMMAND, *arguments], stdout=pipe, stderr=pipe, text=True, env=environment)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    process = start(*arguments)
    output, errors = process.communicate(timeout=LIMIT_SECONDS)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def test_json_demo_prints_what_was_promised(repaired: Demo) -> None:
    """`demo --json` exits 0 and prints one JSON object with exactly the promised keys."""
    assert repaired.code == 0, repaired.errors
    assert repaired.told.keys() == KEYS
    for key, names in NESTED_KEYS.items():
        content = repaired.told[key]
        assert isinstance(content, dict)
        assert content.keys() == names


def test_json_demo_tells_a_repair(repaired: Demo) -> None:
    """The object tells a repair that was proven: closed, revoked, one host in the certificate, journal verified."""
    told = repaired.told
    revocation, certificate = told["revocation"], told["certificate"]
    assert isinstance(revocation, dict)
    assert isinstance(certificate, dict)
    seconds = told["alert_to_first_task_seconds"]
    assert isinstance(seconds, float)

    assert told["state"] == "closed"
    assert str(told["incident"]).startswith("INC-")
    assert len(str(told["plan_digest"])) == 64
    assert revocation["proven"] is True
    assert revocation["accessor"]
    assert certificate["serial"].isdecimal()
    assert certificate["principals"] == ["web1"]
    assert told["journal_verified"] is True
    assert 0 < seconds < 60


def test_json_demo_tells_the_story_in_order(repaired: Demo) -> None:
    """The timeline goes forward, from the alert to the closing, and the certificate outlives the repair by minutes only."""
    timeline = repaired.told["timeline"]
    certificate = repaired.told["certificate"]
    assert isinstance(timeline, list)
    assert isinstance(certificate, dict)
    moments = [datetime.fromisoformat(line["at"]) for line in timeline]
    words = [line["what"].partition(":")[0] for line in timeline]

    assert all(line.keys() == {"at", "what"} for line in timeline)
    assert moments == sorted(moments)
    assert words[:2] == ["incident", "alert"]
    assert words[-1] == "closed"
    assert words.index("grant") < words.index("credential") < words.index("remediate") < words.index("revoked")
    assert datetime.fromisoformat(certificate["valid_before"]) - moments[-1] < timedelta(minutes=10)


def test_journal_is_where_the_demo_says(repaired: Demo) -> None:
    """`journal` names the directory with the streams and their checkpoints."""
    journal = Path(str(repaired.told["journal"]))

    assert journal == repaired.directory / "journal"
    assert list(journal.glob(f"*/*/*/{repaired.told['incident']}/play-1.jsonl"))
    assert list(journal.rglob("*.checkpoint"))


@pytest.mark.parametrize("name", ["--json", "--fails"])
def test_copy_of_the_journal_verifies_offline(demos: dict[str, Demo], name: str, tmp_path: Path) -> None:
    """With OpenBao gone, a copy of the journal verifies with the key file that the demo left."""
    copy = shutil.copytree(demos[name].directory / "journal", tmp_path / "copy")
    verified = run("audit", "verify", "--offline", "--key", str(demos[name].directory / "journal.keys"), str(copy))

    assert verified.returncode == 0, verified.stdout
    assert verified.stdout.startswith("OK  ")


def test_journal_verifies_without_flags_and_says_how(repaired: Demo) -> None:
    """Without flags and without Vault the key file beside the journal is used, and both is said."""
    verified = run("audit", "verify", str(repaired.directory / "journal"))

    assert verified.returncode == 0, verified.stdout
    assert "Vault could not be asked, so anchors are not checked" in verified.stdout
    assert f"The public keys are those of {repaired.directory / 'journal.keys'}" in verified.stdout


def test_failing_demo_tries_twice_and_undoes(failed: Demo) -> None:
    """`demo --fails` exits 0 and shows two attempts, each checked, undone, and its grant proven gone."""
    assert failed.code == 0, failed.errors + failed.output
    assert len(failed.lines("again")) == 1
    assert "1 attempt left" in failed.lines("again")[0]
    assert len([line for line in failed.lines("remediate") if "Restart shop" in line]) == 2
    assert len([line for line in failed.lines("remediate") if "Undo, stop shop" in line and "changed" in line]) == 2
    assert len([line for line in failed.lines("revoked") if "grant gone, proven" in line]) == 2


def test_failing_demo_shows_who_was_told_what(failed: Demo) -> None:
    """`demo --fails` shows the message that its channel received: what, what was tried, that nothing is left open."""
    _, _, message = failed.output.partition("The channel on-call received:")

    assert len(failed.lines("escalated")) == 1
    assert "ServiceDown on web1 STILL DOWN after 2 repairs. You are needed." in message
    assert message.count("TRIED     attempt ") == 2
    assert "STATE     no grant is open: all were revoked, proven" in message
    assert "\n  OK  " in message


@pytest.mark.parametrize("name", ["--json", "--fails"])
def test_demo_leaves_no_process_and_no_secret(demos: dict[str, Demo], name: str) -> None:
    """When a demo has ended none of its processes runs on, and what it left holds no token and no private key."""
    directory = demos[name].directory
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended at this moment
            assert str(directory).encode() not in path.read_bytes()
    for path in directory.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert b"PRIVATE KEY" not in content, path
        assert b"Bearer" not in content, path


def test_demo_leaves_other_directories_alone(tmp_path: Path) -> None:
    """A directory that holds something else is not overwritten; one sentence says what to do."""
    (tmp_path / "thesis.txt").write_text("mine")
    refused = run("demo", "--directory", str(tmp_path))

    assert refused.returncode == 1
    assert f"{tmp_path} is not empty and not an earlier demo's." in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
