# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills with a real runner: the whole way, marked everywhere, loud when something would not work tonight, never in the way."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from tests.support.site import Site
from tests.support.traces import wait_until

from breakglass.demo.parts import prepare_vault
from breakglass.domain.drills import Phase
from breakglass.domain.schedule import WEEKDAYS
from breakglass.timeline import Follower

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from breakglass.timeline import Event

pytestmark = pytest.mark.slow

WITHIN_SECONDS = 60
PHASES = [phase.value for phase in Phase]


class Range(Site):
    """A site whose policy has a drill of its trigger, on its one host."""

    def prepare(self, *others: Mapping[str, object], **more: object) -> None:
        """Write the drill, of which `more` is said besides, and others."""
        policy = yaml.load(self.place.policy.read_text(encoding="utf-8"), yaml.BaseLoader)
        policy["drills"] = [{"name": "shop", "trigger": "web-service-failed", "hosts": ["web"], **more}]
        policy["drills"] += [{**policy["drills"][0], "hosts": ["web"], **other} for other in others]
        self.place.policy.write_text(yaml.safe_dump(policy, sort_keys=False), encoding="utf-8")

    def command(self, *words: str) -> list[str]:
        """The command, on the runner's machine."""
        return [sys.executable, "-m", "breakglass.cli.main", *words, "--settings", str(self.place.settings)]

    def breakglass(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            self.command(*words),
            env={"PATH": os.environ["PATH"], "HOME": str(self.scratch), "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def drills(self) -> list[dict[str, object]]:
        """What the report has, for programs."""
        shown = self.breakglass("drill", "report", "--json")
        assert shown.returncode == 0, shown.stderr
        found: list[dict[str, object]] = json.loads(shown.stdout)
        return found

    def of_the_day(self, kind: str) -> list[Event]:
        """Records of a kind that belong to no incident."""
        found = []
        for stream in self.place.journal.glob("*/*/*/runner.jsonl"):
            if not stream.parent.name.startswith("INC-"):
                found += [event for event in Follower(stream.parent).new_events() if event.kind == kind]
        return found

    def schedules(self) -> list[tuple[str]]:
        """Names of the schedules that the runner has looked at."""
        with sqlite3.connect(f"file:{self.scratch / 'breakglass.db'}?mode=ro", uri=True) as database:
            return database.execute("SELECT name FROM drill_schedule").fetchall()

    def look_again_from(self, drill: str, before: timedelta) -> None:
        """Have the schedule of a drill looked at again from so long before."""
        milliseconds = round(before.total_seconds() * 1000)
        with sqlite3.connect(self.scratch / "breakglass.db", timeout=10) as database:
            change = "UPDATE drill_schedule SET looked_until = looked_until - ? WHERE name = ?"
            database.execute(change, (milliseconds, drill))

    def claims(self) -> list[tuple[str, str]]:
        """Hosts and the incidents that have them."""
        with sqlite3.connect(f"file:{self.scratch / 'breakglass.db'}?mode=ro", uri=True) as database:
            return database.execute("SELECT host, incident FROM host_claim").fetchall()


@contextmanager
def site_with_drill(**more: object) -> Iterator[Range]:
    with Range() as site:
        site.prepare(**more)
        yield site


@pytest.fixture(scope="module")
def site() -> Iterator[Range]:
    with site_with_drill(check="true") as made:
        yield made


def incident_of(output: str) -> str:
    found = re.search(r"INC-DRILL-[0-9A-Z]{6}", output)
    assert found, output
    return found[0]


def test_a_drill_goes_the_whole_way(site: Range) -> None:
    """In check mode the shop that is down stays down; every phase is measured, and every record and message says drill."""
    site.service.kill()
    with site.runner() as runner:
        done = site.breakglass("drill", "run", "shop")
        assert done.returncode == 0, done.stdout + done.stderr
        incident = incident_of(done.stdout)
        assert [line.split()[0] for line in done.stdout.splitlines()[1:-1]] == PHASES
        assert done.stdout.splitlines()[-1].startswith("PASSED in ")
        assert not site.service_answers(), "check mode changed something"

        (told,) = site.channel.messages
        assert told.title.startswith("breakglass DRILL shop: web-service-failed on web1 came through in ")
        assert told.title.endswith(f"Nothing to do. {incident}")
        assert "in check mode, nothing was changed" in told.text
        assert [line.split()[0] for line in told.text.splitlines()[1:-1]] == PHASES

        closed = site.wait_for(incident, "incident.closed")[0]
        assert closed.body["result"] == "rehearsed"
        (opened,) = site.wait_for(incident, "incident.opened")
        assert opened.body["drill"] == "shop"
        (started,) = site.wait_for(incident, "run.started")
        assert started.body["check_mode"] is True
        for stream in site.place.journal.glob(f"*/*/*/{incident}/*.jsonl"):
            for line in stream.read_text().splitlines():
                assert incident in json.loads(line)["origin"]
        wait_until(lambda: bool(site.of_the_day("drill.ended")), WITHIN_SECONDS, "the result was not journalled")
        assert site.of_the_day("drill.ended")[0].body["result"] == "passed"
        wait_until(lambda: site.verify().exit_code == 0, WITHIN_SECONDS, "the journal does not verify")

        (row,) = site.drills()
        assert (row["drill"], row["host"], row["check"], row["result"]) == ("shop", "web1", True, "passed")
        shown = site.breakglass("drill", "report")
        assert "shop: 1 of 1 passed, median " in shown.stdout

        # The trigger's own memory knows nothing of it: a real alert is repaired at once, though a cooldown is 15 minutes.
        real = site.post(runner.url, site.alert())
        site.wait_for(real, "grant.revoked")
        assert site.service_answers()


def test_a_real_alert_is_not_kept_waiting_by_a_drill() -> None:
    """The drill on its host is ended and its grant proven gone; the real alert is repaired, and the drill says that it gave way."""
    with site_with_drill() as site, site.runner() as runner:
        site.service.kill()
        site.broken.touch()  # so that the drill is at work for as long as the health check waits
        with subprocess.Popen(
            site.command("drill", "run", "shop"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as drill:
            wait_until(lambda: bool(site.claims()), WITHIN_SECONDS, "the drill did not claim its host")
            ((_, rehearsal),) = site.claims()
            site.wait_for(rehearsal, "run.started")
            real = site.post(runner.url, site.alert())
            site.broken.unlink()
            site.wait_for(rehearsal, "grant.revoked")
            site.wait_for(real, "grant.revoked")
            assert site.service_answers()
            (order,) = site.wait_for(rehearsal, "order.given")
            assert (order.body["word"], order.body["by"]) == ("cancel", real)
            assert site.wait_for(rehearsal, "incident.closed")[0].body["result"] == "cancelled"
            said, _ = drill.communicate(timeout=WITHIN_SECONDS)
        assert drill.returncode == 1, said
        assert "GAVE WAY: something real is at work on web1" in said
        assert site.channel.messages == (), "nobody is called for a drill that gave way"
        assert site.wait_for(real, "plan.made")[0].body.get("check_mode") is None

        # And while the real incident works there (its alert has not resolved), a drill leaves the host alone.
        second = site.breakglass("drill", "run", "shop")
        assert second.returncode == 1, second.stdout
        assert "GAVE WAY" in second.stdout
        assert "grant.intent" not in [event.kind for event in site.events(incident_of(second.stdout))]
        site.post(runner.url, site.alert("resolved"))
        assert site.wait_for(real, "incident.closed")[0].body["result"] == "repaired"


@pytest.mark.timeout(300)
def test_what_would_not_work_tonight_is_loud() -> None:
    """A hold, a Vault that mints nothing, a play that fails, a channel that takes nothing: each by exit code and message."""
    with site_with_drill() as site, site.runner():
        assert site.breakglass("hold", "--all", "--reason", "change freeze").returncode == 0
        held = site.breakglass("drill", "run", "shop")
        assert held.returncode == 1
        assert "FAILED" in held.stdout
        assert "matched: everything is held by" in held.stdout
        assert site.channel.messages[-1].title.startswith(
            "breakglass DRILL shop: web-service-failed on web1 FAILED at matched"
        )
        assert "change freeze" in site.channel.messages[-1].text
        assert site.breakglass("hold", "lift", "--all", "--reason", "over").returncode == 0

        site.service.kill()
        site.broken.touch()
        unhealthy = site.breakglass("drill", "run", "shop")
        assert unhealthy.returncode == 1
        assert "said 503, wanted 200" in unhealthy.stdout.splitlines()[-1]
        assert "FAILED at repaired" in site.channel.messages[-1].title
        assert "revoked    +" in site.channel.messages[-1].text
        site.broken.unlink()

        with Client(Connection(url=site.vault.url), site.vault.root_token) as admin:
            admin.delete("auth/token/roles/breakglass-child-web-operator")
        refused = site.breakglass("drill", "run", "shop")
        assert refused.returncode == 1
        assert "FAILED at granted" in site.channel.messages[-1].title
        prepare_vault(site.place.settings, site.environment)

        told = len(site.channel.messages)
        file = site.place.secret("on-call")
        url = file.read_text()
        file.write_text("not an address")
        silent = site.breakglass("drill", "run", "shop")
        assert silent.returncode == 1
        assert "told: on-call: its file does not hold an Apprise URL" in silent.stdout
        assert len(site.channel.messages) == told
        file.write_text(url)
        wait_until(lambda: len(site.channel.messages) > told, WITHIN_SECONDS, "nobody was told in the end")

        report = site.breakglass("drill", "report")
        assert "shop: 0 of 4 passed" in report.stdout
        assert report.stdout.count("FAILED") == 4


@pytest.mark.timeout(300)
def test_a_drill_comes_by_the_clock_and_a_missed_one_is_told() -> None:
    """It runs at its time; what was due while no runner worked is told, and does not run at a time that nobody expects."""
    with Range() as site:
        wait_until(lambda: datetime.now(UTC).second < 10, WITHIN_SECONDS, "no minute is young")
        due = datetime.now(UTC)
        yesterday = {"name": "old", "every": WEEKDAYS[due.weekday() - 1], "at": "12:00"}
        site.prepare(yesterday, check="true", every=WEEKDAYS[due.weekday()], at=f"{due:%H:%M}", timezone="UTC")
        with site.runner():
            wait_until(lambda: len(site.schedules()) == 2, WITHIN_SECONDS, "the schedules were not looked at")
            site.look_again_from("shop", timedelta(minutes=1))  # as if the runner had come up before this minute began
            wait_until(lambda: bool(site.channel.messages), WITHIN_SECONDS, "the drill did not come")
            wait_until(lambda: bool(site.of_the_day("drill.ended")), WITHIN_SECONDS, "it is not over")
        (row,) = site.drills()
        assert (row["drill"], row["by"], row["result"]) == ("shop", "schedule", "passed")
        assert str(row["wanted_at"])[11:16] == f"{due:%H:%M}"
        assert "DRILL shop" in site.channel.messages[0].title

        site.look_again_from("old", timedelta(days=7))  # as if no runner had worked for a week
        with site.runner():
            wait_until(lambda: len(site.channel.messages) > 1, WITHIN_SECONDS, "the missed drill was not told")
            message = site.channel.messages[-1]
            assert message.title.startswith("breakglass DRILL old: ")
            assert "the drill was missed once, at" in message.text
            assert "breakglass drill run" in message.text
            wait_until(lambda: len(site.of_the_day("drill.ended")) > 1, WITHIN_SECONDS, "it is not over")
            assert [row["result"] for row in site.drills()] == ["passed", "missed"]
            assert "grant.intent" not in [event.kind for event in site.events(str(site.drills()[-1]["incident"]))]


def test_without_a_runner_a_drill_fails_and_is_not_run_later() -> None:
    """Nobody would take an alert either."""
    with site_with_drill(check="true") as site:
        with site.runner() as runner:
            runner.kill()
            failed = site.breakglass("drill", "run", "shop")
            assert failed.returncode == 1
            assert "no runner took the drill" in failed.stderr
            unknown = site.breakglass("drill", "run", "shopp")
            assert 'Did you mean "shop"?' in unknown.stderr
        with site.runner():
            assert [row["result"] for row in site.drills()] == ["withdrawn"]
            assert site.states() == {}


def test_a_drill_whose_runner_is_killed_has_failed() -> None:
    """The next runner proves its grant gone, tells people, and the command that asked for it ends with 1."""
    with site_with_drill() as site:
        site.service.kill()
        site.broken.touch()  # so that the play is at work for as long as the health check waits
        with site.runner() as runner:
            drill = subprocess.Popen(
                site.command("drill", "run", "shop"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            wait_until(lambda: bool(site.claims()), WITHIN_SECONDS, "the drill did not claim its host")
            ((_, rehearsal),) = site.claims()
            site.wait_for(rehearsal, "run.started")
            runner.kill()
        with site.runner(), drill:
            said, _ = drill.communicate(timeout=WITHIN_SECONDS)
            assert drill.returncode == 1, said
            assert "FAILED" in said
            assert site.wait_for(rehearsal, "grant.revoked")[0].body["proven"] is True
            assert "FAILED at repaired" in site.channel.messages[-1].title
            wait_until(lambda: site.verify().exit_code == 0, WITHIN_SECONDS, "the journal does not verify")
