# SPDX-License-Identifier: GPL-3.0-or-later
"""`preview:` of a trigger: what is read, what is refused, and that it belongs to what a policy means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from tests.unit.policy.policy_material import BEHAVIOUR, CHANNELS, GROUPS, SMALLEST

from breakglass.domain.change import Effect
from breakglass.domain.policy_changes import changes
from breakglass.policy.load import load_policy
from breakglass.policy.problems import PolicyErrors
from breakglass.policy_text import with_defaults
from breakglass.remediations import Remediations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.policy.conftest import Load

    Problems = Callable[..., list[str]]

OBSERVER = """\
  web-observer:
    hosts: [web]
    credentials: [{kind: ssh, user: observer}]
"""
APPROVALS = """
approvals:
  one: {require: [{count: 1, from: [dba]}], notify: [platform-chat], within: 15m}
"""


def previewing(*changes: tuple[str, str]) -> str:
    """The smallest policy that previews, changed."""
    text = SMALLEST.replace("triggers:", f"{OBSERVER}triggers:") + APPROVALS
    text = text.replace("approval: automatic", "approval: one\n    preview: web-observer")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def test_a_preview_is_read(load: Load) -> None:
    """It names an access that opens less."""
    (trigger,) = load(previewing()).triggers
    assert (trigger.access, trigger.preview) == ("web-operator", "web-observer")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            ("preview: web-observer", "preview: web-observr"),
            "there is no access web-observr. Did you mean",
        ),
        (("approval: one\n", "approval: automatic\n"), "nobody is asked (approval: automatic)"),
        (
            ("    hosts: [web]\n    credentials", "    hosts: [web_canary]\n    credentials"),
            "web-observer does not open web,",
        ),
        (
            ("    hosts: [web]\n    credentials", "    hosts: [web, db]\n    credentials"),
            "opens more hosts than web-operator: db",
        ),
        (
            ("user: observer}", "user: observer}, {kind: database, role: admin}"),
            "opens more than web-operator: database",
        ),
        (
            ("{kind: ssh, user: observer}", "{kind: ssh, user: breakglass}"),
            "opens all that web-operator does, without a yes",
        ),
        (("preview: web-observer", "preview: web-operator"), "opens all that web-operator does, without a yes"),
        (("{kind: ssh, user: observer}", ""), "web-observer opens no SSH"),
        (("user: observer}]", "user: observer}]\n    ticket: required"), "web-observer wants a ticket"),
        (
            ("user: observer}]", "user: observer}]\n    hand_out: true"),
            "web-observer may be handed out, and web-operator may not",
        ),
        (("user: observer}]", "user: observer}]\n    max_time_box: 5s"), "web-observer is open for 5 s at most"),
    ],
)
def test_what_can_not_be_one_is_refused(
    problems: Problems, roles: Path, change: tuple[str, str], sentence: str
) -> None:
    """With the line, and why: it must be lesser, open what the plan needs, and have somebody to look at it."""
    (roles / "restart_service" / "meta" / "remediation.yml").write_text(BEHAVIOUR)
    found = problems(previewing(change))
    assert any(sentence in problem for problem in found), found
    lines = previewing(change).splitlines()
    assert all("preview:" in lines[int(problem.split(":")[1]) - 1] for problem in found)


def test_a_remediation_that_shows_nothing_has_none(problems: Problems, roles: Path) -> None:
    """With `check_mode: none` people would see nothing."""
    (roles / "restart_service" / "meta" / "remediation.yml").write_text("check_mode: none\n")
    (said,) = problems(previewing())
    assert "says check_mode: none, so a preview would show nothing" in said


def test_jobs_of_awx_show_none(tmp_path: Path, roles: Path) -> None:
    """The settings say for which accesses plays are jobs; a preview under one of these is refused, clearly."""
    path = tmp_path / "policy.yml"
    path.write_text(previewing())

    def load_with(*of_jobs: str) -> None:
        load_policy(path, channels=CHANNELS, remediations=Remediations(roles), groups=GROUPS, of_jobs=of_jobs)

    load_with("web-operator")
    with pytest.raises(PolicyErrors, match=r"jobs of AWX \(settings\), which show no preview"):
        load_with("web-observer")


def test_a_new_preview_allows_more(load: Load) -> None:
    """It opens an access without a yes; taking it away allows less, and both change the policy's digest."""
    without, having = load(previewing(("\n    preview: web-observer", ""))), load(previewing())
    assert [(one.effect, one.sentence) for one in changes(without, having)] == [
        (Effect.MORE, "trigger nginx-failed: preview is web-observer, was none")
    ]
    assert [one.effect for one in changes(having, without)] == [Effect.LESS]
    assert without.digest != having.digest


def test_it_is_shown_with_the_policy(load: Load) -> None:
    """`policy show` says it in the policy's own words."""
    (trigger,) = yaml.safe_load(with_defaults(load(previewing())))["triggers"]
    assert trigger["preview"] == "web-observer"
