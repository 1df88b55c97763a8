# SPDX-License-Identifier: GPL-3.0-or-later
"""A key in a file signs the journal of runs without a runner: with a grant and without one, while they go on and after."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.file_signer import (
    FileSigner,
    public_half,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.local_key import UnusableKeyFile
from tests.integration.collection.operator_run import GRANT, UNRECORDABLE, await_truth, play
from tests.support.both_verifiers import ask_both
from typer.testing import CliRunner

from breakglass.cli.main import app
from breakglass.verification import Verified, verify_journal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.collection.operator_run import OperatorRun

WAIT = """
    - name: Wait
      ansible.builtin.shell: touch {started}; while [ ! -e {go_on} ]; do sleep 0.05; done
"""
WORK = """
    - name: Work
      ansible.builtin.debug: {msg: done}
"""


@pytest.fixture
def key(run: OperatorRun) -> Path:
    """A key as the command makes it."""
    path = run.directory / "journal.key"
    made = CliRunner().invoke(app, ["audit", "key", str(path)])
    assert made.exit_code == 0, made.output
    assert f"--key {public_half(path)}" in made.output
    return path


def verified(run: OperatorRun, key: Path) -> Verified:
    """What the verification says, which asks no Vault."""
    return verify_journal(run.journal, public_half(key), {}, offline=True)


def assert_sealed(run: OperatorRun, key: Path) -> None:
    """Intact to the end, say both verifiers, and the last record of the run is signed."""
    assert ask_both(run.journal, FileSigner.load(key).keys(), None).code == 0
    assert verified(run, key).exit_code == 0, verified(run, key).text()
    size = len(run.records())
    assert run.stream().with_name(f"play-1.{size}.checkpoint").exists()


def test_a_run_without_a_grant_is_sealed(run: OperatorRun, key: Path) -> None:
    """It has no login, and needs none; nothing of it is left."""
    run.playbook(play(WORK), BREAKGLASS_SIGNING_KEY=str(key))
    assert run.code == 0, run.text
    assert_sealed(run, key)
    run.assert_nothing_left()


def test_two_playbooks_of_one_command_are_sealed_both(run: OperatorRun, key: Path) -> None:
    """Each is a run of its own."""
    books = [str(run.write(f"play{number}.yml", play(WORK))) for number in (1, 2)]
    run.remediate(*books, BREAKGLASS_SIGNING_KEY=str(key))
    assert run.code == 0, run.text
    assert verified(run, key).exit_code == 0, verified(run, key).text()
    assert len(list(run.journal.glob("*/*/*/*/play-1.*.checkpoint"))) == 2
    run.assert_nothing_left()


def test_it_is_signed_while_it_goes_on_and_sealed_when_it_is_killed(run: OperatorRun, key: Path) -> None:
    """What was written before the kill can't be changed any more, and neither can what was written until it."""
    started, go_on = run.directory / "started", run.directory / "go_on"
    book = run.write("play.yml", play(WAIT.format(started=started, go_on=go_on)))
    main = run.start(str(book), BREAKGLASS_SIGNING_KEY=str(key))
    await_truth(lambda: list(run.journal.rglob("play-1.*.checkpoint")))
    await_truth(started.exists)
    os.kill(main.pid, signal.SIGKILL)
    main.wait(20)
    go_on.touch()
    await_truth(lambda: verified(run, key).exit_code == 0)
    assert_sealed(run, key)


def test_a_grant_s_run_is_signed_with_the_key_too(run: OperatorRun, key: Path) -> None:
    """By the guard: all of the journal by one key, so that one file of public keys verifies it."""
    run.playbook(play(GRANT + WORK), BREAKGLASS_SIGNING_KEY=str(key))
    assert run.code == 0, run.text
    assert_sealed(run, key)
    run.assert_nothing_left()


def test_a_key_that_others_can_read_signs_nothing_and_nothing_is_done(run: OperatorRun, key: Path) -> None:
    """The run does not begin."""
    key.chmod(0o644)
    run.playbook(play(WORK), BREAKGLASS_SIGNING_KEY=str(key))
    assert run.code == UNRECORDABLE, run.text
    assert f"Others may read the signing key {key}" in run.text
    assert run.leftovers() == []


def test_a_new_key_verifies_with_the_old_one(run: OperatorRun, key: Path) -> None:
    """The file of public keys knows both."""
    run.playbook(play(WORK), BREAKGLASS_SIGNING_KEY=str(key))
    key.rename(key.with_name("old.key"))
    FileSigner.create(key, "breakglass-journal/v2")
    run.playbook(play(WORK), BREAKGLASS_SIGNING_KEY=str(key))
    assert run.code == 0, run.text
    assert verified(run, key).exit_code == 0, verified(run, key).text()
    with pytest.raises(UnusableKeyFile, match="has a key breakglass-journal/v2 already"):
        FileSigner.create(key, "breakglass-journal/v2")


def test_public_keys_of_another_key_are_refused(run: OperatorRun, key: Path) -> None:
    """Nobody could verify what it signs."""
    FileSigner.create(run.directory / "other.key", "other/v1")
    public_half(run.directory / "other.key").replace(public_half(key))
    run.playbook(play(WORK), BREAKGLASS_SIGNING_KEY=str(key))
    assert run.code == UNRECORDABLE, run.text
    assert "does not have the public half" in run.text
