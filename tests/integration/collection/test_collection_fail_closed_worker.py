# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker that can't bring its task's intent to the disk does not start the task, and the run ends."""

from __future__ import annotations

from tests.support.corpus_play import OWN, CorpusRun
from tests.support.record_schema import assert_valid

UNRECORDABLE = 97
# A dying disk, as only the workers see it: what the callback itself brings to the disk goes well.
DYING = """
import errno, os
main, real = os.getpid(), os.fdatasync
def fdatasync(descriptor):
    if os.getpid() != main and os.path.exists({dying!r}):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    real(descriptor)
os.fdatasync = fdatasync
"""
PLAY = """
- name: A dying disk
  hosts: h1
  gather_facts: false
  strategy: {strategy}
  tasks:
    - name: Die
      ansible.builtin.command: touch {dying}
    - name: Go on
      ansible.builtin.command: touch {next}
"""


def test_an_intent_that_a_worker_can_t_bring_to_the_disk_starts_nothing() -> None:
    """The task is not run, Ansible ends with return code 97 and a sentence, and the journal stays as the schema says."""
    with CorpusRun(OWN) as run:
        names = {name: str(run.directory / name) for name in ("dying", "next")}
        (run.directory / "sitecustomize.py").write_text(DYING.format(**names), encoding="utf-8")
        play = run.directory / "play.yml"
        play.write_text(PLAY.format(strategy="linear", **names), encoding="utf-8")
        run.playbook(str(play), PYTHONPATH=str(run.directory))
        assert (run.directory / "dying").exists(), run.text
        assert not (run.directory / "next").exists(), run.text
        assert run.code == UNRECORDABLE, run.text
        assert "could not be recorded" in run.text
        assert [told.kind for told in run.told()][-1] == "task.intent"
        assert_valid(run.journal)
