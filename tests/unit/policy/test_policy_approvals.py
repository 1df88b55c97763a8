# SPDX-License-Identifier: GPL-3.0-or-later
"""`approvals:` of the policy: what it means, and what it gets wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.unit.policy.policy_material import SMALLEST

from breakglass.domain.approvals import Requirement
from breakglass.domain.rules import Policy

Load = Callable[..., Policy]
Problems = Callable[..., list[str]]

ENTRY = "approvals:\n  two: {require: [{count: 2, from: [dba]}], notify: [platform-chat], within: 5m}\n"


def policy(entry: str = ENTRY, approval: str = "two") -> str:
    """The small policy, whose trigger needs people."""
    return SMALLEST.replace("approval: automatic", f"approval: {approval}") + entry


def test_an_approval_is_what_it_says(load: Load) -> None:
    """Lines, channels and time are as written; who approves a trigger is in its digest."""
    loaded = load(policy())
    quorum = loaded.approvals[loaded.triggers[0].approval]
    assert quorum.require == (Requirement(2, ("dba",)),)
    assert (quorum.notify, quorum.within) == (("platform-chat",), timedelta(minutes=5))
    assert load(policy(ENTRY.replace("count: 2", "count: 1"))).digest != loaded.digest


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (policy(approval="twoo"), 'there is no approval twoo. Did you mean "two"?'),
        (policy(approval="[two]"), "Write `approval: automatic`, or the name"),
        (policy(ENTRY.replace("platform-chat", "platform-chatt")), 'Did you mean "platform-chat"?'),
        (policy(ENTRY.replace("two:", "automatic:")), "is built in"),
        (policy(ENTRY.replace("[dba]", "[]")), "from"),
        (policy(ENTRY.replace("count: 2", "count: 0")), "at least 1"),
        (policy(ENTRY.replace("notify: [platform-chat]", "notify: []")), "notify"),
        (policy(ENTRY.replace("within: 5m", "within: 0s")), "longer than 0"),
        (policy(ENTRY.replace("within: 5m", "mfa: none")), "totp"),
        (policy(ENTRY.replace("[dba]}", "[dba]}, {from: [dba]}")), "one line with their count"),
    ],
)
def test_what_is_wrong_with_approvals_is_said(problems: Problems, text: str, sentence: str) -> None:
    """With file, line and a sentence."""
    found = problems(text)
    assert any(sentence in one for one in found), found
