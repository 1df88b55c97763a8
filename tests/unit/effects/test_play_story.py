# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.incidents import make_course, make_incident, make_plan

from breakglass.domain.incident import Attempt, PlayOutcome
from breakglass.domain.messages import Interrupted, NotStarted, PlayEnded
from breakglass.domain.plan import Rollout
from breakglass.effects.handover import Handover
from breakglass.effects.play import RunPlay, _variables
from breakglass.effects.play_story import PlayStory, read_story
from breakglass.effects.runs import Runs
from breakglass.journal import Journal
from breakglass.store.database import Database
from breakglass.store.journal_queue import JournalQueue, incident_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

STARTED = (
    "task.started",
    {"task": "t1", "name": "restart_service : Check the health", "action": "ansible.builtin.uri"},
)
FAILED = ("task.result", {"task": "t1", "status": "failed", "host": "web1", "msg": "no answer"})
CERTIFICATE = ("task.result", {"status": "ok", "serial": "123", "valid_before": "2026-11-22T03:22:00Z", "host": "web1"})
BOTH_FINE = ("run.ended", {"hosts": {"web1": {"ok": 5}, "web2": {"ok": 5}}})
ONE_FINE = ("run.ended", {"hosts": {"web1": {"ok": 5}, "web2": {"ok": 0, "unreachable": 1}}})
Recorded = tuple[str, dict[str, object]]
INCIDENT = replace(make_incident(make_course(plan=make_plan("web1", "web2"))), attempts=(Attempt(1),))


def write(path: Path, *records: Recorded, end: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(json.dumps({"kind": k, "body": b}).encode() + b"\n" for k, b in records) + end)
    return path


def test_the_story_of_a_play(tmp_path: Path) -> None:
    """A stream tells what failed and why, and what Ansible counted on each host; what was obtained another one tells."""
    story = read_story(write(tmp_path / "play-1.jsonl", CERTIFICATE, STARTED, FAILED, ONE_FINE))
    assert story.failure == "web1: restart_service : Check the health failed: no answer"
    assert story.hosts == ONE_FINE[1]["hosts"]


@pytest.mark.parametrize("action", ["fail", "ansible.builtin.assert"])
def test_a_role_speaks_for_itself(tmp_path: Path, action: str) -> None:
    """The message of a `fail` or an `assert` is the role's own sentence, and stands alone."""
    started = ("task.started", STARTED[1] | {"action": action})
    assert read_story(write(tmp_path / "p", started, FAILED)).failure == "web1: no answer"


def test_a_long_message_is_told_by_its_beginning(tmp_path: Path) -> None:
    """A text that the journal holds shortened is told by its beginning."""
    failed = ("task.result", FAILED[1] | {"msg": {"text": "no ans", "size": 9000, "sha256": "0"}})
    assert read_story(write(tmp_path / "p", STARTED, failed)).failure.endswith("failed: no ans")


def test_a_refused_login_speaks_for_itself(tmp_path: Path) -> None:
    """The advice names the host, what it refused and where to look; Ansible's own words would keep it from a pager."""
    refused = {
        "task": "t1",
        "status": "unreachable",
        "host": "web1",
        "msg": "long",
        "advice": "web1 refused the login.",
    }
    assert read_story(write(tmp_path / "p", STARTED, ("task.result", refused))).failure == "web1 refused the login."


def test_where_the_evidence_is_kept(tmp_path: Path) -> None:
    """The host, the file and the beginning of its digest; of many hosts the first."""
    kept = ("task.result", {"status": "ok", "host": "web1", "path": "/var/lib/e.json", "sha256": "51c0ab3e77"})
    none = ("task.result", {"status": "ok", "host": "web1", "path": "", "sha256": ""})
    story = read_story(write(tmp_path / "p", none, *[kept] * 30))
    assert story.evidence == ["web1: /var/lib/e.json, SHA-256 51c0ab3e…"] * 20


def test_unreachable_without_a_reason(tmp_path: Path) -> None:
    """A host that could not be reached is a failure too, also of a task that nobody announced."""
    lost = ("task.result", {"task": "t9", "status": "unreachable", "host": "web2"})
    assert read_story(write(tmp_path / "p", lost)).failure == "web2: a task unreachable: no reason given"


@pytest.mark.parametrize("end", [b'{"kind": "run.en', b"\xff\xfe", b'{"kind": "x", "body": "\xc3', b"nonsense\n"])
def test_a_stream_that_ends_in_the_middle(tmp_path: Path, end: bytes) -> None:
    """A stream is told as far as it goes."""
    story = read_story(write(tmp_path / "p", STARTED, FAILED, end=end))
    assert (story.failure.startswith("web1: "), story.hosts) == (True, {})


@pytest.mark.parametrize(
    "line", [b"[]\n", b'"text"\n', b"{}\n", b'{"kind": "run.ended"}\n', b'{"kind": "x", "body": 1}\n']
)
def test_lines_that_are_no_records(tmp_path: Path, line: bytes) -> None:
    """A line that is JSON but no record ends the story instead of the runner."""
    assert read_story(write(tmp_path / "p", end=line)) == PlayStory()


TOUCHED = ("task.intent", {"task": "t1", "host": "web1"})


@pytest.mark.parametrize(
    ("rollout", "result", "said"),
    [
        ("canary", {"outcome": "ended", "code": 2}, "no answer; web2 was not touched, since web1 went first"),
        ("one-by-one", {"outcome": "ended", "code": 2}, "no answer; web2 was not touched, since web1 came before"),
        ("together", {"outcome": "ended", "code": 2}, "no answer"),
    ],
)
def test_hosts_that_were_spared(
    journal: Journal, tmp_path: Path, rollout: str, result: Mapping[str, object], said: str
) -> None:
    """They had their turn after one that failed."""
    plan = replace(make_plan("web1", "web2"), rollout=Rollout(rollout))
    incident = replace(INCIDENT, course=make_course(plan=plan))
    directory = incident_directory(incident.id, incident.opened_at)
    write(tmp_path / "journal" / directory / "play-1.jsonl", STARTED, TOUCHED, FAILED)
    ended = play(journal, tmp_path, result).recover(incident)
    assert isinstance(ended, PlayEnded)
    assert ended.sentence.endswith(said)


@pytest.mark.parametrize(
    ("hosts", "rollout", "serial"),
    [
        (3, "canary", [1, 2]),
        (1, "canary", None),
        (3, "one-by-one", [1]),
        (3, "together", None),
    ],
)
def test_the_turns_that_a_play_is_given(hosts: int, rollout: str, serial: list[int] | None) -> None:
    """As the batches of its playbook."""
    plan = replace(make_plan(*[f"web{number}" for number in range(hosts)]), rollout=Rollout(rollout))
    assert _variables(replace(INCIDENT, course=make_course(plan=plan)), plan).get("remediate_serial") == serial


def test_no_stream(tmp_path: Path) -> None:
    """A play that left no stream has an empty story."""
    assert read_story(tmp_path / "absent.jsonl") == PlayStory()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    database = Database.open(f"sqlite:///{tmp_path}/breakglass.db")
    journal = Journal(tmp_path / "journal", JournalQueue(database), b"k" * 32)
    yield journal
    journal.close()
    database.close()


def play(journal: Journal, tmp_path: Path, result: Mapping[str, object] | None = None) -> RunPlay:
    left = {("INC-7K2F9X", "1"): result} if result else {}
    return RunPlay(
        Runs(tmp_path / "runs", {}), Handover(), journal, tmp_path / "inventory.yml", lambda _: "0" * 64, left
    )


@pytest.mark.parametrize(
    ("result", "records", "said"),
    [
        ({"outcome": "ended", "code": 0}, [BOTH_FINE], (PlayOutcome.OK, "own check passed")),
        ({"outcome": "ended", "code": 0}, [ONE_FINE], (PlayOutcome.FAILED, "did nothing on web2")),
        ({"outcome": "ended", "code": 0}, [], (PlayOutcome.FAILED, "did nothing on web1, web2")),
        ({"outcome": "ended", "code": 2}, [STARTED, FAILED, ONE_FINE], (PlayOutcome.FAILED, "no answer")),
        ({"outcome": "ended", "code": 4}, [], (PlayOutcome.FAILED, "ended with 4")),
        ({"outcome": "ended", "code": 97}, [BOTH_FINE], (PlayOutcome.FAILED, "could not be recorded")),
        ({"outcome": "ended", "code": 254}, [BOTH_FINE], (PlayOutcome.UNKNOWN, "nobody saw its end")),
        ({"outcome": "ended", "code": -9}, [BOTH_FINE], (PlayOutcome.UNKNOWN, "nobody saw its end")),
    ],
)
def test_a_result_that_a_dead_runner_left(
    journal: Journal,
    tmp_path: Path,
    result: Mapping[str, object],
    records: list[Recorded],
    said: tuple[PlayOutcome, str],
) -> None:
    """A play that ended while nobody listened is known by its result, and it is a success only on hosts that it reached."""
    directory = incident_directory(INCIDENT.id, INCIDENT.opened_at)
    write(tmp_path / "journal" / directory / "play-1.jsonl", *records)
    ended = play(journal, tmp_path, result).recover(INCIDENT)
    assert isinstance(ended, PlayEnded)
    assert ended.outcome is said[0]
    assert said[1] in ended.sentence


@pytest.mark.parametrize("result", [None, {"outcome": "runner-gone"}, {"outcome": "timed-out"}, {"other": 1}])
def test_a_play_that_nobody_saw_the_end_of(
    journal: Journal, tmp_path: Path, result: Mapping[str, object] | None
) -> None:
    """A play that left no result of its own, or was ended because its runner died, is called interrupted."""
    assert play(journal, tmp_path, result).recover(INCIDENT) == Interrupted()


def test_no_play_without_its_grant(journal: Journal, tmp_path: Path) -> None:
    """A play whose wrapped grant died with another runner is not started."""
    assert isinstance(play(journal, tmp_path).run(INCIDENT), NotStarted)
    assert not (tmp_path / "runs").exists()


def test_no_play_of_a_changed_role(journal: Journal, tmp_path: Path) -> None:
    """A remediation whose files are not those of the plan any more is not started."""
    changed = replace(play(journal, tmp_path), current_digest=lambda _: "1" * 64)
    changed.handover.put(INCIDENT.id, 1, "wrapped")
    outcome = changed.run(INCIDENT)
    assert isinstance(outcome, NotStarted)
    assert "have changed since the plan was made" in outcome.why
    assert not (tmp_path / "runs").exists()


def test_a_token_is_taken_once() -> None:
    """The wrapped grant of an attempt is handed over once, and to that attempt only."""
    handover = Handover()
    handover.put("INC-A", 1, "wrapped")
    assert handover.take("INC-A", 2) is None
    assert handover.take("INC-B", 1) is None
    assert handover.take("INC-A", 1) == "wrapped"
    assert handover.take("INC-A", 1) is None
