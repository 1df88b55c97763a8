# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.policy.policy_material import SPECS, alert_of, hostile_values

from breakglass.domain.routing import Planned, Reason, Refused, Unmatched, route
from breakglass.policy.filters import MAXIMUM_TEXT
from breakglass.policy.load import load_policy
from breakglass.remediations import Remediations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from breakglass.domain.rules import Policy

INVENTORY = {"web1": frozenset({"web", "all"}), "web2": frozenset({"web", "all"}), "db1": frozenset({"db", "all"})}
POLICY = """\
version: 1
access:
  web-operator: {hosts: [web], credentials: [{kind: ssh, user: fixer}]}
  nobody: {hosts: [web, db], credentials: []}
defaults: {escalation: chat, mode: act}
triggers:
  - name: web
    match: {alertname: [A, B]}
    when: alert.labels.severity != 'info'
    access: web-operator
    approval: automatic
    remediation: restart_service
    parameters:
      restart_service_name: "{{ alert.labels.name }}"
      restart_service_health_url: "http://{{ alert.labels.instance }}/{{ alert.annotations.path }}"
  - name: soft
    match: {alertname: A}
    access: nobody
    approval: automatic
    remediation: breakglass.remediation.restart_service
    hosts: [db1, "{{ alert.labels.instance }}"]
    time_box: 90s
    parameters: {restart_service_name: x, restart_service_how: "{{ alert.labels.how }}"}
  - name: computed
    match: {alertname: C, environment: ""}
    when: alert.labels.count | int > 3
    access: web-operator
    approval: automatic
    remediation: restart_service
    parameters: {restart_service_name: x}
"""


@pytest.fixture
def routed(tmp_path: Path) -> Callable[..., Unmatched | Refused | Planned]:
    meta = tmp_path / "roles" / "restart_service" / "meta"
    meta.mkdir(parents=True)
    (meta / "argument_specs.yml").write_text(SPECS)
    (tmp_path / "p.yml").write_text(POLICY)
    remediations = Remediations(tmp_path / "roles")
    policy: Policy = load_policy(tmp_path / "p.yml", channels=["chat"], remediations=remediations, groups=None)

    def go(annotations: dict[str, str] | None = None, /, **labels: str) -> Unmatched | Refused | Planned:
        return route(alert_of(labels, annotations), policy, INVENTORY, remediations)

    return go


def test_a_plan_says_everything(routed: Callable[..., Unmatched | Refused | Planned]) -> None:
    """The plan of a matching alert holds hosts, typed parameters, access, login and time box."""
    found = routed({"path": "healthz"}, alertname="B", name="nginx", instance="web2:9100")
    assert isinstance(found, Planned)
    assert found.trigger.name == "web"
    assert found.plan.remediation == "breakglass.remediation.restart_service"
    assert found.plan.hosts == ("web2",)
    assert found.plan.parameters == {
        "restart_service_name": "nginx",
        "restart_service_health_url": "http://web2:9100/healthz",
    }
    assert (found.plan.access, found.plan.user, found.plan.time_box_seconds) == ("web-operator", "fixer", 600)


def test_the_first_match_wins(routed: Callable[..., Unmatched | Refused | Planned]) -> None:
    """A trigger whose condition is false leaves the alert to the next one."""
    found = routed(alertname="A", severity="info", instance="web1", how="soft")
    assert isinstance(found, Planned)
    assert found.trigger.name == "soft"
    assert found.plan.hosts == ("db1", "web1")
    assert (found.plan.user, found.plan.time_box_seconds) == ("", 90)


def test_no_trigger_is_unmatched(routed: Callable[..., Unmatched | Refused | Planned]) -> None:
    """An alert that no trigger takes is unmatched; a label that must be missing is not there."""
    assert routed(alertname="Z") == Unmatched()
    assert routed(alertname="C", environment="production", count="9") == Unmatched()


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ({"alertname": "A", "instance": "web9", "name": "x"}, Reason.UNKNOWN_HOST),
        ({"alertname": "A", "instance": "db1", "name": "x"}, Reason.OUTSIDE_ACCESS),
        ({"alertname": "A", "name": "x"}, Reason.NO_HOSTS),
        ({"alertname": "A", "severity": "info", "instance": "web1", "how": "rude"}, Reason.BAD_PARAMETER),
        ({"alertname": "C", "instance": "web1"}, Reason.EXPRESSION),
    ],
)
def test_a_refusal_has_its_reason(
    routed: Callable[..., Unmatched | Refused | Planned], labels: dict[str, str], reason: Reason
) -> None:
    """What stands between a match and a plan is named by a code and a sentence."""
    found = routed(**labels)
    assert isinstance(found, Refused)
    assert found.reason is reason
    assert found.sentence


HOSTILE = [pytest.param(value, id=name) for name, value in hostile_values() if isinstance(value, str)]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_never_picks_a_host(routed: Callable[..., Unmatched | Refused | Planned], text: str) -> None:
    """No text of the corpus names a host of the inventory."""
    found = routed(alertname="A", instance=text, name="nginx")
    assert isinstance(found, Refused)
    assert found.reason in (Reason.UNKNOWN_HOST, Reason.NO_HOSTS, Reason.EXPRESSION)
    assert found.reason is not Reason.EXPRESSION or len(text) > MAXIMUM_TEXT
    assert found.sentence.isprintable()


@pytest.mark.parametrize("text", [param for param in HOSTILE if param.id != "very long"])
def test_hostile_text_stays_a_parameter(routed: Callable[..., Unmatched | Refused | Planned], text: str) -> None:
    """As label value, label name, annotation and parameter, a text of the corpus stays that text."""
    labels = {text: text} | {"alertname": "A", "instance": "web1", "name": text}
    found = routed({text: text, "path": text}, **labels)
    assert isinstance(found, Planned)
    assert found.plan.parameters["restart_service_name"] == text
    assert found.plan.parameters["restart_service_health_url"] == f"http://web1/{text}"
    assert found.plan.hosts == ("web1",)
    assert len(found.plan.digest) == 64
