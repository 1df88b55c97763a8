# SPDX-License-Identifier: GPL-3.0-or-later
"""A remediation of another collection, made by `breakglass remediation new`, at work in a real runner by its full name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from tests.support.site import Site

from breakglass.new_remediation import New, make

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROLE = "shop.repairs.set_mode"


class Workshop(Site):
    """A site whose policy uses a remediation of a collection of its own, and states how it behaves."""

    @property
    def file(self) -> Path:
        """What is repaired."""
        return self.scratch / "mode"

    def prepare(self) -> None:
        """Make the remediation, and add its entry to the policy and its place to the settings."""
        home = self.scratch / "collections"
        collection = home / "ansible_collections" / "shop" / "repairs"
        make(New("set_mode", "shop.repairs", "web", "on-call"), collection)
        entry = yaml.load((collection / "policy" / "set_mode.yml").read_text(), yaml.BaseLoader)
        (trigger,) = entry["triggers"]
        trigger |= {
            "mode": "act",
            "access": "web-operator",
            "parameters": {**trigger["parameters"], "set_mode_path": str(self.file)},
        }
        policy = yaml.load(self.place.policy.read_text(), yaml.BaseLoader)
        policy["triggers"] += [trigger]
        policy["remediations"] = {ROLE: {"idempotent": "true", "check_mode": "full", "holds_host": "true"}}
        self.place.policy.write_text(yaml.safe_dump(policy, sort_keys=False))
        settings = yaml.safe_load(self.place.settings.read_text())
        self.place.settings.write_text(yaml.safe_dump({**settings, "collections": [str(home)]}, sort_keys=False))
        inventory = yaml.safe_load(self.place.inventory.read_text())
        inventory["web"]["hosts"]["web1"]["breakglass_evidence_directory"] = str(self.scratch / "evidence")
        self.place.inventory.write_text(yaml.safe_dump(inventory))


@pytest.fixture
def site() -> Iterator[Workshop]:
    with Workshop() as made:
        made.prepare()
        yield made


def test_a_remediation_of_another_collection_repairs(site: Workshop) -> None:
    """By its full name; what the policy states of it holds, and it keeps its evidence."""
    site.file.write_text("closed\n")
    with site.runner() as runner:
        alert = site.alert(labels={"alertname": "SetModeNeeded"})
        incident = site.post(runner.url, alert)
        assert site.wait_for(incident, "plan.made")[0].body["remediation"] == ROLE
        assert site.wait_for(incident, "play.ended")[0].body["outcome"] == "ok"
        assert site.file.read_text() == "open\n"
        (held,) = site.wait_for(incident, "hold.set")
        assert held.body["name"] == "web1", "the policy states that it holds its host, the role says that it does not"
        site.wait_for(incident, "grant.revoked")
        site.post(runner.url, {**alert, "status": "resolved", "alerts": [{**alert["alerts"][0], "status": "resolved"}]})  # type: ignore[index]
        assert site.wait_for(incident, "incident.closed")[0].body["result"] == "repaired"
    assert list((site.scratch / "evidence").iterdir())
