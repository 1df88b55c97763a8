# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass audit show|tail|export|report` on the journals of a real runner and of a real operator's run."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from tests.support import ocsf_schema
from tests.support.incidents import NOW
from tests.support.journal_on_disk import append, write_example, write_stream
from tests.support.journal_records import INCIDENT, RUN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.cli.conftest import Call, Command
    from tests.support.site import Site

LIMIT_SECONDS = 60


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One repaired incident, and one operator's run that died."""
    return write_example(tmp_path_factory.mktemp("example") / "journal")


@pytest.fixture(scope="module")
def operator(site: Site) -> Path:
    """The journal of an operator who remediated without a runner."""
    played = site.playbook()
    assert played.returncode == 0, played.stdout + played.stderr
    return site.scratch / "operator-journal"


def test_show_of_a_runner(breakglass: Command, site: Site) -> None:
    """The runner's incidents are shown from its settings, as a timeline."""
    shown = breakglass("audit", "show", "--settings", site.place.settings)

    assert shown.returncode == 0, shown.stderr
    assert "web-service-failed on web1" in shown.stdout
    assert "observed    would have run breakglass.remediation.restart_service" in shown.stdout
    assert shown.stdout.replace("\n", "").isprintable()


def test_show_of_an_operator(breakglass: Command, operator: Path) -> None:
    """An operator's run is found in this user's own journal, and tells who, why, what was obtained, done and revoked."""
    shown = breakglass("audit", "show", environment={"BREAKGLASS_JOURNAL": str(operator)})

    assert shown.returncode == 0, shown.stderr
    headline, *lines = shown.stdout.splitlines()
    assert headline.startswith("  RUN-")
    assert " remediate.yml by " in headline
    assert {line[14:26].strip() for line in lines} == {"grant", "reason", "credential", "remediate", "ended", "revoked"}
    assert "the shop is down" in shown.stdout
    assert "grant gone, proven: " in shown.stdout


def test_report_on_an_operator(breakglass: Command, site: Site, operator: Path) -> None:
    """A report on an operator's run is made with the verifier's word, and ends like `audit verify`."""
    (run,) = {path.parent.name for path in operator.glob("*/*/*/RUN-*/play-1.jsonl")}
    report = breakglass("audit", "report", run, "--journal", operator, environment=site.environment)

    assert report.returncode == 0, report.stdout
    assert report.stdout.startswith(f"# Report on `{run}`\n")
    assert "OK: `ok`" in report.stdout
    assert "OK: The journal is intact." in report.stdout
    assert "- reason: `the shop is down`" in report.stdout
    assert "gone, proven at " in report.stdout
    assert "`SSH certificate " in report.stdout


def test_exports_of_real_journals_are_valid(breakglass: Command, site: Site, operator: Path) -> None:
    """Every record of a real runner and a real run is an event that OCSF's own schema finds nothing wrong with."""
    for journal in (site.place.journal, operator):
        exported = breakglass("audit", "export", "--format", "ocsf", "--journal", journal)
        assert exported.returncode == 0, exported.stderr
        events = [json.loads(line) for line in exported.stdout.splitlines()]
        assert [fault for event in events for fault in ocsf_schema.faults_of(event)] == []
        assert 0 not in {event["class_uid"] for event in events}


def test_show_filters(call: Call, journal: Path) -> None:
    """Host, kind, time and text narrow down what is shown; JSON has the records themselves."""
    shown = call("audit", "show", "--journal", journal, "--kind", "grant", "--grep", "not proven")
    assert shown.stdout.count("\n") == 2
    shown = call("audit", "show", RUN, "--journal", journal, "--host", "web2", "--json")
    assert [json.loads(line)["kind"] for line in shown.stdout.splitlines()] == ["task.intent"]
    shown = call("audit", "show", "--journal", journal, "--since", "2026-11-22T04:00", "--until", "2026-11-22T04:12:13")
    assert "OUTCOME UNKNOWN" in shown.stdout
    assert INCIDENT not in shown.stdout
    shown = call("audit", "show", "--journal", journal, "--grep", "there is no such text")
    assert shown.stdout == "Nothing of what the journal has is wanted here.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show", "INC-NONE"), "has no incident, run or stream INC-NONE"),
        (("show", "--since", "yesterday"), "'yesterday' is not a moment"),
        (("report", "RUN-NONE", "--offline"), "has no incident, run or stream RUN-NONE"),
        (("export", "--output", "/nowhere/at/all"), "/nowhere/at/all can't be written"),
    ],
)
def test_what_can_not_be_done(call: Call, journal: Path, arguments: tuple[str, ...], sentence: str) -> None:
    """What can't be done exits 1 with one sentence."""
    refused = call("audit", *arguments, "--journal", journal)
    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert refused.stdout == ""


def test_without_a_journal(call: Call, tmp_path: Path) -> None:
    """Each command says that there is no journal where it looked."""
    for command in (("show",), ("tail",), ("export",), ("report", "--since", "1d")):
        refused = call("audit", *command, "--journal", tmp_path)
        assert refused.returncode == 1
        assert f"There is no journal in {tmp_path}." in refused.stderr


@pytest.mark.parametrize(
    "arguments", [("report",), ("report", INCIDENT, "--since", "1d"), ("export", "--format", "xml")]
)
def test_wrong_use(call: Call, journal: Path, arguments: tuple[str, ...]) -> None:
    """A report on nothing or on two things, and a format that there is not, are wrong use: 3."""
    assert call("audit", *arguments, "--journal", journal).returncode == 3


def test_broken_line(call: Call, journal: Path, tmp_path: Path) -> None:
    """A line that is no record is said, hides no other one, and makes the exit code 1."""
    copy = shutil.copytree(journal, tmp_path / "journal")
    (stream,) = copy.glob(f"*/*/*/{INCIDENT}/runner.jsonl")
    stream.write_bytes(stream.read_bytes().replace(b'"kind":"plan.made"', b'"kind":"plan made"'))
    for command in (("show",), ("export", "--format", "csv")):
        told = call("audit", *command, "--journal", copy)
        assert told.returncode == 1
        assert "runner.jsonl, line 5 is not a record. Verify the journal." in told.stderr
        assert "incident.closed" in told.stdout or "closed      repaired" in told.stdout


def test_export_to_a_file(call: Call, journal: Path, tmp_path: Path) -> None:
    """An export goes to a file that appears when it is whole."""
    exported = call("audit", "export", "--format", "csv", "--journal", journal, "--output", tmp_path / "journal.csv")
    assert (exported.returncode, exported.stdout) == (0, "")
    rows = list(csv.reader(io.StringIO((tmp_path / "journal.csv").read_text())))
    assert len(rows) == 1 + sum(path.read_bytes().count(b"\n") for path in journal.rglob("*.jsonl"))


def test_own_lines_on_a_terminal(journal: Path, tmp_path: Path) -> None:
    """On a terminal even the journal's own lines are shown without anything that could move its cursor."""
    copy = shutil.copytree(journal, tmp_path / "journal")
    write_stream(copy, "2026/11/22/INC-ODD/runner", [("limits.refused", {"why": "\u202egone \x9b2J \u200b"})])
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "breakglass.cli.main", "audit", "export", "INC-ODD", "--journal", str(copy)]
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=theirs, check=True, timeout=LIMIT_SECONDS)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    os.close(theirs)
    assert "gone" in shown
    assert shown.replace("\r\n", "").isprintable()


def test_report_on_a_period(call: Call, journal: Path) -> None:
    """An auditor gets every incident and run of a period, counted, with the exceptions and their reasons."""
    report = call(
        "audit", "report", "--since", "2026-11-22", "--until", "2026-11-23", "--journal", journal, "--offline"
    )
    assert report.returncode == 1  # nobody signed this journal
    assert "1 incident and 1 run without a runner began in this period." in report.stdout
    assert f"| `not proven gone` | `{RUN}` | `Vault is sealed` |" in report.stdout
    assert f"| `outcome unknown` | `{RUN}` |" in report.stdout
    assert "The journal was not checked." in report.stdout
    empty = call("audit", "report", "--since", "2026-11-23", "--until", "2026-11-24", "--journal", journal, "--offline")
    assert "0 incidents and 0 runs" in empty.stdout


def test_report_as_a_page(call: Call, journal: Path, tmp_path: Path) -> None:
    """A report can be one HTML file."""
    page = tmp_path / "report.html"
    call("audit", "report", INCIDENT, "--format", "html", "--output", page, "--journal", journal, "--offline")
    text = page.read_text()
    assert text.startswith("<!DOCTYPE html>")
    assert "<h1>Report on INC-7K3M</h1>" in text
    assert "default-src 'none'" in text


def test_report_on_a_changed_journal(call: Call, journal: Path, tmp_path: Path) -> None:
    """A report that was made from a changed journal says so, and exits 2."""
    copy = shutil.copytree(journal, tmp_path / "journal")
    (stream,) = copy.glob(f"*/*/*/{INCIDENT}/runner.jsonl")
    stream.write_bytes(stream.read_bytes().replace(b'"result":"repaired"', b'"result":"observed"'))
    lines = stream.read_bytes().splitlines(keepends=True)
    stream.write_bytes(b"".join([lines[0].replace(b"team-shop", b"team-evil"), *lines[1:]]))
    report = call("audit", "report", INCIDENT, "--journal", copy, "--offline")
    assert report.returncode == 2
    assert "**!** THE JOURNAL HAS BEEN CHANGED." in report.stdout


@pytest.mark.parametrize("command", ["show", "export"])
def test_reader_that_leaves(journal: Path, command: str) -> None:
    """A reader of the output may go away at any time: that is no error."""
    ours, theirs = os.pipe()
    os.close(ours)
    arguments = [sys.executable, "-m", "breakglass.cli.main", "audit", command, "--journal", str(journal)]
    ended = subprocess.run(
        arguments, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False, timeout=LIMIT_SECONDS
    )
    os.close(theirs)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.fixture
def tail(journal: Path, tmp_path: Path) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """A copy of the journal, and `audit tail` that follows it already."""
    copy = shutil.copytree(journal, tmp_path / "journal")
    program = [sys.executable, "-m", "breakglass.cli.main", "audit", "tail", "--journal", str(copy)]
    process = subprocess.Popen(
        ["env", "--default-signal=INT", *program],  # whoever runs the tests in the background ignores Ctrl-C
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    deadline = threading.Timer(LIMIT_SECONDS, process.kill)
    deadline.start()
    assert process.stderr is not None
    assert process.stdout is not None
    assert "Ctrl-C ends it." in process.stderr.readline()
    yield copy, process
    process.kill()
    process.wait()
    deadline.cancel()
    process.stdout.close()
    process.stderr.close()


def test_tail(tail: tuple[Path, subprocess.Popen[str]]) -> None:
    """What happens in old and new streams is told as it happens; Ctrl-C ends it with 0 and without a word."""
    journal, process = tail
    assert process.stdout is not None
    assert process.stderr is not None
    append(journal, f"2026/11/22/{INCIDENT}/runner", "limits.refused", {"why": "the hold is set"}, NOW)
    assert process.stdout.readline() == f"03:12:09  {INCIDENT}       refused     the hold is set\n"
    write_stream(journal, "2026/11/22/RUN-NEW1/play-1", [("run.stopped", {"why": "the disk is full"})])
    assert process.stdout.readline() == "03:12:09  RUN-NEW1       stopped     the disk is full\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(LIMIT_SECONDS) == 0
    assert process.stdout.read() == process.stderr.read() == ""
