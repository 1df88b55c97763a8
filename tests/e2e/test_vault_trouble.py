# SPDX-License-Identifier: GPL-3.0-or-later
"""Vault goes away, hangs, or is sealed at each step of an incident: nothing is lost, nothing starts that should not."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import VaultError

from tests.support.cut_proxy import CutProxy
from tests.support.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from breakglass.demo.serving import Serving

LIMIT_SECONDS = 30


@dataclass(frozen=True)
class CutSite:
    """A site whose runner, and whose plays, reach Vault only through the proxy."""

    site: Site
    proxy: CutProxy

    def fault(self, runner: Serving, fingerprint: str) -> str:
        """The service dies, and its alert comes in."""
        self.site.service.kill()
        return self.site.post(runner.url, self.site.alert(fingerprint=fingerprint))

    def resolve(self, runner: Serving, fingerprint: str) -> None:
        """The alert is over."""
        self.site.post(runner.url, self.site.alert("resolved", fingerprint=fingerprint))

    def result(self, runner: Serving, incident: str, fingerprint: str) -> object:
        """See the grant proven gone, let the alert resolve, and tell how the incident closed."""
        self.site.wait_for(incident, "grant.revoked")
        wait_until(lambda: self.site.states()[incident] == "verifying")
        assert self.site.service_answers()
        self.resolve(runner, fingerprint)
        return self.site.wait_for(incident, "incident.closed")[0].body["result"]

    def whys(self, incident: str, kind: str) -> list[str]:
        """The reasons of an incident's records of one kind."""
        return [str(event.body["why"]) for event in self.site.events(incident) if event.kind == kind]

    def count(self, incident: str, kind: str) -> int:
        """How many records of a kind an incident has."""
        return len([event for event in self.site.events(incident) if event.kind == kind])


@pytest.fixture(scope="module")
def cut_site() -> Iterator[CutSite]:
    """Put the proxy between; a fault may come back at once here."""
    with Site() as site, CutProxy(site.vault.url) as proxy:
        settings = yaml.safe_load(site.place.settings.read_text(encoding="utf-8"))
        settings["vault"]["url"] = proxy.url
        site.place.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")
        site.change_policy(lambda trigger: trigger.update(limits={"cooldown": "0s", "repairs_per_day": "20"}))
        yield CutSite(site, proxy)


@pytest.fixture
def runner(cut_site: CutSite) -> Iterator[Serving]:
    """Start a runner with a good way to Vault, and give it one again when it has to stop."""
    cut_site.proxy.pass_on()
    with cut_site.site.runner() as runner:
        yield runner
        cut_site.proxy.pass_on()


def wait_until(holds: Callable[[], object]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


def readiness(runner: Serving) -> tuple[int, str]:
    """Status and words of /readyz."""
    try:
        with urllib.request.urlopen(f"{runner.url}/readyz", timeout=10) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["detail"]


def live_grants(site: Site) -> list[str]:
    """Accessors of the grants that Vault knows at this moment."""
    with Client(Connection(url=site.vault.url), site.vault.root_token) as admin:
        accessors = admin.list("auth/token/accessors")["data"]["keys"]  # type: ignore[index]
        return [accessor for accessor in accessors if _is_grant(admin, accessor)]


def _is_grant(admin: Client, accessor: str) -> bool:
    try:
        token = admin.ask("auth/token/lookup-accessor", {"accessor": accessor})["data"]
    except VaultError:
        return False  # it ended meanwhile
    return "breakglass-grant" in token["policies"]  # type: ignore[index,operator]


def test_vault_away_before_the_grant(cut_site: CutSite, runner: Serving) -> None:
    """With Vault away the alert is taken, waits and says for what; a grant whose minting got no answer is minted anew,
    and the one that nobody has heard of dies with the runner's session."""
    cut_site.proxy.refuse()
    incident = cut_site.fault(runner, "away")
    (waiting,) = cut_site.site.wait_for(incident, "limits.waiting")
    wait_until(lambda: readiness(runner)[0] == 503)
    status, why = readiness(runner)

    assert "nobody can say whether the hold is set" in str(waiting.body["why"])
    assert "can't be reached: connection refused" in str(waiting.body["why"])
    assert status == 503
    assert f"Vault at {cut_site.proxy.url} can't be reached" in why
    assert cut_site.count(incident, "grant.intent") == 0

    cut_site.proxy.pass_on()
    cut_site.proxy.cut_after("/v1/auth/token/create/")
    cut_site.site.wait_for(incident, "grant.not_minted")
    (lost,) = live_grants(cut_site.site)
    assert "Whether something was minted is unknown" in cut_site.whys(incident, "grant.not_minted")[0]
    assert cut_site.site.states()[incident] == "opening"

    cut_site.proxy.pass_on()
    assert cut_site.result(runner, incident, "away") == "repaired"
    assert cut_site.count(incident, "play.intent") == 1
    assert live_grants(cut_site.site) == [lost]
    wait_until(lambda: readiness(runner)[0] == 200)

    runner.stop()
    wait_until(lambda: not live_grants(cut_site.site))


def test_vault_away_during_the_play(cut_site: CutSite, runner: Serving) -> None:
    """A webhook is answered at once while Vault hangs; a play that gets no certificate does nothing on the host, its
    grant is closed when Vault is back, and the next attempt repairs."""
    cut_site.proxy.hang()
    began = time.monotonic()
    incident = cut_site.fault(runner, "play")
    assert time.monotonic() - began < 5
    assert cut_site.count(incident, "grant.intent") == 0

    cut_site.proxy.pass_on()
    cut_site.proxy.cut_at("/v1/ssh-breakglass/sign/")
    (ended,) = cut_site.site.wait_for(incident, "play.ended")
    cut_site.site.wait_for(incident, "grant.not_proven_gone")

    assert ended.body["outcome"] == "failed"
    assert "Obtain a certificate for these hosts failed" in str(ended.body["why"])
    assert not cut_site.site.service_answers()
    assert cut_site.site.states()[incident] == "closing"

    cut_site.proxy.pass_on()
    cut_site.site.wait_for(incident, "grant.revoked", count=2)
    assert cut_site.result(runner, incident, "play") == "repaired"
    assert cut_site.count(incident, "play.intent") == 2
    assert live_grants(cut_site.site) == []


def test_vault_away_at_the_end(cut_site: CutSite, runner: Serving) -> None:
    """A grant that can't be proven gone keeps its incident closing, is tried again and again and never called revoked;
    a journal that can't be sealed is sealed later."""
    site = cut_site.site
    cut_site.proxy.cut_at("/v1/auth/token/revoke-accessor")
    incident = cut_site.fault(runner, "end")
    site.wait_for(incident, "grant.not_proven_gone", count=2)
    print([(e.kind, dict(e.body)) for e in site.events(incident)])
    (minted,) = site.wait_for(incident, "grant.minted")

    assert site.states()[incident] == "closing"
    assert cut_site.count(incident, "grant.revoked") == 0
    assert "is not proven to be gone" in cut_site.whys(incident, "grant.not_proven_gone")[0]
    assert live_grants(site) == [minted.body["accessor"]]
    assert cut_site.count(incident, "play.intent") == 1

    cut_site.proxy.pass_on()
    (revoked,) = site.wait_for(incident, "grant.revoked")
    cut_site.proxy.refuse()
    cut_site.resolve(runner, "end")
    site.wait_for(incident, "incident.closed")
    wait_until(lambda: "can't be reached" in readiness(runner)[1])

    assert revoked.body == {**revoked.body, "accessor": minted.body["accessor"], "proven": True}
    assert live_grants(site) == []
    assert not list(site.place.journal.glob(f"*/*/*/{incident}/*.checkpoint"))

    cut_site.proxy.pass_on()
    wait_until(lambda: list(site.place.journal.glob(f"*/*/*/{incident}/play-1.*.checkpoint")))
    wait_until(lambda: site.verify().exit_code == 0)
    assert cut_site.count(incident, "play.intent") == 1


def test_sealed_vault() -> None:
    """With Vault sealed the alert is taken and waits, the incident and /readyz say that Vault must be unsealed, nothing
    is started, and the runner still stops in good order."""
    with Site() as site:
        with site.runner() as runner:
            with Client(Connection(url=site.vault.url), site.vault.root_token) as admin:
                admin.put("sys/seal", {})
            incident = site.post(runner.url, site.alert())
            (waiting,) = site.wait_for(incident, "limits.waiting")
            wait_until(lambda: readiness(runner)[0] == 503)
            assert readiness(runner)[1].count("is sealed; unseal it") == 1
            assert site.states() == {incident: "waiting"}
        assert "is sealed; unseal it" in str(waiting.body["why"])
        assert not [event for event in site.events(incident) if event.kind.startswith(("grant.", "play."))]
        assert site.states() == {incident: "waiting"}
