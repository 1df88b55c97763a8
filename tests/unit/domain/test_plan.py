# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from dataclasses import replace

import pytest

from breakglass.domain.plan import Plan, Rollout, UnreadablePlan, in_turn

PLAN = Plan(
    remediation="breakglass.remediation.restart_service",
    content_digest="0" * 64,
    hosts=("web1", "web2"),
    parameters={"restart_service_name": "nginx", "restart_service_timeout": 5},
    access="web-operator",
    user="breakglass",
    time_box_seconds=600,
)


def test_a_plan_survives_storage() -> None:
    """A plan that went through JSON is equal and has the same digest."""
    again = Plan.from_json(json.loads(json.dumps(PLAN.to_json())))
    assert again == PLAN
    assert again.digest == PLAN.digest
    assert len(PLAN.digest) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"remediation": "a.b.c"},
        {"content_digest": "1" * 64},
        {"hosts": ("web1",)},
        {"parameters": {}},
        {"access": "x"},
        {"user": "root"},
        {"time_box_seconds": 601},
        {"check_mode": True},
        {"rollout": Rollout.CANARY},
        {"extends": "INC-4T9Q"},
    ],
)
def test_every_field_is_in_the_digest(change: dict[str, object]) -> None:
    """A plan that differs in any field has another digest."""
    assert replace(PLAN, **change).digest != PLAN.digest


def test_what_extends_another_request_survives_storage() -> None:
    """And a plan of before there were any has the digest that it had."""
    plan = replace(PLAN, extends="INC-4T9Q")
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert "extends" not in PLAN.to_json()
    with pytest.raises(UnreadablePlan):
        Plan.from_json({**plan.to_json(), "extends": 7})


@pytest.mark.parametrize("rollout", Rollout)
def test_the_turns_of_the_hosts_survive_storage(rollout: Rollout) -> None:
    """And a plan of before there were any reads as it was run: all hosts at once."""
    plan = replace(PLAN, rollout=rollout)
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert ("rollout" in plan.to_json()) is (rollout is not Rollout.TOGETHER)


@pytest.mark.parametrize(
    ("hosts", "rollout", "said"),
    [
        (["a", "b", "c"], Rollout.CANARY, "a first, then b, c"),
        (["a", "b", "c"], Rollout.ONE_BY_ONE, "a, then b, then c"),
        (["a", "b", "c"], Rollout.TOGETHER, "a, b, c"),
        (["a"], Rollout.CANARY, "a"),
        (["a", "b"], "", "a, b"),
    ],
)
def test_the_turns_in_words(hosts: list[str], rollout: str, said: str) -> None:
    """Of a record of before there were any, too."""
    assert in_turn(hosts, rollout) == said


def test_the_order_of_parameters_is_not_in_the_digest() -> None:
    """Parameters are a mapping: their order means nothing."""
    assert replace(PLAN, parameters=dict(reversed(PLAN.parameters.items()))).digest == PLAN.digest


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        PLAN.to_json() | {"extra": 1},
        PLAN.to_json() | {"rollout": "sideways"},
        PLAN.to_json() | {"hosts": []},
        PLAN.to_json() | {"hosts": [1]},
        PLAN.to_json() | {"parameters": []},
        PLAN.to_json() | {"access": None},
        PLAN.to_json() | {"time_box_seconds": "600"},
        PLAN.to_json() | {"time_box_seconds": True},
    ],
)
def test_what_is_no_plan_is_refused(content: object) -> None:
    """Stored JSON with other fields or types raises UnreadablePlan."""
    with pytest.raises(UnreadablePlan):
        Plan.from_json(content)
