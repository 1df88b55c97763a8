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
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, texts
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


@pytest.fixture(scope="module")
def serving(cut_site: CutSite) -> Iterator[Serving]:
    """Start a runner, and give it a good way to Vault when it has to stop."""
    with cut_site.site.runner() as runner:
        yield runner
        cut_site.proxy.pass_on()


@pytest.fixture
def runner(cut_site: CutSite, serving: Serving) -> Serving:
    """Give the runner a good way to Vault, whatever the test before has left."""
    cut_site.proxy.pass_on()
    return serving


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
    return _with_policy(site, "breakglass-grant")


def sessions(site: Site) -> list[str]:
    """Accessors of the runners' sessions that Vault knows at this moment."""
    return _with_policy(site, "breakglass-runner")


def _with_policy(site: Site, policy: str) -> list[str]:
    with Client(Connection(url=site.vault.url), site.vault.root_token) as admin:
        accessors = texts(section(admin.list("auth/token/accessors"), "data"), "keys")
        return [accessor for accessor in accessors if policy in _policies(admin, accessor)]


def _policies(admin: Client, accessor: str) -> tuple[str, ...]:
    try:
        answer = admin.ask("auth/token/lookup-accessor", {"accessor": accessor})
    except VaultError:
        return ()  # it ended meanwhile
    return texts(section(answer, "data"), "policies")


def is_signed_whole(site: Site, incident: str) -> bool:
    """Whether a checkpoint counts every record that the runner wrote about an incident."""
    (stream,) = site.place.journal.glob(f"*/*/*/{incident}/runner.jsonl")
    records = len(stream.read_bytes().splitlines())
    return stream.with_name(f"runner.{records}.checkpoint").exists()


def test_vault_away_before_the_grant(cut_site: CutSite, runner: Serving) -> None:
    """With Vault away the alert is taken, waits and says for what; a grant whose minting got no answer is minted anew."""
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


def test_vault_away_during_the_play(cut_site: CutSite, runner: Serving) -> None:
    """A play that gets no certificate does nothing; its grant is closed when Vault is back, and the next attempt repairs."""
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


def test_vault_away_at_the_end(cut_site: CutSite, runner: Serving) -> None:
    """A grant that can't be proven gone keeps its incident closing, and a journal that can't be signed is signed later."""
    site = cut_site.site
    cut_site.proxy.cut_at("/v1/auth/token/revoke-accessor")
    incident = cut_site.fault(runner, "end")
    site.wait_for(incident, "grant.not_proven_gone", count=2)
    (minted,) = site.wait_for(incident, "grant.minted")

    assert site.states()[incident] == "closing"
    assert cut_site.count(incident, "grant.revoked") == 0
    assert "is not proven to be gone" in cut_site.whys(incident, "grant.not_proven_gone")[0]
    assert minted.body["accessor"] in live_grants(site)
    assert cut_site.count(incident, "play.intent") == 1

    cut_site.proxy.pass_on()
    (revoked,) = site.wait_for(incident, "grant.revoked")
    cut_site.proxy.refuse()
    cut_site.resolve(runner, "end")
    site.wait_for(incident, "incident.closed")
    wait_until(lambda: "can't be reached" in readiness(runner)[1])

    assert revoked.body == {**revoked.body, "accessor": minted.body["accessor"], "proven": True}
    assert minted.body["accessor"] not in live_grants(site)
    assert not is_signed_whole(site, incident)

    cut_site.proxy.pass_on()
    wait_until(lambda: is_signed_whole(site, incident))
    wait_until(lambda: site.verify().exit_code == 0)
    assert cut_site.count(incident, "play.intent") == 1


def test_stopped_runner_leaves_no_grant(cut_site: CutSite, runner: Serving) -> None:
    """A runner that is asked to stop ends its session, and with it the grant that was minted and that nobody got."""
    assert sessions(cut_site.site)

    runner.stop()
    wait_until(lambda: not live_grants(cut_site.site))

    assert sessions(cut_site.site) == []


def test_sealed_vault() -> None:
    """With Vault sealed the alert waits and says why, nothing is started, and the runner still stops in good order."""
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
