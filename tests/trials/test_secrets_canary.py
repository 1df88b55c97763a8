# SPDX-License-Identifier: GPL-3.0-or-later
"""Invariant 2: the secrets of a run, gathered while it lasts, are found nowhere else, however talkative Ansible is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.support.crash_site import CrashSite
from tests.support.traces import wait_until
from tests.support.watcher import Watcher, canaries, files_below, leaks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def site() -> Iterator[CrashSite]:
    """One installation for all of these."""
    with CrashSite() as made:
        yield made


def talkative(directory: Path) -> dict[str, str]:
    """What makes Ansible say and keep more."""
    return {
        "ANSIBLE_VERBOSITY": "4",
        "ANSIBLE_KEEP_REMOTE_FILES": "1",
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(directory / "facts"),
    }


def placed_secrets(site: CrashSite) -> list[str]:
    """What people have placed: the files of the settings, and the operator's login."""
    return [site.vault.root_token, *(path.read_text() for path in site.place.secret("").iterdir())]


def test_no_secret_of_an_operators_run_is_left_or_shown(site: CrashSite) -> None:
    """Door 1 at -vvvv: token and key are in no file, output, command line or environment; the run directory is gone."""
    site.service.kill()
    directory = site.scratch / "operator"
    directory.mkdir()

    with Watcher(site.scratch, [site.scratch / "operator-runs"]) as watcher:
        done = site.playbook(ANSIBLE_LOG_PATH=str(directory / "ansible.log"), **talkative(directory))

    assert done.returncode == 0, done.stdout[-3000:]
    assert "ESTABLISH SSH CONNECTION" in (directory / "ansible.log").read_text()
    assert watcher.secrets["token"]
    assert watcher.secrets["credentials/ssh/id"]
    wait_until(lambda: not list((site.scratch / "operator-runs").iterdir()), 20, "the run's directory is still there")
    outputs = {"stdout": done.stdout.encode(), "stderr": done.stderr.encode()}
    files = files_below(site.scratch, without=site.place.secret(""))
    assert leaks(canaries(watcher, placed_secrets(site)), {**watcher.seen, **outputs, **files}) == []


def test_no_secret_of_a_runners_play_is_left_or_shown(site: CrashSite) -> None:
    """Door 3 at -vvvv, a repair that fails: no secret in database, journal, log, artifacts or the message to people."""
    directory = site.scratch / "plays"
    directory.mkdir()
    site.options = ("--play-environment", json.dumps(talkative(directory)))
    site.change_policy(lambda trigger: trigger["limits"].update(attempts="1"))
    site.broken.touch()

    with Watcher(site.scratch, [site.scratch / "runs"]) as watcher:
        site.start_runner()
        pager = site.break_service()
        wait_until(lambda: pager.look() or site.channel.messages, 60, site.report)
        files = files_below(site.scratch, without=site.place.secret(""))
        site.broken.unlink()
        pager.see_through()
        site.check_end()

    assert all(watcher.secrets.values()), {name: len(found) for name, found in watcher.secrets.items()}
    outputs = [text for name, text in watcher.seen.items() if "/artifacts/" in name and name.endswith("/stdout")]
    assert b"ESTABLISH SSH CONNECTION" in outputs[0]
    messages = {message.title: message.text.encode() for message in site.channel.messages}
    assert messages
    files_at_end = {
        f"{name} at the end": text for name, text in files_below(site.scratch, site.place.secret("")).items()
    }
    everything = {**watcher.seen, **messages, **files, **files_at_end}
    assert leaks(canaries(watcher, placed_secrets(site)), everything) == []
