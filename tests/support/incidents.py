# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts, plans, courses and incidents for tests of the runner's core: plain ones, and Hypothesis strategies."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from tests.support.journal_records import NOW

from breakglass.domain.alert import Alert, AlertStatus
from breakglass.domain.approvals import Asker, Quorum, Requirement, Vote
from breakglass.domain.course import Course, Probing
from breakglass.domain.incident import Attempt, Effect, Escalation, Fault, Incident, PlayOutcome, Result, State
from breakglass.domain.maintenance import Window
from breakglass.domain.plan import Plan
from breakglass.domain.previews import Previewed, WouldChange
from breakglass.domain.rules import Ladder, Limits, Mode, Rung
from breakglass.domain.schedule import EVERY_DAY, WEEKDAYS, Schedule

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
NEVER_WAITS = Limits(firing_for=timedelta(0), attempts=2, cooldown=timedelta(0), repairs_per_day=3, hosts_at_once=2)


def make_alert(
    status: str = "firing",
    *,
    fingerprint: str = "f1",
    starts_at: datetime = NOW - 2 * MINUTE,
    name: str = "ServiceDown",
    group: str = "g",
    source: str = "alertmanager",
) -> Alert:
    """An alert of a service that is down for two minutes."""
    return Alert(
        source=source,
        fingerprint=fingerprint,
        group=group,
        status=AlertStatus(status),
        labels={"alertname": name, "instance": "web1"},
        annotations={"summary": "it is down"},
        starts_at=starts_at,
    )


def make_plan(*hosts: str) -> Plan:
    """A restart on web1, or on these hosts."""
    return Plan(
        remediation="breakglass.remediation.restart_service",
        content_digest="0" * 64,
        hosts=hosts or ("web1",),
        parameters={"restart_service_name": "shop"},
        access="web-operator",
        user="breakglass",
        time_box_seconds=600,
    )


def make_preview(*hosts: str) -> Plan:
    """The same restart in check mode under a lesser access."""
    return replace(make_plan(*hosts), access="web-observer", user="observer", time_box_seconds=120, check_mode=True)


def make_ladder(*waits: timedelta | None) -> Ladder:
    """A ladder with one rung for each wait; without one, a channel's own single rung."""
    rungs = [Rung((f"channel-{number}",), wait) for number, wait in enumerate(waits or (None,), 1)]
    return Ladder("on-call", tuple(rungs))


def make_course(
    *,
    trigger: str = "service-down",
    mode: Mode = Mode.ACT,
    plan: Plan | None = None,
    refusal: str = "",
    limits: Limits = NEVER_WAITS,
    idempotent: bool = True,
    alert_resolves_within: timedelta = 10 * MINUTE,
    ladder: Ladder | None = None,
    holds_host: bool = False,
    releases_host: bool = False,
    probing: Probing | None = None,
    quorum: Quorum | None = None,
    asked_by: Asker | None = None,
    windows: tuple[Window, ...] = (),
    preview: Plan | None = None,
) -> Course:
    """What may be done: one restart of web1; nothing when there is a refusal."""
    return Course(
        trigger=trigger,
        owner="shop-team",
        policy_digest="ab" * 32,
        mode=mode,
        approval=quorum.name if quorum else "automatic",
        approval_line="breakglass.yml:9",
        plan=None if refusal else plan or make_plan(),
        refusal=refusal,
        limits=limits,
        idempotent=idempotent,
        alert_resolves_within=alert_resolves_within,
        ladder=ladder or make_ladder(),
        holds_host=holds_host,
        releases_host=releases_host,
        probing=probing,
        quorum=quorum,
        asked_by=asked_by,
        windows=windows,
        preview=preview,
    )


def make_incident(course: Course | None = None, *, name: str = "INC-7K2F9X", opened_at: datetime = NOW) -> Incident:
    """An incident that has just been opened and knows nothing yet."""
    return Incident(id=name, course=course or make_course(), opened_at=opened_at, since=opened_at)


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_MOMENT = st.datetimes(datetime(1970, 1, 2), datetime(2999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (bounds)
_SPAN = st.timedeltas(timedelta(0), 400 * DAY)
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(1 - 2**53, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_LADDERS = st.builds(
    Ladder, _TEXT, st.lists(st.builds(Rung, st.tuples(_TEXT), st.none() | _SPAN), min_size=1, max_size=3).map(tuple)
)
_LIMITS = st.builds(Limits, _SPAN, st.integers(1, 9), _SPAN, st.integers(1, 9), st.integers(1, 9))
_PLANS = st.builds(
    Plan,
    remediation=_TEXT,
    content_digest=_TEXT,
    hosts=st.lists(_TEXT, min_size=1, max_size=3).map(tuple),
    parameters=st.dictionaries(_TEXT, _JSON, max_size=3),
    access=_TEXT,
    user=_TEXT,
    time_box_seconds=st.integers(1, 10**6),
)
_PROBINGS = st.builds(Probing, _TEXT, st.lists(st.tuples(_TEXT, _TEXT), max_size=2).map(tuple))
_TEXTS = st.lists(_TEXT, max_size=2).map(tuple)
_QUORUMS = st.builds(
    Quorum, _TEXT, st.lists(st.builds(Requirement, st.integers(1, 3), _TEXTS), max_size=2).map(tuple), _TEXTS, _SPAN
)
_VOTES = st.builds(Vote, _TEXT, _TEXT, _TEXT, _TEXTS, _TEXT, st.booleans(), _TEXT, _MOMENT)
_SCHEDULES = st.builds(
    Schedule,
    st.sampled_from((EVERY_DAY, *WEEKDAYS)),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.sampled_from(("UTC", "Europe/Berlin", "Australia/Lord_Howe")),
)
_WINDOWS = st.builds(Window, _TEXT, _TEXT, st.tuples(_TEXT), _SCHEDULES, st.timedeltas(SECOND, 6 * DAY))
_COURSES = st.builds(
    Course,
    *(_TEXT, _TEXT, _TEXT, st.sampled_from(Mode), _TEXT, _TEXT, st.none() | _PLANS, _TEXT, _LIMITS, st.booleans()),
    *(_SPAN, _LADDERS, st.booleans(), st.booleans(), _TEXT, _TEXT, st.none() | _PROBINGS),
    quorum=st.none() | _QUORUMS,
    asked_by=st.none() | st.builds(Asker, _TEXT, _TEXT, _TEXT, _TEXTS),
    policy_author=_TEXT,
    windows=st.lists(_WINDOWS, max_size=2).map(tuple),
    preview=st.none() | _PLANS,
    no_preview=_TEXT,
)
_ATTEMPTS = st.builds(
    Attempt,
    *(st.integers(1, 9), _TEXT, st.none() | _MOMENT, st.none() | st.sampled_from(PlayOutcome), _TEXT),
    st.none() | _MOMENT,
    preview=st.booleans(),
)
_PREVIEWS = st.builds(
    Previewed, st.lists(st.builds(WouldChange, _TEXT, _TEXT, _TEXTS), max_size=2).map(tuple), st.integers(0, 9), _TEXT
)
_ESCALATIONS = st.builds(
    Escalation,
    *(_TEXT, st.integers(0, 2), _MOMENT, st.lists(st.integers(0, 2)).map(tuple), st.integers(0, 9)),
    st.none() | _MOMENT,
)

INCIDENTS = st.builds(
    Incident,
    id=_TEXT,
    course=_COURSES,
    opened_at=_MOMENT,
    since=_MOMENT,
    state=st.sampled_from(State),
    faults=st.lists(st.builds(Fault, _TEXT, _TEXT, st.booleans(), _MOMENT), max_size=2).map(tuple),
    attempts=st.lists(_ATTEMPTS, max_size=2).map(tuple),
    effect=st.none() | st.sampled_from(Effect),
    retries=st.integers(0, 99),
    blocked=_TEXT,
    wake_at=st.none() | _MOMENT,
    escalation=st.none() | _ESCALATIONS,
    result=st.none() | st.sampled_from(Result),
    votes=st.lists(_VOTES, max_size=2).map(tuple),
    asked=st.integers(0, 2),
    aside_until=st.none() | _MOMENT,
    previewed=st.none() | _PREVIEWS,
)
"""Any document that a store may be asked to keep, sensible or not."""

ALERTS = st.builds(
    Alert,
    *(_TEXT, _TEXT, _TEXT, st.sampled_from(AlertStatus), st.dictionaries(_TEXT, _TEXT, max_size=3)),
    *(st.dictionaries(_TEXT, _TEXT, max_size=3), _MOMENT, _TEXT),
)
"""Any alert that a source may have read."""
