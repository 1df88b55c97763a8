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
from tests.support.traces import below, parent_of, processes_of, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.crash_site import Pager

COLLECTION = Path(next(iter(collection_utils.__path__))).parents[1]


@pytest.fixture(scope="module")
def site() -> Iterator[CrashSite]:
    """One installation for all of these."""
    with CrashSite() as made:
        made.start_runner()
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


def blocked_play(site: CrashSite) -> tuple[Pager, Play]:
    site.gate.touch()
    pager = site.break_service()
    wait_until(lambda: pager.look() or site.times("begun") == 1, 30, site.report)
    return pager, Play(site)


def kill(*pids: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # one may take another with it
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    "victims", [("main",), ("guard",), ("guard", "main"), ("runner", "guard", "main")], ids="+".join
)
def test_killed_play_ends_wholly_and_is_repeated_because_it_may_be(site: CrashSite, victims: tuple[str, ...]) -> None:
    """Whichever of its processes is killed, no other goes on, the grant is gone, and the second attempt repairs."""
    pager, play = blocked_play(site)
    assert len(play.processes()) > 4, play.processes()

    kill(*(getattr(play, name) for name in victims))

    if "runner" in victims:
        site.serving.kill()
        site.start_runner()
    wait_until(lambda: not play.processes(), 20, lambda: f"still run: {play.processes()}")
    site.gate.unlink()
    pager.see_through()
    site.check(pager)
    assert outcomes(site, pager) == ["unknown", "ok"]
    assert (site.times("begun"), site.times("started"), pager.repaired_by_hand) == (2, 1, False)


def test_killed_play_is_not_repeated_when_its_remediation_does_not_say_that_it_may_be(tmp_path: Path) -> None:
    """After an outcome that nobody saw, a remediation that is not idempotent is left to people, under no open grant."""
    with CrashSite() as site:
        site.options = ("--collections", str(collections_with_a_role_that_runs_once(tmp_path)))
        site.change_policy(lambda trigger: trigger.update(remediation="site.once.restart_service"))
        site.start_runner()
        pager, play = blocked_play(site)

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
