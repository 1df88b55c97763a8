# SPDX-License-Identifier: GPL-3.0-or-later
"""`tests:` of a policy: what is compared, what fails, and what can't even be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.policy.policy_material import SMALLEST, hostile_values

from breakglass.domain.rehearsal import rehearse
from breakglass.remediations import Remediations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from breakglass.domain.rules import Policy

INVENTORY = {"web1": frozenset({"web", "all"}), "db1": frozenset({"db", "all"})}
ALERT = "{alertname: SystemdUnitFailed, name: nginx.service, instance: 'web1:9100'}"


def with_test(expect: str, alert: str = ALERT) -> str:
    return f"{SMALLEST}tests:\n  - name: a test\n    alert: {alert}\n    expect: {expect}\n"


@pytest.fixture
def remediations(roles: Path) -> Remediations:
    """The small roles."""
    return Remediations(roles)


@pytest.fixture
def said(load: Callable[[str], Policy], remediations: Remediations) -> Callable[[str], tuple[str, ...]]:
    """What a policy's only test says."""

    def run(text: str) -> tuple[str, ...]:
        policy = load(text)
        (case,) = policy.cases
        return rehearse(case, policy, INVENTORY, remediations)

    return run


@pytest.mark.parametrize(
    "expect",
    [
        "{trigger: nginx-failed}",
        "{trigger: nginx-failed, hosts: [web1], approval: automatic, access: web-operator, mode: act}",
        "{remediation: restart_service, parameters: {restart_service_name: nginx}}",
        "{remediation: breakglass.remediation.restart_service, parameters: {}}",
    ],
)
def test_what_is_true_holds(said: Callable[[str], tuple[str, ...]], expect: str) -> None:
    """Each word of `expect` is compared, and nothing else."""
    assert said(with_test(expect)) == ()


@pytest.mark.parametrize(
    ("expect", "sentence"),
    [
        ("{hosts: [db1]}", "hosts is web1, not db1"),
        ("{hosts: []}", "hosts is web1, not empty"),
        ("{mode: observe}", "mode is act, not observe"),
        ("{refused: unknown-host}", "refused is nothing, not unknown-host"),
        ("{unmatched: true}", "a trigger takes it"),
        (
            "{parameters: {restart_service_name: haproxy}}",
            "parameters is restart_service_name=nginx, not restart_service_name=haproxy",
        ),
        ("{parameters: {other: 1}}", "parameters is restart_service_name=nginx, not other=1"),
    ],
)
def test_what_is_not_true_fails_and_says_both(
    said: Callable[[str], tuple[str, ...]], expect: str, sentence: str
) -> None:
    """One sentence for each word that differs."""
    assert said(with_test(expect)) == (sentence,)


def test_a_refusal_can_be_expected_and_explains_itself(said: Callable[[str], tuple[str, ...]]) -> None:
    """An unknown host is refused; who expected hosts is told why there are none."""
    nowhere = "{alertname: SystemdUnitFailed, name: nginx.service, instance: '{{ 7*7 }}'}"
    assert said(with_test("{refused: unknown-host, trigger: nginx-failed}", nowhere)) == ()
    first, second = said(with_test("{hosts: [web1]}", nowhere))
    assert first == "hosts is nothing, not web1"
    assert second.startswith("it was refused (unknown-host): '{{ 7*7 }}' is not a host")


def test_an_alert_that_nobody_takes_can_be_expected(said: Callable[[str], tuple[str, ...]]) -> None:
    """So that a policy can say what it must leave alone."""
    assert said(with_test("{unmatched: true}", "{alertname: Other}")) == ()
    assert said(with_test("{trigger: nginx-failed}", "{alertname: Other}")) == ("trigger is nothing, not nginx-failed",)


def test_tests_are_no_part_of_the_digest(load: Callable[[str], Policy]) -> None:
    """Approvals stay valid when a test is added."""
    assert load(with_test("{unmatched: true}")).digest == load(SMALLEST).digest


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (with_test("{}"), "expects nothing"),
        (with_test("{triger: x}"), "triger"),
        (with_test("{trigger: nginx-faild}"), 'Did you mean "nginx-failed"?'),
        (with_test("{access: nobody}"), "there is no access nobody"),
        (with_test("{remediation: nothing_here}"), "nothing_here"),
        (with_test("{refused: because}"), "because"),
        (with_test("{unmatched: true}", "{a-b: c}"), "is not a label name"),
        (with_test("{unmatched: true}", "[a]"), "names of labels and texts"),
        (
            with_test("{unmatched: true}") + "  - {name: a test, alert: {a: b}, expect: {unmatched: true}}\n",
            "written twice",
        ),
    ],
)
def test_what_can_not_be_meant_is_refused(problems: Callable[[str], list[str]], text: str, sentence: str) -> None:
    """With the line of the test."""
    assert any(sentence in problem for problem in problems(text)), problems(text)


@pytest.mark.parametrize("value", [value for _, value in hostile_values() if isinstance(value, str)])
def test_hostile_labels_are_data(load: Callable[[str], Policy], remediations: Remediations, value: str) -> None:
    """Whatever a label says: it is compared, and nothing happens."""
    policy = load(with_test("{trigger: nginx-failed}"))
    (case,) = policy.cases
    hostile = type(case)(case.name, case.line, {**case.labels, "name": value}, {"x": value}, {"unmatched": True})
    assert rehearse(hostile, policy, INVENTORY, remediations) == ()
