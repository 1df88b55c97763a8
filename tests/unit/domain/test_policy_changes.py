# SPDX-License-Identifier: GPL-3.0-or-later
"""What a policy allows that another did not: every difference is found, and none that allows more is called less."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.policy.conftest import load, roles
from tests.unit.policy.policy_material import SMALLEST

from breakglass.domain.change import Effect
from breakglass.domain.policy_changes import changes

if TYPE_CHECKING:
    from collections.abc import Callable

    from breakglass.domain.rules import Policy

__all__ = ["load", "roles"]
FULL = SMALLEST.replace(
    "    mode: act ",
    "    when: alert.labels.x == 'y'\n    time_box: 5m\n"
    "    limits: {firing_for: 2m, attempts: 2, cooldown: 10m, repairs_per_day: 3, hosts_at_once: 2,"
    " group_share: 25%, storm: {incidents: 10, within: 5m}}\n"
    "    verification: {alert_resolves_within: 5m}\n    owner: web\n    mode: act ",
) + (
    "requests:\n  - {name: console, who: [dba], access: web-operator, approval: automatic, time_box: 10m,"
    " escalation: platform-chat}\n"
    "people: {operators: [platform], auditors: [revision]}\n"
)


@pytest.fixture
def between(load: Callable[..., Policy]) -> Callable[[str, str], list[tuple[str, str]]]:
    """The changes from one text to another."""

    def compare(old: str, new: str) -> list[tuple[str, str]]:
        return [(str(change.effect), change.sentence) for change in changes(load(old), load(new))]

    return compare


TRIGGER = "trigger nginx-failed"
BOTH_WAYS = [
    ("hosts: [web]", "hosts: [web, db]", "access web-operator: hosts"),
    ("hosts: [web]", "hosts: [web]\n    max_time_box: 20m", "access web-operator: max_time_box"),
    (
        "hosts: [web]",
        "hosts: [web]\n    credentials: [{kind: ssh}, {kind: database, role: r}]",
        "access web-operator: credentials",
    ),
    ("mode: act ", "mode: observe ", TRIGGER + ": mode"),
    ("name: nginx.service", "name: [nginx.service, x.service]", TRIGGER + ": match name"),
    (", name: nginx.service", "", TRIGGER + ": match"),
    ("    when: alert.labels.x == 'y'\n", "", TRIGGER + ": when"),
    ("time_box: 5m", "time_box: 6m", TRIGGER + ": time_box"),
    ("firing_for: 2m", "firing_for: 1m", TRIGGER + ": firing_for"),
    ("attempts: 2", "attempts: 3", TRIGGER + ": attempts"),
    ("cooldown: 10m", "cooldown: 0s", TRIGGER + ": cooldown"),
    ("repairs_per_day: 3", "repairs_per_day: 9", TRIGGER + ": repairs_per_day"),
    ("hosts_at_once: 2", "hosts_at_once: 5", TRIGGER + ": hosts_at_once"),
    ("group_share: 25%", "group_share: 26%", TRIGGER + ": group_share"),
    (" group_share: 25%,", "", TRIGGER + ": group_share"),
    ("incidents: 10,", "incidents: 11,", TRIGGER + ": storm"),
    ("within: 5m}}", "within: 4m}}", TRIGGER + ": storm"),
    (", storm: {incidents: 10, within: 5m}", "", TRIGGER + ": storm"),
    ("who: [dba]", "who: [dba, sre]", "request console: who"),
    ("operators: [platform]", "operators: [platform, sre]", "people: operators"),
    ("auditors: [revision]", "auditors: [revision, sre]", "people: auditors"),
    ("automatic, time_box: 10m", "automatic, time_box: 11m", "request console: time_box"),
]


@pytest.mark.parametrize(("old", "new", "subject"), BOTH_WAYS, ids=[subject for _, _, subject in BOTH_WAYS])
def test_one_way_is_more_and_the_way_back_is_less(
    between: Callable[[str, str], list[tuple[str, str]]], old: str, new: str, subject: str
) -> None:
    """Exactly one change each way, about that."""
    assert FULL.count(old) == 1
    changed = FULL.replace(old, new)
    one, two = between(FULL, changed), between(changed, FULL)
    assert {effect for effect, _ in one} | {effect for effect, _ in two} == {"more", "less"}
    assert len(one) == len(two) == 1
    assert all(sentence.startswith(subject) for _, sentence in one + two)
    expected = "less" if subject.endswith("mode") else "more"
    assert one[0][0] == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x == 'y'", "x == 'z'"),
        ("restart_service_name: nginx", "restart_service_name: haproxy"),
        ("    match:", '    hosts: "{{ alert.labels.host }}"\n    match:'),
        ("remediation: restart_service", "remediation: restore_database_access"),
    ],
)
def test_what_can_not_be_compared_counts_as_more(
    between: Callable[[str, str], list[tuple[str, str]]], old: str, new: str
) -> None:
    """In both directions."""
    changed = FULL.replace(old, new)
    assert changed != FULL
    assert [effect for effect, _ in between(FULL, changed) + between(changed, FULL)] == ["more", "more"]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("owner: web", "owner: data", "owner is data, was web"),
        ("alert_resolves_within: 5m", "alert_resolves_within: 6m", "alert_resolves_within is 360s, was 300s"),
        (
            "escalation: platform-chat  ",
            "escalation: platform-pager  ",
            "escalation is platform-pager, was platform-chat",
        ),
    ],
)
def test_who_is_told_and_how_long_is_waited_allows_nothing(
    between: Callable[[str, str], list[tuple[str, str]]], old: str, new: str, sentence: str
) -> None:
    """It is said all the same."""
    found = between(FULL, FULL.replace(old, new))
    assert ("same", f"{TRIGGER}: {sentence}") in found
    assert {effect for effect, _ in found} == {"same"}


def test_spelling_and_comments_are_no_difference(between: Callable[[str, str], list[tuple[str, str]]]) -> None:
    """Nor is a duration in another unit."""
    assert between(FULL, FULL.replace("time_box: 5m", "time_box: 300s   # five minutes")) == []


def test_what_is_new_or_gone_is_said_as_a_whole(between: Callable[[str, str], list[tuple[str, str]]]) -> None:
    """A new trigger that acts, and a new request, allow more; one that observes does not; what is gone allows less."""
    without = FULL.partition("requests:")[0]
    assert between(FULL, without) == [
        ("less", "request console: is gone"),
        ("less", "people: operators no longer has platform"),
        ("less", "people: auditors no longer has revision"),
    ]
    assert between(without, FULL) == [
        ("more", "request console: is new, dba may ask for web-operator, approval automatic"),
        ("more", "people: operators has platform, too"),
        ("more", "people: auditors has revision, too"),
    ]
    second = "  - {name: two, match: {alertname: B}, access: web-operator, approval: automatic, remediation: restart_service, "
    second += "parameters: {restart_service_name: x}, escalation: platform-chat, mode: MODE}\n"
    for mode, effect in (("act", "more"), ("observe", "same")):
        found = between(without, without + second.replace("MODE", mode))
        assert [one for one, _ in found] == [effect]


def test_another_order_may_allow_more(between: Callable[[str, str], list[tuple[str, str]]]) -> None:
    """An alert may meet another trigger first."""
    head, first = SMALLEST.split("triggers:\n")
    second = first.replace("nginx-failed", "two").replace("nginx.service", "x.service")
    found = between(f"{head}triggers:\n{first}{second}", f"{head}triggers:\n{second}{first}")
    assert [effect for effect, _ in found] == [Effect.MORE]


def test_whom_the_runner_tells_of_itself_allows_nothing(between: Callable[[str, str], list[tuple[str, str]]]) -> None:
    """It is said all the same, also when it is gone."""
    told = f"defaults: {{escalation: platform-pager}}\n{FULL}"
    assert ("same", "defaults: escalation is platform-pager, was none") in between(FULL, told)
    assert ("same", "defaults: escalation is gone, was platform-pager") in between(told, FULL)
    assert {effect for effect, _ in between(told, told.replace("platform-pager", "duty-manager"))} == {"same"}
