# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe of a verification: what may be written, and what an alert makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from tests.unit.policy.policy_material import CHANNELS, GROUPS, SMALLEST, alert_of

from breakglass.domain.course import Probing
from breakglass.domain.policy_changes import changes
from breakglass.domain.rules import Probe
from breakglass.in_force import Rules
from breakglass.policy.load import load_policy
from breakglass.policy.problems import PolicyErrors
from breakglass.policy_text import with_defaults
from breakglass.reception import course
from breakglass.remediations import Remediations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from breakglass.domain.rules import Policy

    Load = Callable[..., Policy]

OWN = "    verification: {probe: {query: 'probe_success{job=\"shop\"}', labels: [instance, name]}}\n    mode: act"
PROBED = SMALLEST.replace("    mode: act", OWN)
HOSTS = {"web1": frozenset({"web"})}


def test_a_trigger_has_its_own_or_that_of_the_defaults(load: Load) -> None:
    """The query stands as it is written; without labels the instance must be the alert's."""
    assert load(PROBED).triggers[0].probe == Probe('probe_success{job="shop"}', ("instance", "name"))
    outer = "defaults: {verification: {probe: {query: up}}}\n"
    assert load(SMALLEST + outer).triggers[0].probe == Probe("up", ("instance",))
    assert load(PROBED + outer).triggers[0].probe == load(PROBED).triggers[0].probe
    assert load(SMALLEST).triggers[0].probe is None


@pytest.mark.parametrize("probe", ["{query: ''}", "{labels: [instance]}", "{query: up, labels: []}", "up", "[up]"])
def test_a_probe_needs_a_query_and_labels(load: Load, probe: str) -> None:
    """What is no question, or would take any series for the alert's, is refused."""
    with pytest.raises(PolicyErrors):
        load(SMALLEST.replace("    mode: act", f"    verification: {{probe: {probe}}}\n    mode: act"))


def test_it_belongs_to_the_meaning(load: Load) -> None:
    """It is printed, read back with the same digest, and another one is a difference that allows nothing more."""
    policy = load(PROBED)
    printed = with_defaults(policy)
    probe = yaml.safe_load(printed)["triggers"][0]["verification"]["probe"]
    assert probe == {"query": 'probe_success{job="shop"}', "labels": ["instance", "name"]}
    assert load(printed).digest == policy.digest
    assert policy.digest != load(SMALLEST).digest
    (change,) = changes(load(SMALLEST), policy)
    assert (change.effect, "probe is probe_success" in change.sentence) == ("same", True)


def test_somebody_must_be_there_to_be_asked(tmp_path: Path, roles: Path) -> None:
    """Settings without a Prometheus make it a problem, with its line."""
    path = tmp_path / "policy.yml"
    path.write_text(PROBED, encoding="utf-8")
    around = {"channels": CHANNELS, "remediations": Remediations(roles), "groups": GROUPS}
    with pytest.raises(PolicyErrors, match="the settings name no Prometheus") as caught:
        load_policy(path, has_prometheus=False, **around)  # type: ignore[arg-type]
    (problem,) = caught.value.problems
    assert PROBED.splitlines()[problem.line - 1].strip().startswith("verification:")


def test_what_is_asked_about_an_alert(load: Load, roles: Path) -> None:
    """Its own labels, as they were when its incident began; without a probe whether its target is there; nothing where it has no target."""

    def asked(policy: Policy, *, prometheus: bool = True, **labels: str) -> Probing | None:
        found = course(alert_of(labels), Rules(policy, HOSTS, Remediations(roles), prometheus))
        assert found is not None
        return found.probing

    known = {"alertname": "SystemdUnitFailed", "name": "nginx.service", "instance": "web1:9100", "job": "node"}
    assert asked(load(PROBED), **known) == Probing(
        'probe_success{job="shop"}', (("instance", "web1:9100"), ("name", "nginx.service"))
    )
    assert asked(load(SMALLEST), **known) == Probing("up", (("instance", "web1:9100"), ("job", "node")))
    without_name = PROBED.replace(", name: nginx.service}", "}")
    other = {name: value for name, value in known.items() if name != "name"}
    assert asked(load(without_name), **other) == Probing(
        'probe_success{job="shop"}', (("instance", "web1:9100"), ("name", ""))
    )
    assert asked(load(SMALLEST), prometheus=False, **known) is None
    nowhere = {name: value for name, value in known.items() if name not in ("instance", "job")}
    assert asked(load(SMALLEST.replace("    mode: act", "    hosts: web1\n    mode: act")), **nowhere) is None
