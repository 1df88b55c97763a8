# SPDX-License-Identifier: GPL-3.0-or-later
"""`remediations:` of the policy: how roles of other collections behave, said by who uses them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.unit.policy.policy_material import BEHAVIOUR, CHANNELS, GROUPS, SMALLEST, SPECS, alert_of

from breakglass.domain.change import Effect
from breakglass.domain.plan import Rollout
from breakglass.domain.policy_changes import changes
from breakglass.domain.routing import BadParameter, Planned, route
from breakglass.policy.load import load_policy
from breakglass.policy.problems import PolicyErrors
from breakglass.policy_text import with_defaults
from breakglass.remediations import Remediations

if TYPE_CHECKING:
    from pathlib import Path

    from breakglass.domain.rules import Policy

OTHERS = SMALLEST.replace("remediation: restart_service", "remediation: acme.web.restart_service")
STATED = (
    OTHERS
    + """
remediations:
  acme.web.restart_service:
    idempotent: true
    expected_duration: 5m
    check_mode: partial
    holds_host: true
    parameters: {restart_service_name: service}
"""
)


@pytest.fixture
def installed(tmp_path: Path) -> Remediations:
    """A role of another collection that says nothing of itself."""
    meta = tmp_path / "ansible_collections" / "acme" / "web" / "roles" / "restart_service" / "meta"
    meta.mkdir(parents=True)
    (meta / "argument_specs.yml").write_text(SPECS, encoding="utf-8")
    return Remediations(tmp_path / "roles", [tmp_path])


def loaded(text: str, installed: Remediations, tmp_path: Path) -> Policy:
    path = tmp_path / "policy.yml"
    path.write_text(text, encoding="utf-8")
    return load_policy(path, channels=CHANNELS, remediations=installed, groups=GROUPS)


def test_without_a_word_a_role_of_others_is_as_dangerous_as_it_could_be(
    installed: Remediations, tmp_path: Path
) -> None:
    """It works by its full name, is never repeated after an unknown outcome, and has no check mode."""
    loaded(OTHERS, installed, tmp_path)
    behaviour = installed.find("acme.web.restart_service").behaviour
    assert (behaviour.idempotent, behaviour.disruptive, behaviour.check_mode) == (False, True, "none")


def test_the_policy_states_how_a_role_of_others_behaves(installed: Remediations, tmp_path: Path) -> None:
    """In the place of what the role says, also what each parameter names."""
    policy = loaded(STATED, installed, tmp_path)
    role = installed.stating(policy.behaviours).find("acme.web.restart_service")
    behaviour = role.behaviour
    assert (behaviour.idempotent, behaviour.holds_host, behaviour.check_mode) == (True, True, "partial")
    assert behaviour.expected_duration == timedelta(minutes=5)
    with pytest.raises(BadParameter, match="restart_service_name is not the name of a service"):
        role.check_parameters({"restart_service_name": "nginx; id"})
    meta = role.directory / "meta" / "remediation.yml"
    meta.write_text(BEHAVIOUR, encoding="utf-8")
    again = Remediations(installed.roles, installed.collection_paths)
    assert not again.find("acme.web.restart_service").behaviour.holds_host
    assert again.stating(policy.behaviours).find("acme.web.restart_service").behaviour.holds_host
    assert not again.find("acme.web.restart_service").behaviour.holds_host, "the first one stays as it is"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  acme.web.restart_service:\n", "  restart_service:\n", "Name a role of another collection: namespace.collection.role."),
        ("  acme.web.restart_service:\n", "  breakglass.remediation.restart_service:\n", "says itself how it behaves, and nobody else may."),
        ("holds_host: true", "holds_host: true\n    releases_host: true", "can't both hold its host and release it"),
        ("restart_service_name: service}", "restart_service_name: servicee}", "restart_service_name has no kind that there is"),
        ("check_mode: partial", "check_mode: some", "'some' is not known"),
        ("idempotent: true", "idempotentt: true", 'is not known. Did you mean "idempotent"?'),
        ("expected_duration: 5m", "expected_duration: 11m", "its time_box (600 s) is shorter than acme.web.restart_service takes as a rule (660 s)."),
    ],
)  # fmt: skip
def test_what_can_not_be_stated_is_refused(
    installed: Remediations, tmp_path: Path, old: str, new: str, said: str
) -> None:
    """With its line and a sentence."""
    head, _, section = STATED.partition("remediations:")
    assert old in section
    with pytest.raises(PolicyErrors) as found:
        loaded(f"{head}remediations:{section.replace(old, new)}", installed, tmp_path)
    assert any(said in str(problem) for problem in found.value.problems), found.value.problems


def test_what_is_stated_belongs_to_what_a_policy_means(installed: Remediations, tmp_path: Path) -> None:
    """Its digest and `policy diff` know it, and `policy show` writes it so that it means the same."""
    bare, stated = loaded(OTHERS, installed, tmp_path), loaded(STATED, installed, tmp_path)
    assert bare.digest != stated.digest
    (change,) = changes(bare, stated)
    assert change.effect is Effect.MORE
    assert change.sentence.startswith("remediation acme.web.restart_service: is new, is stated as idempotent true, ")
    other = loaded(STATED.replace("holds_host: true", "holds_host: false"), installed, tmp_path)
    assert [one.sentence for one in changes(stated, other)] == [
        "remediation acme.web.restart_service: holds_host is false, was true"
    ]
    assert loaded(with_defaults(stated), installed, tmp_path).digest == stated.digest


@pytest.mark.parametrize(
    ("stated", "hosts", "turns"),
    [
        ("", "[web1, web2]", Rollout.CANARY),
        ("rollout: one-by-one", "[web1, web2]", Rollout.ONE_BY_ONE),
        ("rollout: together", "[web1, web2]", Rollout.TOGETHER),
        ("", "web1", Rollout.TOGETHER),
    ],
)
def test_of_several_hosts_one_goes_first_unless_it_is_said_otherwise(
    installed: Remediations, tmp_path: Path, stated: str, hosts: str, turns: Rollout
) -> None:
    """The plan says so, and a single host has no turns."""
    text = STATED.replace("idempotent: true", f"idempotent: true\n    {stated}")
    text = text.replace("access: web-operator", f"access: web-operator\n    hosts: {hosts}", 1)
    policy = loaded(text, installed, tmp_path)
    inventory = {name: frozenset({"web"}) for name in ("web1", "web2")}
    alert = alert_of({"alertname": "SystemdUnitFailed", "name": "nginx.service"})
    answer = route(alert, policy, inventory, installed.stating(policy.behaviours))
    assert isinstance(answer, Planned)
    assert answer.plan.rollout is turns
    assert loaded(with_defaults(policy), installed, tmp_path).digest == policy.digest


def test_the_turns_of_hosts_belong_to_what_a_policy_means(installed: Remediations, tmp_path: Path) -> None:
    """Who lets all hosts go at once allows more; the default is in no digest, so that those of before it are the same."""
    one = loaded(STATED, installed, tmp_path)
    said = STATED.replace("idempotent: true", "idempotent: true\n    rollout: canary")
    assert loaded(said, installed, tmp_path).digest == one.digest
    other = loaded(said.replace("canary", "together"), installed, tmp_path)
    assert other.digest != one.digest
    (change,) = changes(one, other)
    assert (change.effect, change.sentence) == (
        Effect.MORE,
        "remediation acme.web.restart_service: rollout is together, was canary",
    )
