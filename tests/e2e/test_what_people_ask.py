# SPDX-License-Identifier: GPL-3.0-or-later
"""What people ask of a real runner: show, watch, handover and report, on a repair, one that fails twice, and one that is observed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.support.site import Site
from tests.support.traces import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

WITHIN_SECONDS = 60


class Desk(Site):
    """A site, and the command on the runner's machine."""

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "breakglass.cli.main", *words, "--settings", str(self.place.settings)]

    def breakglass(self, *words: str) -> str:
        """Run it to its end; gives what it prints."""
        done = subprocess.run(
            self.command(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.replace("\n", "").isprintable()
        return done.stdout

    def start(self, *words: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        return subprocess.Popen(
            self.command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with Desk() as desk:
        desk.change_policy(
            lambda trigger: trigger.update(limits={"attempts": "2", "firing_for": "0s", "cooldown": "0s"})
        )
        yield desk


def test_a_repair_is_watched_to_its_end(desk: Desk) -> None:
    """From its first line on, though watching began later, and the command ends when it is closed; then it is shown."""
    desk.service.kill()
    with desk.runner() as runner:
        everything = desk.start("watch")
        assert everything.stderr is not None
        assert "Watching all incidents" in everything.stderr.readline()
        incident = desk.post(runner.url, desk.alert())
        desk.wait_for(incident, "incident.opened")
        watched = desk.start("watch", incident)
        desk.wait_for(incident, "grant.revoked")
        desk.post(runner.url, desk.alert("resolved"))
        output, errors = watched.communicate(timeout=WITHIN_SECONDS)
        assert watched.returncode == 0, errors
        assert everything.stdout is not None
        assert any(f"{incident}     closed      repaired in " in line for line in everything.stdout)
        everything.send_signal(signal.SIGINT)
        everything.communicate(timeout=WITHIN_SECONDS)
        assert everything.returncode == 0
    lines = output.splitlines()
    assert "incident    web-service-failed on web1" in lines[0]
    assert "closed      repaired in " in lines[-1]
    assert all(f"  {incident} " in line for line in lines)

    page = desk.breakglass("show", incident).splitlines()
    assert page[0] == f"{incident}  web-service-failed  web1   CLOSED, repaired"
    words = [line[12:23].strip() for line in page if line.startswith("  ") and line[2:10].strip(" 0123456789:") == ""]
    for word in ("attempt 1", "credential", "changed", "play", "revoked", "verified", "closed"):
        assert word in words, page
    assert not any("remediate" in line for line in page)
    assert any("remediate" in line for line in desk.breakglass("show", incident, "--tasks").splitlines())
    for_programs = json.loads(desk.breakglass("show", incident, "--json"))
    assert (for_programs["state"], for_programs["how"], len(for_programs["grants"])) == ("closed", "repaired", 1)
    assert for_programs["grants"][0]["proven_gone_at"]
    (trigger,) = json.loads(desk.breakglass("report", "--json"))["triggers"]
    assert (trigger["trigger"], trigger["repaired"]["incidents"]) == ("web-service-failed", 1)


def test_what_is_handed_over(desk: Desk) -> None:
    """A repair that failed twice, before and after somebody acknowledged it; a hold; and what has ended."""
    desk.broken.touch()
    desk.service.stop()
    with desk.runner() as runner:
        incident = desk.post(runner.url, desk.alert(fingerprint="another"))
        desk.wait_for(incident, "escalation.delivered")
        handed = desk.breakglass("handover").splitlines()
        assert "OPEN, nobody has acknowledged: 1" in handed
        (line,) = [line for line in handed if line.startswith(f"  {incident}  ServiceDown on web1  escalated since ")]
        assert "NOT acknowledged: " in line
        assert "HOLDS that stand: none" in handed

        page = desk.breakglass("show", incident)
        assert f"{incident}  web-service-failed  web1   ESCALATED, NOT acknowledged" in page
        assert "attempt 2" in page
        assert "FAILED" in page
        assert f"waits for the alert to resolve, or: breakglass ack {incident}" in page

        desk.breakglass("ack", incident)
        desk.breakglass("hold", "--host", "web1", "--reason", "the shop is mended by hand")
        wait_until(
            lambda: "OPEN: 1" in desk.breakglass("handover").splitlines(), WITHIN_SECONDS, "it is not acknowledged"
        )
        handed = desk.breakglass("handover").splitlines()
        assert "OPEN, nobody has acknowledged: none" in handed
        assert any("web1 is held by" in line and "the shop is mended by hand" in line for line in handed)
        alive = handed.index("HOLDS that stand: 1")
        assert any(line.startswith("STILL ALIVE") and not line.endswith("none") for line in handed[alive:]), (
            "the certificates of its attempts live on"
        )
        assert any("SSH certificate" in line and ", until 20" in line for line in handed)
        assert "ESCALATED, acknowledged by" in desk.breakglass("show", incident)
    with_the_runner_away = json.loads(desk.breakglass("handover", "--json"))
    assert [one["id"] for one in with_the_runner_away["open"]] == [incident]
    assert [one["result"] for one in with_the_runner_away["ended"]] == ["repaired"]
    assert json.loads(desk.breakglass("handover", "--since", "1s", "--json"))["ended"] == []


def test_is_it_safe_to_let_it_act() -> None:
    """An alert about which a trigger only observes, and whose end is heard later, is one that lasted so long without it."""
    with Desk() as desk:
        desk.change_policy(lambda trigger: trigger.update(mode="observe", limits={"firing_for": "0s"}))
        with desk.runner() as runner:
            incident = desk.post(runner.url, desk.alert())
            desk.wait_for(incident, "incident.closed")
            desk.post(runner.url, desk.alert("resolved"))
            wait_until(
                lambda: "resolved without us        1, median 2 min" in desk.breakglass("report"),
                WITHIN_SECONDS,
                lambda: desk.breakglass("report"),
            )
        assert "To let it act: set  mode: act  on web-service-failed." in desk.breakglass("report")
        assert "observed    would have run" in desk.breakglass("show", incident)
