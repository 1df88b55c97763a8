# SPDX-License-Identifier: GPL-3.0-or-later
"""Sinks, modes and the flush of a run without a runner, and the sinks of a runner, with real runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.integration.collection.operator_run import GRANT, UNRECORDABLE, await_truth, play
from tests.support.site import Site

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.collection.operator_run import OperatorRun

WORK = """
    - name: Work
      ansible.builtin.command: touch {done}
"""
REPLACE = """
    - name: Put a copy in the place of the stream
      ansible.builtin.shell: for file in {journal}/*/*/*/*/play-1.jsonl; do cp $file $file.x && mv $file.x $file; done
"""
AWAY = {"kind": "http", "url": "http://127.0.0.1:1/", "format": "json_lines", "timeout": "1s"}


def sinks(run: OperatorRun, *, away: bool = False) -> str:
    """The run's file of sinks: a file, and perhaps a receiver that nobody answers for."""
    known: dict[str, object] = {"local": {"kind": "file", "path": str(run.directory / "shipped.jsonl")}}
    path = run.write("sinks.yml", yaml.safe_dump({**known, **({"siem": AWAY} if away else {})}))
    path.chmod(0o600)
    return str(path)


def ids(lines: bytes) -> list[str]:
    """Ids of the records in these lines; a checkpoint's note has one too."""
    return [str(json.loads(line)["id"]) for line in lines.splitlines()]


def shipped(run: OperatorRun) -> set[str]:
    """Ids of what the file has."""
    path = run.directory / "shipped.jsonl"
    return set(ids(path.read_bytes().rpartition(b"\n")[0])) if path.exists() else set()


def journalled(journal: Path) -> set[str]:
    """Ids of everything in the journal."""
    return {one for path in journal.rglob("*.jsonl") for one in ids(path.read_bytes().rpartition(b"\n")[0])}


def test_everything_of_a_run_is_shipped(run: OperatorRun) -> None:
    """Its own records, its credentials' and the ledger's, also those that the guard wrote after the play."""
    run.playbook(play(GRANT + WORK.format(done=run.directory / "done")), BREAKGLASS_SINKS=sinks(run))
    assert run.code == 0, run.text
    await_truth(lambda: journalled(run.journal) <= shipped(run), 40)


def test_a_run_that_must_wait_for_its_sinks_waits_and_fails(run: OperatorRun) -> None:
    """`before_exit:SECONDS:or_fail` with a sink that is away: the work is done, the grant closed, and the run failed."""
    flush = {"BREAKGLASS_SINKS": sinks(run, away=True), "BREAKGLASS_AUDIT_FLUSH": "before_exit:2:or_fail"}
    run.playbook(play(GRANT + WORK.format(done=run.directory / "done")), **flush)
    assert run.code == UNRECORDABLE
    assert "Not acknowledged by every sink within 2 s" in run.text
    assert "Grant revoked, proven." in run.text
    assert (run.directory / "done").exists()


@pytest.mark.parametrize("away", [True, False], ids=["the-remote-one-is-away", "there-is-no-remote-one"])
def test_remote_strict_starts_nothing_before_somebody_else_has_the_record(run: OperatorRun, *, away: bool) -> None:
    """A sink on this machine is not enough."""
    settings = {"BREAKGLASS_AUDIT_MODE": "remote_strict", "BREAKGLASS_SINKS": sinks(run, away=away)}
    run.playbook(play(WORK.format(done=run.directory / "done")), **settings)
    assert run.code == UNRECORDABLE, run.text
    assert not (run.directory / "done").exists()


def test_remote_strict_without_sinks_starts_nothing(run: OperatorRun) -> None:
    """It can't be had without a sink, which is said."""
    run.playbook(play(WORK.format(done=run.directory / "done")), BREAKGLASS_AUDIT_MODE="remote_strict")
    assert run.code == UNRECORDABLE, run.text
    assert not (run.directory / "done").exists()


def test_best_effort_goes_on_unrecorded_and_says_so(run: OperatorRun) -> None:
    """Only in this mode, which somebody has to choose."""
    tasks = REPLACE.format(journal=run.journal) + WORK.format(done=run.directory / "done")
    run.playbook(play(tasks), BREAKGLASS_AUDIT_MODE="best_effort")
    assert (run.directory / "done").exists(), run.text
    assert "The run goes on unrecorded, because its mode is best_effort." in run.text


def test_a_mistake_in_the_sinks_ends_the_run_before_its_first_task(run: OperatorRun) -> None:
    """One sentence, and nothing is done."""
    path = run.write("sinks.yml", "siem: {kind: carrier-pigeon}\n")
    path.chmod(0o600)
    run.playbook(play(WORK.format(done=run.directory / "done")), BREAKGLASS_SINKS=str(path))
    assert run.code == UNRECORDABLE
    assert "The option kind of the sink siem can't be used" in run.text
    assert not (run.directory / "done").exists()


def test_a_runner_ships_its_journal() -> None:
    """Every record of an incident, its play and its credentials, while the runner runs."""
    with Site() as site:
        settings = yaml.safe_load(site.place.settings.read_text(encoding="utf-8"))
        target = site.scratch / "shipped.jsonl"
        settings["journal"]["sinks"] = {"archive": {"kind": "file", "path": str(target)}}
        site.place.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")
        with site.runner() as runner:
            site.service.kill()
            incident = site.post(runner.url, site.alert())
            site.wait_for(incident, "grant.revoked")
            site.post(runner.url, site.alert("resolved"))
            site.wait_for(incident, "incident.closed")
            (directory,) = site.place.journal.glob(f"*/*/*/{incident}")
            await_truth(
                lambda: target.exists() and journalled(directory) <= set(ids(target.read_bytes().rpartition(b"\n")[0])),
                40,
            )
