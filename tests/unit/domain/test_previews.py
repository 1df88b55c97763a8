# SPDX-License-Identifier: GPL-3.0-or-later
"""What a preview says, its digest, and the plan that makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.incidents import MINUTE, make_plan

from breakglass.domain.plan import Rollout
from breakglass.domain.previews import MOST_LINES, Previewed, WouldChange, preview_lines, preview_of
from breakglass.domain.rules import Access, SshCredential

if TYPE_CHECKING:
    from datetime import timedelta

CHANGE = WouldChange("web1", "shop : Write it", ("--- before\n+++ after\n-old\n+new",))


def observer(box: timedelta = 15 * MINUTE) -> Access:
    return Access("web-observer", ("web",), SshCredential("observer"), box, ticket_required=False)


def test_its_lines_say_what_would_change_and_where() -> None:
    """A line a change, and its difference below, one line each."""
    assert preview_lines(Previewed((CHANGE,))) == [
        ("preview", "would change 1 thing (check mode)"),
        ("would change", "web1: shop : Write it"),
        ("", "--- before"),
        ("", "+++ after"),
        ("", "-old"),
        ("", "+new"),
    ]


def test_nothing_and_unknown_are_two_things() -> None:
    """A plan that would change nothing is told apart from one of which nobody can say it."""
    assert preview_lines(Previewed()) == [("preview", "changes nothing (check mode)")]
    assert preview_lines(Previewed(why_not="no sudo")) == [("preview", "could not be previewed: no sudo")]


def test_a_long_one_is_cut_and_says_so() -> None:
    """A phone shows some sixty lines, and how many more there are."""
    long = Previewed((WouldChange("web1", "it", ("\n".join(f"+{number}" for number in range(500)),)),))
    lines = preview_lines(long)
    assert len(lines) == MOST_LINES + 1
    assert lines[-1] == ("", "… 442 more lines: the journal has them")
    assert preview_lines(Previewed((CHANGE,), left_out=3))[-1] == ("", "… and 3 more: the journal has them")
    assert Previewed((CHANGE,), left_out=3).sentence == "would change 4 things"


def test_text_of_a_host_draws_nothing_on_a_terminal() -> None:
    """Control characters are blanks, and a line is capped."""
    odd = Previewed((WouldChange("web1", "x", (f"+\x1b[2J{'y' * 500}",)),))
    (text,) = [text for label, text in preview_lines(odd) if not label]
    assert text.startswith("+ [2Jyyy")
    assert len(text) == 200


def test_two_that_differ_have_different_digests() -> None:
    """Whatever of it is another: what changes, how, how much was left out, or why there is none."""
    found = [
        Previewed(),
        Previewed((CHANGE,)),
        Previewed((WouldChange("web2", CHANGE.task, CHANGE.differences),)),
        Previewed((WouldChange("web1", CHANGE.task),)),
        Previewed((CHANGE,), left_out=1),
        Previewed(why_not="no sudo"),
    ]
    assert len({one.digest for one in found}) == len(found)


def test_it_is_the_same_repair_in_check_mode() -> None:
    """Role, files, hosts and parameters are the plan's; access, login and time are the lesser access's."""
    plan, shown = make_plan("web1", "web2"), preview_of(make_plan("web1", "web2"), observer(), None)
    assert (shown.remediation, shown.content_digest) == (plan.remediation, plan.content_digest)
    assert (shown.hosts, shown.parameters) == (plan.hosts, plan.parameters)
    assert (shown.access, shown.user, shown.check_mode) == ("web-observer", "observer", True)
    assert shown.rollout is Rollout.TOGETHER
    assert shown.time_box_seconds == 120


def test_people_do_not_wait_for_it_longer_than_they_must() -> None:
    """Two minutes; as long as the remediation takes where it says that it takes longer; never longer than either access may be open."""
    assert preview_of(make_plan(), observer(), 4 * MINUTE).time_box_seconds == 240
    assert preview_of(make_plan(), observer(), 40 * MINUTE).time_box_seconds == 600
    assert preview_of(make_plan(), observer(MINUTE), None).time_box_seconds == 60
