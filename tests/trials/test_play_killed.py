# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of a play's processes while its remediation is at work on the host: nothing of it goes on, nothing stays open."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import ansible_collections.breakglass.remediation.plugins.plugin_utils as collection_utils
import pytest
from tests.support.crash_site import CrashSite
from tests.support.traces import below, is_gone, parent_of, processes_of, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.crash_site import Pager

COLLECTION = Path(next(iter(collection_utils.__path__))).parents[1]


@pytest.fixture
def site() -> Iterator[CrashSite]:
    with CrashSite() as made:
        yield made


class Play:
    """The processes of a play whose restart command waits at the gate."""

    def __init__(self, site: CrashSite) -> None:
        self.site = site
        self.runner = site.serving.pid
        self.guard = next(pid for pid in children(self.runner) if children(pid))
        (self.library,) = children(self.guard)
        (self.main,) = children(self.library)
        self.run = next(path for path in site.directories() if (path / "run.json").exists())
        self.accessor = str(site.wait_for(incident_of(site), "grant.minted")[-1].body["accessor"])

    def processes(self) -> dict[int, str]:
        """Every process that has to do with it, wherever it went."""
        return processes_of(str(self.run))


def children(pid: int) -> list[int]:
    """The children that are Python: not the master connection of ssh, which its own parent has left to the guard."""
    python = processes_of("play_process")
    return [one for one in below(pid) if one in python and parent_of(one) == pid]


def incident_of(site: CrashSite) -> str:
    (incident,) = [name for name, state in site.states().items() if state == "running"]
    return incident


def blocked_play(site: CrashSite, pager: Pager, number: int) -> Play:
    """Wait until the remediation of this attempt has begun on the host, and can't go on."""
    wait_until(lambda: pager.look() or site.times("begun") == number, 30, site.report)
    return Play(site)


def kill(*pids: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # one may take another with it
            os.kill(pid, signal.SIGKILL)


def test_a_killed_play_ends_wholly_whichever_of_its_processes_was_killed(site: CrashSite) -> None:
    """Main process, guard, both, both with the runner: nothing goes on, the grant is gone, a later attempt repairs."""
    deaths = [("main",), ("guard",), ("guard", "main"), ("runner", "guard", "main")]
    site.change_policy(lambda trigger: trigger["limits"].update(attempts="5"))
    site.start_runner()
    site.gate.touch()
    pager = site.break_service()

    for number, victims in enumerate(deaths, 1):
        play = blocked_play(site, pager, number)
        assert len(play.processes()) > 4, play.processes()
        kill(*(getattr(play, name) for name in victims))
        if "runner" in victims:
            site.start_runner()
        wait_until(lambda play=play: not play.processes(), 20, lambda play=play: f"still run: {play.processes()}")
        wait_until(lambda play=play: is_gone(site, play.accessor), 20, site.report)

    site.gate.unlink()
    pager.see_through()
    site.check(pager)
    assert outcomes(site, pager) == ["unknown"] * 4 + ["ok"]
    assert (site.times("begun"), site.times("started"), pager.repaired_by_hand) == (5, 1, False)
    site.check_end()


def test_killed_play_is_not_repeated_when_its_remediation_does_not_say_that_it_may_be(
    site: CrashSite, tmp_path: Path
) -> None:
    """After an outcome that nobody saw, a remediation that is not idempotent is left to people, under no open grant."""
    site.options = ("--collections", str(collections_with_a_role_that_runs_once(tmp_path)))
    site.change_policy(lambda trigger: trigger.update(remediation="site.once.restart_service"))
    site.start_runner()
    site.gate.touch()
    pager = site.break_service()
    play = blocked_play(site, pager, 1)

    kill(play.main)

    wait_until(lambda: not play.processes(), 20, lambda: f"still run: {play.processes()}")
    site.gate.unlink()
    pager.see_through()
    site.check(pager)
    assert outcomes(site, pager) == ["unknown"]
    assert (site.times("begun"), site.times("started"), pager.repaired_by_hand) == (1, 0, True)
    site.check_end()


def outcomes(site: CrashSite, pager: Pager) -> list[object]:
    """How the attempts ended, in order."""
    return [event.body["outcome"] for event in site.events(pager.alert.incident) if event.kind == "play.ended"]


def collections_with_a_role_that_runs_once(directory: Path) -> Path:
    """A collection path with ours and another, whose role is ours but for its word on repetition."""
    collections = directory / "ansible_collections"
    (collections / "breakglass").mkdir(parents=True)
    (collections / "breakglass" / "remediation").symlink_to(COLLECTION)
    role = collections / "site" / "once" / "roles" / "restart_service"
    shutil.copytree(COLLECTION / "roles" / "restart_service", role)
    (role.parents[1] / "galaxy.yml").write_text("namespace: site\nname: once\nversion: 1.0.0\n", encoding="utf-8")
    behaviour = role / "meta" / "remediation.yml"
    text = behaviour.read_text(encoding="utf-8")
    behaviour.write_text(text.replace("idempotent: true", "idempotent: false"), encoding="utf-8")
    return directory
