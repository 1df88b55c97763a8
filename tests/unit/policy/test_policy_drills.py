# SPDX-License-Identifier: GPL-3.0-or-later
"""`drills:` of the policy: what is read, what is refused, and that it belongs to what a policy means."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.unit.policy.policy_material import BEHAVIOUR, SMALLEST

from breakglass.domain.change import Effect
from breakglass.domain.policy_changes import changes
from breakglass.domain.rules import Drill
from breakglass.domain.schedule import Schedule
from breakglass.policy_text import with_defaults

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.policy.conftest import Load

    Problems = Callable[..., list[str]]

DRILLS = """
drills:
  - {name: monday-web, trigger: nginx-failed, hosts: [web_canary],
     every: monday, at: "10:00", timezone: Europe/Berlin}
"""


def drilling(old: str = "", new: str = "") -> str:
    text = SMALLEST + DRILLS
    assert old in text
    return text.replace(old, new) if old else text


def test_a_drill_is_read_with_its_schedule(load: Load) -> None:
    """As it is written in the design."""
    assert load(drilling()).drills == (
        Drill(
            name="monday-web",
            line="1.yml:16",
            trigger="nginx-failed",
            hosts=("web_canary",),
            check=False,
            schedule=Schedule("monday", time(10, 0), "Europe/Berlin"),
            labels={},
        ),
    )


def test_a_drill_without_a_schedule_is_for_people(load: Load) -> None:
    """With labels of its own, and in check mode."""
    text = drilling(
        'every: monday, at: "10:00", timezone: Europe/Berlin',
        "check: true, labels: {severity: critical}, host_label: node",
    )
    (drill,) = load(text).drills
    assert (drill.schedule, drill.check, drill.host_label) == (None, True, "node")
    assert drill.labels == {"severity": "critical"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("trigger: nginx-failed, h", "trigger: nginx-faild, h", '1.yml:16: monday-web: there is no trigger nginx-faild. Did you mean "nginx-failed"?'),
        ("[web_canary]", "[web_canarry]", 'web_canarry is not a group of the inventory. Did you mean "web_canary"?'),
        ("[web_canary]", "[]", "must not be empty"),
        ("every: monday", "every: mondays", "'mondays' is not known. Did you mean \"monday\"?"),
        ('"10:00"', '"24:00"', 'Write a time of day in quotes, as "09:30".'),
        ('"10:00"', "600", 'Write a time of day in quotes, as "09:30".'),
        ("Europe/Berlin", "Europe/Berlino", 'not a time zone that this machine knows. Did you mean "Europe/Berlin"?'),
        ("Europe/Berlin", "[UTC]", "Write the name of a time zone"),
        (", timezone: Europe/Berlin", "", "every, at and timezone belong together"),
        ("every: monday", "labels: {instance: web1}, every: monday", "The label instance names the host of each drill"),
        ("every: monday", "labels: {name: httpd}, every: monday", "monday-web: its alert would not meet nginx-failed: name is httpd, not nginx.service."),
        ("every: monday", "host_label: 'a b', every: monday", "'a b' is not a label name"),
        ("every: monday", "check: maybe, every: monday", "Write true or false."),
        ("every: monday", "evry: monday", 'is not known. Did you mean "every"?'),
    ],
)  # fmt: skip
def test_a_drill_that_can_not_be_meant_is_refused(problems: Problems, old: str, new: str, said: str) -> None:
    """With its line and a sentence."""
    assert any(said in line for line in problems(drilling(old, new))), problems(drilling(old, new))


def test_two_drills_have_two_names(problems: Problems) -> None:
    """Or nobody knows which one is meant."""
    found = problems(drilling() + "  - {name: monday-web, trigger: nginx-failed, hosts: [web]}\n")
    assert (
        found == ["1.yml:18: The drill monday-web is defined twice, first at 1.yml:16."] or "defined twice" in found[0]
    )


def test_an_alert_that_meets_another_trigger_first_is_refused(problems: Problems) -> None:
    """It would rehearse something else."""
    before = "  - name: nginx-failed"
    other = before.replace("nginx-failed", "critical-first") + SMALLEST.split(before)[1].split("  - name")[0].replace(
        "{alertname: SystemdUnitFailed, name: nginx.service}", "{severity: critical}"
    )
    text = drilling("every: monday", "labels: {severity: critical}, every: monday").replace(before, other + before)
    assert any("its alert meets critical-first" in line for line in problems(text))


def test_check_mode_must_mean_something(problems: Problems, roles: Path) -> None:
    """A remediation without check mode can't be rehearsed in it."""
    meta = roles / "restart_service" / "meta" / "remediation.yml"
    meta.write_text(BEHAVIOUR.replace("check_mode: full", "check_mode: none"), encoding="utf-8")
    text = drilling("every: monday", "check: true, every: monday")
    assert any("says check_mode: none, so check mode would prove nothing" in line for line in problems(text))


def test_drills_belong_to_what_a_policy_means(load: Load) -> None:
    """Its digest and `policy diff` know them, and `policy show` writes them so that they mean the same."""
    bare, with_drill = load(SMALLEST), load(drilling())
    assert bare.digest != with_drill.digest
    (change,) = changes(bare, with_drill)
    assert (change.effect, change.sentence) == (
        Effect.MORE,
        "drill monday-web: is new, rehearses nginx-failed on web_canary, every monday at 10:00 Europe/Berlin",
    )
    checked = load(drilling("every: monday", "check: true, every: monday"))
    assert [(one.effect, one.sentence) for one in changes(with_drill, checked)] == [
        (Effect.LESS, "drill monday-web: check is true")
    ]
    by_hand = load(drilling('every: monday, at: "10:00", timezone: Europe/Berlin', "check: false"))
    assert "runs by hand, was every monday" in changes(with_drill, by_hand)[0].sentence
    assert load(with_defaults(with_drill)).digest == with_drill.digest
    assert yaml.safe_load(with_defaults(with_drill))["drills"][0]["at"] == "10:00"
