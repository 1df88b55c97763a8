# SPDX-License-Identifier: GPL-3.0-or-later
"""`people:` of the policy: who is operator and auditor, and what it gets wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml
from tests.unit.policy.policy_material import SMALLEST

from breakglass.domain.people import People
from breakglass.domain.rules import Policy
from breakglass.policy_text import with_defaults

Load = Callable[..., Policy]
Problems = Callable[..., list[str]]

ENTRY = "people:\n  operators: [platform, web-ops]\n  auditors: [revision]\n"


def test_the_roles_are_what_is_written(load: Load) -> None:
    """Both are in the digest, and among the groups that `vault apply` makes."""
    loaded = load(SMALLEST + ENTRY)
    assert loaded.people == People(frozenset({"platform", "web-ops"}), frozenset({"revision"}))
    assert loaded.groups == {"platform", "web-ops", "revision"}
    assert load(SMALLEST + ENTRY.replace("revision", "audit")).digest != loaded.digest


def test_nobody_is_in_a_role_that_is_not_written(load: Load) -> None:
    """Neither without the section, nor without one of its lines; a policy without it keeps its digest."""
    digest = load(SMALLEST).digest
    assert load(SMALLEST).people == load(SMALLEST + "people:\n").people == People()
    assert load(SMALLEST + "people:\n").digest == digest
    assert load(SMALLEST + "people: {auditors: [revision]}\n").people.operators == frozenset()


def test_its_lines_may_stand_in_two_files_but_each_only_in_one(load: Load, problems: Problems) -> None:
    """So the file of one team can't make its own people operators beside those of another."""
    auditors = "version: 1\npeople: {auditors: [revision]}\n"
    loaded = load(SMALLEST + "people: {operators: [platform]}\n", auditors)
    assert loaded.people == People(frozenset({"platform"}), frozenset({"revision"}))
    found = problems(SMALLEST + ENTRY, auditors)
    assert any("people.auditors is defined twice, first at" in one for one in found), found


def test_with_its_defaults_it_is_written_as_it_is_read(load: Load) -> None:
    """Sorted, and left out when nobody is named."""
    written = yaml.safe_load(with_defaults(load(SMALLEST + ENTRY)))
    assert written["people"] == {"operators": ["platform", "web-ops"], "auditors": ["revision"]}
    assert "people" not in yaml.safe_load(with_defaults(load(SMALLEST)))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("people: {operator: [platform]}\n", 'Did you mean "operators"?'),
        ("people: {operators: []}\n", "operators: must not be empty"),
        ("people: {operators: platform}\n", "must be a list"),
        ("people: {operators:}\n", "must be a list"),
        ('people: {auditors: ["a b"]}\n', "'a b' is not"),
        ("people: [platform]\n", "must be a mapping"),
        ("people: {operators: [ops, both], auditors: [both]}\n", "people: both: both operators and auditors"),
        ("peopel: {operators: [platform]}\n", 'Did you mean "people"?'),
    ],
)
def test_what_is_wrong_with_people_is_said(problems: Problems, text: str, sentence: str) -> None:
    """With file, line and a sentence."""
    found = problems(SMALLEST + text)
    assert any(sentence in one and one.startswith("1.yml:") for one in found), found
