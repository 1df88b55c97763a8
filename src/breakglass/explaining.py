# SPDX-License-Identifier: GPL-3.0-or-later
"""What the policy would make of an alert, trigger by trigger, as text: `breakglass policy explain`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable

from breakglass.domain.messages import Blocked, OverLimit
from breakglass.domain.plan import in_turn
from breakglass.domain.rehearsal import outcome, window_at
from breakglass.domain.routing import Planned, Refused, Unmatched, consider, route
from breakglass.foreseeing import NotLookedUp
from breakglass.policy_text import UNITS, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from breakglass.domain.alert import Alert
    from breakglass.domain.maintenance import Opened
    from breakglass.domain.plan import Plan
    from breakglass.domain.rules import Trigger
    from breakglass.policy_site import PolicySite
    from breakglass.store.foreseeing import Foreseen, Obstacle, Repairs

_WIDTH = 7
_SOON = timedelta(minutes=1)
_FEW = 2
_OF_A_TEST = ("trigger", "hosts", "approval", "refused", "unmatched")


@dataclass(frozen=True)
class _Moment:
    """What it is like when the alert comes.

    Attributes:
        now: By the clock of whoever asks.
        fires_for: How long the alert fires.
        window: The maintenance window that its hosts are in; None when they are in none.
        foreseen: What else is going on, or why that was not looked up.
    """

    now: datetime
    fires_for: timedelta
    window: Opened | None
    foreseen: Foreseen | NotLookedUp


def explained(alert: Alert, site: PolicySite, now: datetime, foreseen: Foreseen | NotLookedUp) -> Iterator[str]:
    """Yield the lines about one alert; `foreseen` is what else is going on at that moment."""
    labels = "  ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()) if name != "alertname")
    yield printable(f"{alert.status.value}: {alert.name}  {labels}").rstrip()
    yield ""
    taken = ""
    for trigger in site.policy.triggers:
        answer = consider(trigger, alert, site.policy, site.inventory.hosts, site.remediations)
        window = window_at(answer, site.policy, site.inventory.hosts, now)
        yield from map(printable, _about(trigger, answer, taken, _Moment(now, now - alert.starts_at, window, foreseen)))
        if not taken and not isinstance(answer, Unmatched):
            taken = trigger.name
    if not taken:
        yield "  No trigger takes it: nothing would be done, and nobody told."
    yield ""
    yield printable(f"Nothing was started.{_how_much_is_known(foreseen)}")


def as_tests(alerts: Sequence[Alert], site: PolicySite, now: datetime | None) -> str:
    """What to write under `tests:` so that it stays as it is; with a moment, as it is then."""
    text: str = yaml.safe_dump(
        {"tests": [_as_test(alert, site, now) for alert in alerts]}, sort_keys=False, allow_unicode=False, width=110
    )
    return text


def _as_test(alert: Alert, site: PolicySite, now: datetime | None) -> dict[str, object]:
    answer = route(alert, site.policy, site.inventory.hosts, site.remediations)
    found = outcome(answer, window_at(answer, site.policy, site.inventory.hosts, now))
    words = (*_OF_A_TEST, "mode") if now else _OF_A_TEST
    return {
        "name": f"{alert.name} on {alert.labels.get('instance', 'no instance')} is as it was when this was written",
        **({"now": now.isoformat()} if now else {}),
        "alert": {name: str(value) for name, value in alert.labels.items()},
        **({"annotations": dict(alert.annotations)} if alert.annotations else {}),
        "expect": {name: found[name] for name in words if found.get(name)},
    }


def _about(trigger: Trigger, answer: Unmatched | Refused | Planned, taken: str, moment: _Moment) -> Iterator[str]:
    if isinstance(answer, Unmatched):
        yield f"  {trigger.name}: no, {answer.why}"
        return
    if taken:
        yield f"  {trigger.name}: would match, but {taken} comes first"
        return
    yield f"  {trigger.name} ({trigger.line})"
    for label, values in trigger.match.items():
        yield _line("match", f"{label} is {' or '.join(value or 'missing' for value in values)}", "yes")
    if trigger.when is not None:
        yield _line("when", trigger.when.source, "true" if isinstance(answer, Planned) else "")
    if isinstance(answer, Refused):
        yield _line("REFUSED", f"{answer.reason.value}: {answer.sentence}", "people are told")
        yield _line("then", trigger.escalation)
        return
    yield from _plan(trigger, answer.plan)
    yield from _limits(trigger, moment.fires_for)
    yield from _repairs(moment)
    if moment.window:
        yield _line("window", f"{moment.window}", f"observe ({moment.window.window.line})")
    yield _line("NOW", _verdict(answer, moment))


def _plan(trigger: Trigger, plan: Plan) -> Iterator[str]:
    yield _line("hosts", in_turn(plan.hosts, plan.rollout), f"inside {plan.access}")
    parameters = "  ".join(f"{name}={value}" for name, value in plan.parameters.items())
    yield _line("plan", f"{plan.remediation}  {parameters}".rstrip())
    yield _line(
        "access", f"{plan.access}, {span(trigger.time_box)}", f"approval {trigger.approval}, then {trigger.escalation}"
    )
    if trigger.preview:
        yield _line("preview", f"under {trigger.preview}, in check mode", "before people are asked")


def _limits(trigger: Trigger, fires_for: timedelta) -> Iterator[str]:
    limits = trigger.limits
    yield _line("limits", f"firing {span(limits.firing_for)}", f"fires for {_roughly(fires_for)}")
    more = (
        f"attempts {limits.attempts}",
        f"cooldown {span(limits.cooldown)}",
        f"repairs_per_day {limits.repairs_per_day}",
        f"hosts_at_once {limits.hosts_at_once}",
        *([f"group_share {limits.group_share}%"] if limits.group_share else []),
        *([f"storm {limits.storm.incidents} in {span(limits.storm.within)}"] if limits.storm else []),
    )
    yield _line("", " · ".join(more))
    asked = f", and {trigger.probe.query} says so" if trigger.probe else ""
    yield _line("proof", f"the alert resolves within {span(trigger.alert_resolves_within)}{asked}")


def _repairs(moment: _Moment) -> Iterator[str]:
    if isinstance(moment.foreseen, NotLookedUp):
        return
    for number, one in enumerate(moment.foreseen.repairs):
        yield _line("" if number else "so far", f"{one.host}: {_repaired(one, moment.now)}")


def _repaired(one: Repairs, now: datetime) -> str:
    if one.last_over is None:
        return "no repair by this trigger"
    return f"last repair {_roughly(now - one.last_over)} ago, {one.within_a_day} within a day"


def _how_much_is_known(foreseen: Foreseen | NotLookedUp) -> str:
    if isinstance(foreseen, NotLookedUp):
        told = " Holds, cooldowns, repairs of the day and other work on the hosts were not looked up: "
        return f"{told}{foreseen.why}." if foreseen.why else ""
    return " Holds, repairs and other work on the hosts are as the database says now; a storm or taken places for plays may come on top."


def _verdict(answer: Planned, moment: _Moment) -> str:
    """What would become of it; what is in its way counts when it has fired for long enough, and is said as it is now."""
    alone = _undisturbed(answer, moment)
    obstacle = None if isinstance(moment.foreseen, NotLookedUp) else moment.foreseen.obstacle
    if obstacle is None or (moment.window and answer.trigger.mode == "act"):
        return alone
    left = answer.trigger.limits.firing_for - moment.fires_for
    first = (
        f"would wait {_roughly(left)} until it has fired for long enough, and then " if left.total_seconds() > 0 else ""
    )
    observed = "" if answer.trigger.mode == "act" else " (mode: observe)"
    return f"{first}{_hindered(obstacle)}{observed}"


def _hindered(obstacle: Obstacle) -> str:
    if isinstance(obstacle, OverLimit):
        return f"would be refused: {obstacle.why}"
    left = f" {_roughly(obstacle.again_in)}" if isinstance(obstacle, Blocked) and obstacle.again_in > _SOON else ""
    return f"would wait{left}: {obstacle.why}"


def _undisturbed(answer: Planned, moment: _Moment) -> str:
    if answer.trigger.mode == "act" and moment.window:
        return f"would only be observed, {moment.window}; what still fires then is repaired"
    act = "would run" if answer.trigger.mode == "act" else "would only be observed (mode: observe)"
    left = answer.trigger.limits.firing_for - moment.fires_for
    if left.total_seconds() > 0:
        return f"would wait {_roughly(left)}, until it has fired for {span(answer.trigger.limits.firing_for)}; then it {act}"
    return act


def _line(word: str, text: str, remark: str = "") -> str:
    return f"    {word:<{_WIDTH}} {text:<58} {remark}".rstrip()


def _roughly(duration: timedelta) -> str:
    """A duration that was measured, in the unit that people would say it in."""
    seconds = max(int(duration.total_seconds()), 0)
    for unit, length in UNITS:
        if seconds >= _FEW * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
