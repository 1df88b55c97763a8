# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine whose clock is wrong: the runner's against Vault's, and a host's. Nothing outlives its box, and people are led to the clock."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.wallet import moment_of
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, text, texts
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from tests.support import wrong_date
from tests.support.site import Site
from tests.support.wrong_date import wrong_date_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from breakglass.demo.serving import Serving

pytestmark = pytest.mark.slow

__all__ = ["wrong_date_library"]
AN_HOUR = 3600


@pytest.fixture
def site(wrong_date_library: Path) -> Iterator[Site]:
    """An installation whose repairs have one attempt."""
    assert wrong_date_library
    with Site() as made:
        made.change_policy(lambda trigger: trigger.setdefault("limits", {}).update(attempts="1"))
        yield made


@pytest.fixture
def skewed(site: Site, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Serving]:
    """A runner of the site with its plays, on a machine whose clock is so many seconds ahead."""
    runner = site.runner()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(wrong_date.interpreter(site.scratch, request.param)))
        runner.start()
    yield runner
    runner.stop()


def tokens(site: Site) -> set[str]:
    """The accessors of all tokens that Vault knows; wrappers of what is dead live on, open nothing, and are left out."""
    with Client(Connection(url=site.vault.url), site.vault.root_token) as admin:
        known = texts(section(admin.list("auth/token/accessors"), "data"), "keys")
        found = (section(admin.ask("auth/token/lookup-accessor", {"accessor": one}), "data") for one in known)
        return {text(one, "accessor") for one in found if texts(one, "policies") != ("response-wrapping",)}


@pytest.mark.parametrize(
    ("skewed", "words"),
    [(AN_HOUR, "3600 s ahead of Vault's"), (-AN_HOUR, "3600 s behind Vault's")],
    indirect=["skewed"],
)
def test_a_runner_whose_clock_is_far_from_vaults_opens_nothing(site: Site, skewed: Serving, words: str) -> None:
    """It tells people by how much, in so many words; the grant is gone again, and no host was gone to."""
    site.service.kill()
    before = tokens(site)
    incident = site.post(skewed.url, site.alert(since=timedelta(hours=3)))
    (refused,) = site.wait_for(incident, "grant.not_minted")
    why = str(refused.body["why"])
    assert why.replace("3599", "3600").replace("3601", "3600").startswith(f"This machine's clock is {words}")
    assert "Set the clocks (NTP)" in why
    site.wait_for(incident, "escalation.delivered")
    (message,) = site.channel.messages
    assert why in message.text
    assert "no grant was opened" in message.text
    assert tokens(site) <= before
    assert not any(event.kind == "play.intent" for event in site.events(incident))
    assert site.verify().exit_code == 0


@pytest.mark.parametrize("skewed", [90, -20], indirect=True)
def test_a_runner_whose_clock_is_a_little_wrong_repairs(site: Site, skewed: Serving) -> None:
    """Grant and certificate end within the time box by Vault's clock, which is the right one, and are said to end then."""
    site.service.kill()
    incident = site.post(skewed.url, site.alert())
    (minted,) = site.wait_for(incident, "grant.minted")
    latest = datetime.now(UTC) + timedelta(minutes=10)
    (revoked,) = site.wait_for(incident, "grant.revoked")
    site.post(skewed.url, site.alert("resolved"))
    (closed,) = site.wait_for(incident, "incident.closed")
    assert (closed.body["result"], site.service_answers()) == ("repaired", True)
    (obtained,) = (event.body for event in site.events(incident) if event.kind == "credential.obtained")
    box_ends = datetime.fromisoformat(str(minted.body["expires_at"]))
    certificate_ends = moment_of(str(obtained["expires_at"]))
    assert certificate_ends <= box_ends <= latest
    assert (revoked.body["proven"], minted.body["accessor"] in tokens(site)) == (True, False)
    assert str(obtained["expires_at"]) in str(revoked.body["remains"])
    assert site.channel.messages == ()
    assert site.verify().exit_code == 0


@pytest.mark.parametrize("skewed", [-90], indirect=True)
def test_a_host_whose_certificate_is_too_new_for_us_leads_to_our_own_clock(site: Site, skewed: Serving) -> None:
    """It was certified a moment ago by Vault's clock, which is in the future by ours: the host is not to blame."""
    site.service.kill()
    incident = site.post(skewed.url, site.alert(since=timedelta(hours=1)))
    (ended,) = site.wait_for(incident, "play.ended")
    assert ended.body["outcome"] == "failed"
    assert str(ended.body["why"]).startswith("web1 did not prove itself: its host certificate is not valid yet")
    assert "this clock is behind that of Vault" in str(ended.body["why"])
    assert site.wait_for(incident, "grant.revoked")[0].body["proven"] is True
    site.wait_for(incident, "escalation.delivered")
    assert str(ended.body["why"]) in site.channel.messages[0].text


@pytest.mark.parametrize("seconds", [AN_HOUR, -AN_HOUR])
def test_a_host_whose_clock_is_wrong_leads_to_its_clock(
    site: Site, wrong_date_library: Path, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    """At the operator's door: the terminal says it, the journal keeps it, and the grant is proven gone."""
    site.ssh_host.stop()
    with monkeypatch.context() as patch:
        for name, value in wrong_date.environment(str(wrong_date_library), seconds).items():
            patch.setenv(name, value)
        site.ssh_host.start()
    done = site.playbook()
    assert done.returncode == 4, done.stdout
    led = "\nweb1 refused the login, Permission denied (publickey), with a certificate valid from "
    assert led in done.stdout
    assert "Look at its clock first: date -u there." in done.stdout
    assert "Grant revoked, proven." in done.stdout
    journal = site.scratch / "operator-journal"
    assert '"advice":"web1 refused the login' in next(journal.glob("*/*/*/*/play-1.jsonl")).read_text(encoding="utf-8")
