# SPDX-License-Identifier: GPL-3.0-or-later
"""The panic button with a real runner, whose way to Vault is cut in the middle of a play."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.support.cut_proxy import CutProxy
from tests.support.revoked_certificates import is_listed
from tests.support.site import Site
from tests.support.traces import is_gone, processes_of, wait_until

from breakglass.people import person_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from breakglass.timeline import Event

ME = person_of(os.environ)
WITHIN_SECONDS = 60


class Panic(Site):
    """A site whose repair hangs on its host, and whose runner and plays reach Vault through a proxy."""

    def prepare(self) -> None:
        """Put the proxy between, and a repair that takes two minutes; the service is down."""
        self.broken.touch()
        self.service.stop()
        self.proxy = self._parts.enter_context(CutProxy(self.vault.url))
        settings = yaml.safe_load(self.place.settings.read_text(encoding="utf-8"))
        settings["vault"]["url"] = self.proxy.url
        self.place.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")
        inventory = yaml.safe_load(self.place.inventory.read_text(encoding="utf-8"))
        host = inventory["web"]["hosts"][self.host_name]
        host["restart_service_command"] = ["/bin/sh", "-c", f"touch {self.begun}; sleep 120"]
        self.place.inventory.write_text(yaml.safe_dump(inventory), encoding="utf-8")
        self.change_policy(lambda trigger: trigger.update(limits={"firing_for": "0s", "cooldown": "0s"}))

    @property
    def begun(self) -> Path:
        """What the repair leaves when it has begun."""
        return self.scratch / "begun"

    def breakglass(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The command, on the runner's machine."""
        return subprocess.run(
            [sys.executable, "-m", "breakglass.cli.main", *words, "--settings", str(self.place.settings)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def bodies(self, incident: str, kind: str) -> list[dict[str, object]]:
        """What an incident's records of a kind say."""
        return [dict(event.body) for event in self.events(incident) if event.kind == kind]

    def in_the_middle(self, url: str, fingerprint: str = "a") -> tuple[str, str]:
        """An incident whose repair is at work on the host, and the accessor of its grant."""
        incident = self.post(url, {**self.alert(fingerprint=fingerprint), "groupKey": fingerprint})
        wait_until(self.begun.exists, WITHIN_SECONDS, "the repair did not begin")
        (minted,) = self.wait_for(incident, "grant.minted")
        return incident, str(minted.body["accessor"])


@pytest.fixture
def site() -> Iterator[Panic]:
    with Panic() as made:
        made.prepare()
        yield made


def closed(site: Panic, incident: str) -> Event:
    return site.wait_for(incident, "incident.closed", seconds=150)[0]


@pytest.mark.timeout(
    400
)  # people are told of a grant that can't be proven gone after a minute, and each try comes later than the last
@pytest.mark.slow
def test_everything_is_revoked_while_vault_is_down(site: Panic) -> None:
    """Its play ends at once, what is open is shown and told to people, and is proven gone when Vault is back."""
    with site.runner() as runner:
        incident, accessor = site.in_the_middle(runner.url)
        site.proxy.refuse()
        pressed = site.breakglass("revoke", "--all", "--reason", "stolen laptop")
        assert pressed.returncode == 1, pressed.stderr
        assert pressed.stdout.startswith("Everything is held; lift it with: breakglass hold lift --all --reason …\n")
        assert f"{incident}  closing: the grant is not proven gone: " in pressed.stdout
        assert "1 not proven gone yet. It goes on by itself" in pressed.stdout
        assert site.bodies(incident, "play.ended")[0]["outcome"] == "stopped"
        assert processes_of(f"touch {site.begun}; sleep 120") == {}
        assert not is_gone(site, accessor)
        assert site.states()[incident] == "closing"

        (told,) = site.wait_for(incident, "escalation.delivered", seconds=120)
        assert told.body["rung"] == 1
        assert "not proven gone" in site.channel.messages[0].text
        held = site.post(runner.url, {**site.alert(fingerprint="b"), "groupKey": "b"})
        site.wait_for(held, "limits.waiting")

        site.proxy.pass_on()
        assert closed(site, incident).body["result"] == "cancelled"
        assert is_gone(site, accessor)
        (order,) = site.bodies(incident, "order.given")
        assert (order["word"], order["by"], order["why"]) == ("cancel", ME, "stolen laptop")
        assert [body["proven"] for body in site.bodies(incident, "grant.revoked")] == [True]
        assert "stolen laptop" in str(site.wait_for(held, "limits.refused", seconds=150)[0].body["why"])
        lifted = site.breakglass("hold", "lift", "--all", "--reason", "it was found")
        assert lifted.returncode == 0, lifted.stderr
        assert f"held by {ME}" in lifted.stdout
        site.wait_for(held, "escalation.delivered")
        wait_until(
            lambda: site.states()[held] == "escalated", WITHIN_SECONDS, "people were told, and it does not stand so"
        )
        done = site.breakglass("close", held, "--reason", "done")
        assert done.returncode == 0, done.stderr
        closed(site, held)
        wait_until(lambda: site.verify().exit_code == 0, WITHIN_SECONDS, "the journal does not verify")


def test_one_incident_is_revoked(site: Panic) -> None:
    """The command waits for the proof and says it; nothing is held."""
    with site.runner() as runner:
        incident, accessor = site.in_the_middle(runner.url)
        pressed = site.breakglass("revoke", incident, "--reason", "wrong host")
        assert pressed.returncode == 0, pressed.stdout + pressed.stderr
        assert pressed.stdout.startswith(f"{incident}  grant gone, proven at ")
        assert is_gone(site, accessor)
        assert site.breakglass("holds").stdout.startswith("No hold is set here.")
        assert closed(site, incident).body["result"] == "cancelled"
        again = site.breakglass("revoke", incident, "--reason", "wrong host")
        assert (again.returncode, f"{incident} is closed, and no grant of it is open." in again.stderr) == (1, True)
    assert not site.channel.messages


def test_a_certificate_outlives_its_grant_and_is_on_the_list_that_hosts_fetch(site: Panic, tmp_path: Path) -> None:
    """The list is empty while the grant is open, and the same after a restart; the certificate is valid for minutes more."""
    with site.runner() as runner:
        incident, _ = site.in_the_middle(runner.url)
        (certificate,) = (site.scratch / "runs").glob("run-*/credentials/ssh/id-cert.pub")
        kept = tmp_path / "id-cert.pub"
        kept.write_bytes(certificate.read_bytes())
        assert not is_listed(kept, runner.url)
        assert site.breakglass("revoke", incident, "--reason", "wrong host").returncode == 0
        wait_until(lambda: is_listed(kept, runner.url), WITHIN_SECONDS, "its certificate is not on the list")
        closed(site, incident)
    with site.runner() as runner:
        assert is_listed(kept, runner.url)
    (revoked,) = site.bodies(incident, "grant.revoked")
    assert "SSH certificate" in str(revoked["remains"])


@pytest.mark.slow
def test_the_button_without_a_runner(site: Panic) -> None:
    """Before the runner is there again everything is held, and what its death has left is ended at its next start."""
    with site.runner() as runner:
        incident, accessor = site.in_the_middle(runner.url)
        runner.kill()
    pressed = site.breakglass("revoke", "--all", "--reason", "stolen laptop")
    assert pressed.returncode == 1, pressed.stderr
    assert f"{incident}  its play and its grant are being ended" in pressed.stdout
    with site.runner():
        assert closed(site, incident).body["result"] == "cancelled"
        assert is_gone(site, accessor)
    assert "stolen laptop" in site.breakglass("holds").stdout


@pytest.mark.parametrize("words", [(), ("INC-1", "--all")])
def test_one_of_the_two_is_meant(site: Panic, words: tuple[str, ...]) -> None:
    """Neither nothing nor both."""
    refused = site.breakglass("revoke", *words, "--reason", "x")
    assert (refused.returncode, "an INCIDENT, or --all; one of them" in refused.stderr) == (1, True)
