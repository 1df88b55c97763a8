# SPDX-License-Identifier: GPL-3.0-or-later
"""Which refusals are told to people: what a stranger can do, and what is lost of the sender itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.incidents import DAY, HOUR, MINUTE, NOW, SECOND

from breakglass.domain.own_alerts import OwnName
from breakglass.domain.senders import (
    AT_MOST_EVERY,
    REJECTED_FOR,
    TRUNCATED_FOR,
    UNPROVEN_FOR,
    UNPROVEN_GAP,
    Refusal,
    Sender,
    heard,
    over,
    refused,
    troubles,
)

NEW = Sender("alertmanager")
WHY = "The bearer token is missing or not one of this source's tokens."
WAITS = st.timedeltas(timedelta(0), UNPROVEN_GAP)


def raised(sender: Sender, after: timedelta) -> list[OwnName]:
    return [alert.name for alert in troubles(sender, NOW + after)]


def unproven(*after: timedelta, sender: Sender = NEW) -> Sender:
    for one in after:
        sender = refused(sender, NOW + one, Refusal.UNPROVEN, WHY)
    return sender


def test_a_wrong_token_is_told_when_it_comes_again_and_again() -> None:
    """Three times over five minutes, and nothing of the sender in between; the sentence says what to do."""
    twice = unproven(0 * MINUTE, 5 * MINUTE)
    assert raised(twice, 5 * MINUTE) == []
    three = unproven(10 * MINUTE, sender=twice)
    (alert,) = troubles(three, NOW + 10 * MINUTE)
    assert (alert.name, alert.about) == (OwnName.SENDER_REFUSED, "alertmanager")
    assert alert.sentence == (
        "whoever posts to /webhooks/alertmanager was refused 3 times in a row since 2026-11-22 03:12 UTC, and nothing else "
        "came from there. If it is your monitoring, its alerts are lost: give it the secret of sources.alertmanager again. "
        f"The last time: {WHY}"
    )
    assert AT_MOST_EVERY[OwnName.SENDER_REFUSED] == DAY


def test_a_burst_is_no_sender() -> None:
    """A thousand requests within seconds are a scanner's, not those of a monitoring that comes again."""
    assert raised(unproven(*(n * SECOND / 100 for n in range(1000))), 10 * SECOND) == []


def test_who_stays_away_begins_anew() -> None:
    """A request a day adds up to nothing, and an old series raises nothing later."""
    assert raised(unproven(0 * DAY, 1 * DAY, 2 * DAY, 3 * DAY), 3 * DAY) == []
    series = unproven(0 * MINUTE, 5 * MINUTE, 10 * MINUTE)
    assert raised(series, 10 * MINUTE + UNPROVEN_GAP) == [OwnName.SENDER_REFUSED]
    assert raised(series, 10 * MINUTE + UNPROVEN_GAP + SECOND) == []


@given(st.lists(st.tuples(WAITS, st.booleans()), max_size=40))
def test_a_stranger_is_not_told_of_while_the_sender_is_heard(steps: list[tuple[timedelta, bool]]) -> None:
    """Whatever comes in vain: as long as a genuine message comes at least every five minutes, nobody is called."""
    sender, now, last_heard = NEW, NOW, NOW
    for wait, genuine in steps:
        now += wait
        if now - last_heard >= UNPROVEN_FOR or genuine:
            sender, last_heard = heard(sender, now, 0), now
        sender = refused(sender, now, Refusal.UNPROVEN, WHY)
        assert troubles(sender, now) == ()


def test_a_wrong_token_is_over_with_the_next_message() -> None:
    """That is taken in; before that it is not."""
    series = unproven(0 * MINUTE, 5 * MINUTE, 10 * MINUTE)
    assert over(series, NOW + DAY) == ()
    good = heard(series, NOW + 11 * MINUTE, 0)
    assert (troubles(good, NOW + 11 * MINUTE), over(good, NOW + 11 * MINUTE)) == ((), (OwnName.SENDER_REFUSED,))


def test_a_lost_message_of_the_sender_is_told_at_once() -> None:
    """It is over half an hour later, if messages were taken in since and none was lost."""
    lost = refused(NEW, NOW, Refusal.REJECTED, "A body may have 9 bytes. Raise maximum_body.")
    (alert,) = troubles(lost, NOW)
    assert alert.name is OwnName.MESSAGES_REFUSED
    assert alert.sentence.endswith("it is not sent again. A body may have 9 bytes. Raise maximum_body.")
    assert OwnName.MESSAGES_REFUSED not in over(lost, NOW + DAY)
    good = heard(lost, NOW + MINUTE, 0)
    assert OwnName.MESSAGES_REFUSED not in over(good, NOW + REJECTED_FOR - SECOND)
    assert OwnName.MESSAGES_REFUSED in over(good, NOW + REJECTED_FOR)
    again = refused(good, NOW + 29 * MINUTE, Refusal.REJECTED, "")
    assert OwnName.MESSAGES_REFUSED not in over(heard(again, NOW + 30 * MINUTE, 0), NOW + 58 * MINUTE)


def test_a_stranger_can_not_look_like_the_sender() -> None:
    """Who proved nothing raises nothing that is told at once, and ends nothing."""
    lost = refused(NEW, NOW, Refusal.REJECTED, "")
    stranger = unproven(*(n * MINUTE for n in range(40)), sender=lost)
    assert OwnName.MESSAGES_REFUSED not in over(stranger, NOW + HOUR)
    assert raised(unproven(0 * SECOND), 0 * SECOND) == []


def test_a_connection_that_ends_loses_nothing() -> None:
    """Its sender heard no answer, and comes again."""
    gone = refused(NEW, NOW, Refusal.CUT_OFF, "hung up")
    assert (gone.refused_at, gone.refusal) == (NOW, "hung up")
    assert (troubles(gone, NOW), over(gone, NOW + DAY)) == ((), ())


def test_alerts_that_are_left_out_are_told_at_once() -> None:
    """It is over six hours later, if messages came since in which none were left out."""
    short = heard(NEW, NOW, 7)
    (alert,) = troubles(short, NOW)
    assert alert.name is OwnName.SENDER_TRUNCATES
    assert alert.sentence.startswith("alertmanager left 7 alerts out of a message at 2026-11-22 03:12 UTC")
    assert OwnName.SENDER_TRUNCATES not in over(short, NOW + DAY)
    assert OwnName.SENDER_TRUNCATES not in over(heard(short, NOW + MINUTE, 0), NOW + HOUR)
    assert OwnName.SENDER_TRUNCATES in over(heard(short, NOW + MINUTE, 0), NOW + TRUNCATED_FOR)
    assert OwnName.SENDER_TRUNCATES not in over(heard(short, NOW + 5 * HOUR, 1), NOW + TRUNCATED_FOR)


@pytest.mark.parametrize("source", ["a{b}", "{0}", "%s", "{sender.__class__}"])
def test_no_text_is_a_format(source: str) -> None:
    """What a refusal says stands in the sentence as it is."""
    lost = refused(Sender("am"), NOW, Refusal.REJECTED, source)
    assert troubles(lost, NOW)[0].sentence.endswith(source)


def test_nothing_is_known_of_who_never_came() -> None:
    """So there is nothing to tell, and nothing to be over."""
    assert (troubles(NEW, NOW), over(NEW, NOW)) == ((), ())
