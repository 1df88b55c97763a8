# SPDX-License-Identifier: GPL-3.0-or-later
"""`maintenance:` of the policy, and `now:` of its tests: what is read, what is refused, what it means."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.unit.policy.policy_material import SMALLEST, alert_of

from breakglass.domain.change import Effect
from breakglass.domain.maintenance import Window
from breakglass.domain.policy_changes import changes
from breakglass.domain.rehearsal import rehearse
from breakglass.domain.schedule import Schedule
from breakglass.in_force import Rules
from breakglass.policy_graph import policy_graph
from breakglass.policy_text import with_defaults
from breakglass.reception import course
from breakglass.remediations import Remediations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.policy.conftest import Load

    Problems = Callable[..., list[str]]

WINDOWS = """
maintenance:
  - {name: web-patching, hosts: [web], every: sunday, at: "02:00",
     lasts: 3h, timezone: Europe/Berlin, mode: observe}
"""
INVENTORY = {"web1": frozenset({"web", "all"}), "db1": frozenset({"db", "all"})}
ALERT = {"alertname": "SystemdUnitFailed", "name": "nginx.service", "instance": "web1:9100"}
IN_IT, BEFORE_IT = "2026-11-22T02:30:00+01:00", "2026-11-22T01:59:59+01:00"


def patching(old: str = "", new: str = "") -> str:
    text = SMALLEST + WINDOWS
    assert old in text
    return text.replace(old, new) if old else text


def at_a_moment(now: str, expect: str) -> str:
    return f"{patching()}tests:\n  - {{name: a test, now: {now}, alert: {ALERT}, expect: {expect}}}\n"


def test_a_window_is_read(load: Load) -> None:
    """As it is written in the design; it can only observe, so its mode may be left out."""
    schedule = Schedule("sunday", time(2, 0), "Europe/Berlin")
    expected = (Window("web-patching", "1.yml:16", ("web",), schedule, timedelta(hours=3)),)
    assert load(patching()).maintenance == expected
    assert load(patching(", mode: observe", "")).maintenance == expected


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{name: web-patching, hosts: [web]", "{name: web-patching, hosts: [webb]", '1.yml:16: web-patching: webb is not a group of the inventory. Did you mean "web"?'),
        ("{name: web-patching, hosts: [web]", "{name: web-patching, hosts: []", "must not be empty"),
        ("{name: web-patching, hosts: [web]", "{name: web-patching", "hosts"),
        ("every: sunday", "every: sunnday", "'sunnday' is not known. Did you mean \"sunday\"?"),
        ('"02:00"', '"2:00"', 'Write a time of day in quotes, as "09:30".'),
        ("lasts: 3h", "lasts: 3 hours", "Write a duration as a whole number and one unit"),
        ("lasts: 3h", "lasts: 0h", "This duration must be longer than 0."),
        ("lasts: 3h", "lasts: 7d", "1.yml:17: web-patching: it opens again before it is over, so it is never closed: with every: sunday it must last less than a week."),
        ('every: sunday, at: "02:00",\n     lasts: 3h', 'every: day, at: "02:00",\n     lasts: 24h', "with every: day it must last less than a day. Where nothing shall ever run, write mode: observe in the trigger."),
        ("lasts: 3h, ", "", "lasts"),
        ("Europe/Berlin", "Europe/Berlino", 'not a time zone that this machine knows. Did you mean "Europe/Berlin"?'),
        (", timezone: Europe/Berlin", "", "timezone"),
        ("mode: observe", "mode: act", "A maintenance window can't make a trigger act: it only takes away."),
        ("mode: observe", "mode: obsrve", "Write `mode: observe`."),
        ("every: sunday", "evry: sunday", 'is not known. Did you mean "every"?'),
    ],
)  # fmt: skip
def test_a_window_that_can_not_be_meant_is_refused(problems: Problems, old: str, new: str, said: str) -> None:
    """With its line and a sentence."""
    assert any(said in line for line in problems(patching(old, new))), problems(patching(old, new))


def test_two_windows_have_two_names(problems: Problems) -> None:
    """The journal names them."""
    again = '  - {name: web-patching, hosts: [db], every: day, at: "02:00", lasts: 1h, timezone: UTC}\n'
    (problem,) = problems(patching() + again)
    assert problem.startswith("1.yml:18: The maintenance window web-patching is defined twice, first at ")


def test_a_window_that_nearly_fills_its_period_is_allowed(load: Load) -> None:
    """Whether that is wise is not for us to say."""
    assert load(patching("lasts: 3h", "lasts: 167h")).maintenance


def test_windows_belong_to_what_a_policy_means(load: Load) -> None:
    """Its digest knows them, and `policy show` writes them so that they mean the same."""
    bare, patched = load(SMALLEST), load(patching())
    assert bare.digest != patched.digest
    assert load(with_defaults(patched)).digest == patched.digest
    assert yaml.safe_load(with_defaults(patched))["maintenance"] == [
        {"name": "web-patching", "hosts": ["web"], "every": "sunday", "at": "02:00", "timezone": "Europe/Berlin", "lasts": "3h", "mode": "observe"}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "effect", "sentence"),
    [
        ("hosts: [web], every", "hosts: [db, web], every", Effect.LESS, "hosts has db, too"),
        ("hosts: [web], every", "hosts: [db], every", Effect.MORE, "hosts no longer has web"),
        ("lasts: 3h", "lasts: 2h", Effect.MORE, "lasts 7200s, was 10800s"),
        ("lasts: 3h", "lasts: 4h", Effect.LESS, "lasts 14400s, was 10800s"),
        ("02:00", "03:00", Effect.MORE, "opens every sunday at 03:00 Europe/Berlin, was every sunday at 02:00 Europe/Berlin"),
        ("Europe/Berlin", "UTC", Effect.MORE, "opens every sunday at 02:00 UTC, was every sunday at 02:00 Europe/Berlin"),
    ],
)  # fmt: skip
def test_a_window_that_closes_less_allows_more(load: Load, old: str, new: str, effect: Effect, sentence: str) -> None:
    """So does one at another time: it was closed then, and is not now."""
    found = {change.sentence: change.effect for change in changes(load(patching()), load(patching(old, new)))}
    assert found[f"maintenance web-patching: {sentence}"] is effect


def test_a_window_that_is_gone_allows_more(load: Load) -> None:
    """And one that is new allows less."""
    bare, patched = load(SMALLEST), load(patching())
    (less,), (more,) = changes(bare, patched), changes(patched, bare)
    words = "web every sunday at 02:00 Europe/Berlin for 10800s"
    assert (less.effect, less.sentence) == (Effect.LESS, f"maintenance web-patching: is new, observes {words}")
    assert (more.effect, more.sentence) == (Effect.MORE, f"maintenance web-patching: is gone, it observed {words}")


def test_the_picture_shows_the_windows_of_a_triggers_hosts(load: Load) -> None:
    """By the groups of the hosts that its access opens, not by the names of the groups."""
    text = patching("{name: web-patching, hosts: [web]", "{name: web-patching, hosts: [all]")
    (node,) = (line for line in policy_graph(load(text), INVENTORY) if "only observed in" in line)
    assert "web-patching: every sunday at 02:00 Europe/Berlin, 3h" in node
    elsewhere = patching("{name: web-patching, hosts: [web]", "{name: web-patching, hosts: [db]")
    assert not [line for line in policy_graph(load(elsewhere), INVENTORY) if "only observed in" in line]


def test_an_incident_knows_the_windows_of_its_hosts(load: Load, roles: Path) -> None:
    """From the policy under which it was opened, so that it finishes under that."""
    for group, known in (("web", 1), ("db", 0), ("all", 1)):
        policy = load(patching("{name: web-patching, hosts: [web]", f"{{name: web-patching, hosts: [{group}]"))
        rules = Rules(policy=policy, hosts=INVENTORY, remediations=Remediations(roles), has_prometheus=False)
        found = course(alert_of(ALERT), rules)
        assert found is not None
        assert len(found.windows) == known


@pytest.mark.parametrize(
    ("now", "expect", "wrong"),
    [
        (f'"{IN_IT}"', "{trigger: nginx-failed, mode: observe}", ()),
        (f'"{IN_IT}"', "{mode: act}", ("mode is observe, not act",)),
        (f'"{BEFORE_IT}"', "{mode: act}", ()),
        ('"2026-11-22T01:30:00Z"', "{mode: observe}", ()),
        ("null", "{mode: act}", ()),
    ],
)
def test_a_test_says_when_it_is(load: Load, roles: Path, now: str, expect: str, wrong: tuple[str, ...]) -> None:
    """Windows are judged by its `now`; without one it is outside of all of them, whatever time it is."""
    text = at_a_moment(now, expect).replace("now: null, ", "")
    policy = load(text)
    assert rehearse(policy.cases[0], policy, INVENTORY, Remediations(roles)) == wrong


def test_the_moment_of_a_test_is_read(load: Load) -> None:
    """With its offset, and it is no part of the digest."""
    policy = load(at_a_moment(f'"{IN_IT}"', "{mode: observe}"))
    assert policy.cases[0].now == datetime.fromisoformat(IN_IT)
    assert policy.digest == load(patching()).digest


@pytest.mark.parametrize("now", ["2026-11-22T02:30:00", "sunday", '"02:30"', "[1]", '""', "2026-11-22"])
def test_a_moment_without_an_offset_is_refused(problems: Problems, now: str) -> None:
    """It would mean another moment on each machine."""
    (problem,) = problems(at_a_moment(now, "{mode: observe}"))
    assert problem.startswith("1.yml:19: ")
    assert 'Write a date, a time and the offset from UTC in quotes, as "2026-11-22T02:30:00+01:00".' in problem
