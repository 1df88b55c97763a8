# SPDX-License-Identifier: GPL-3.0-or-later
"""What one policy allows that another did not: compared by meaning, so that spelling, comments and tests don't count.

Whatever can't be shown to allow less, or the same, counts as allowing more: a condition that changed, for example.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from breakglass.domain.change import Change, Effect
from breakglass.domain.maintenance_changes import window_changes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from breakglass.domain.approvals import Quorum
    from breakglass.domain.people import People
    from breakglass.domain.rules import Access, Behaves, Drill, Override, Policy, RequestRule, Storm, Trigger


Found = tuple[Effect, str]
Rule = TypeVar("Rule")
Amount = TypeVar("Amount", int, timedelta)
_WHOLE_GROUP = 100  # percent: what a missing share allows


def changes(old: Policy, new: Policy) -> tuple[Change, ...]:
    """Every difference of meaning between two policies, in the order of `policy diff`: accesses first, ladders last."""
    triggers = [{trigger.name: trigger for trigger in policy.triggers} for policy in (old, new)]
    requests = [{rule.name: rule for rule in policy.requests} for policy in (old, new)]
    drills = [{drill.name: drill for drill in policy.drills} for policy in (old, new)]
    return (
        *_compared("access", old.access, new.access, _access, _opens),
        *_compared("trigger", triggers[0], triggers[1], _trigger, _would),
        *_order(old, new),
        *_compared("request", requests[0], requests[1], _request, _may),
        *_people(old.people, new.people),
        *_compared("approval", old.approvals, new.approvals, _quorum, _asks),
        *_compared("remediation", old.behaviours, new.behaviours, _behaviour, _stated),
        *window_changes(old.maintenance, new.maintenance),
        *_compared("drill", drills[0], drills[1], _drill, _rehearses),
        *(
            [Change(Effect.SAME, f"defaults: escalation is {new.escalation or 'gone'}, was {old.escalation or 'none'}")]
            if old.escalation != new.escalation
            else []
        ),
        *(
            Change(Effect.SAME, f"escalation {name}: {_present(name in old.ladders, name in new.ladders)}")
            for name in sorted(old.ladders.keys() | new.ladders.keys())
            if old.ladders.get(name) != new.ladders.get(name)
        ),
    )


def _compared(
    kind: str,
    old: Mapping[str, Rule],
    new: Mapping[str, Rule],
    differences: Callable[[Rule, Rule], Iterator[Found]],
    summary: Callable[[Rule], Found],
) -> Iterator[Change]:
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in new:
            yield Change(Effect.LESS, f"{kind} {name}: is gone")
        elif name not in old:
            effect, text = summary(new[name])
            yield Change(effect, f"{kind} {name}: is new, {text}")
        else:
            for effect, text in differences(old[name], new[name]):
                yield Change(effect, f"{kind} {name}: {text}")


def _opens(access: Access) -> Found:
    return Effect.MORE, f"opens {', '.join(access.hosts)}"


def _access(old: Access, new: Access) -> Iterator[Found]:
    yield from _set("hosts", old.hosts, new.hosts)
    yield from _set("credentials", _credentials(old), _credentials(new))
    yield from _amount("max_time_box", old.max_time_box, new.max_time_box)
    yield from _needs("ticket", old.ticket_required, new.ticket_required)
    if old.hand_out != new.hand_out:
        yield Effect.MORE if new.hand_out else Effect.LESS, f"hand_out is {str(new.hand_out).lower()}"


def _credentials(access: Access) -> list[str]:
    others = [f"{one.kind} {one.mount}/{one.name}".rstrip("/ ") for one in access.credentials]
    return [*([f"ssh as {access.ssh.user}"] if access.ssh else []), *others]


def _would(trigger: Trigger) -> Found:
    text = f"runs {trigger.remediation} under {trigger.access}, approval {trigger.approval}, mode {trigger.mode.value}"
    return Effect.MORE if trigger.mode == "act" else Effect.SAME, text


def _trigger(old: Trigger, new: Trigger) -> Iterator[Found]:
    if old.mode is not new.mode:
        yield Effect.MORE if new.mode == "act" else Effect.LESS, f"mode is {new.mode.value}, was {old.mode.value}"
    yield from _approval(old.approval, new.approval)
    yield from _match(old.match, new.match)
    yield from _condition(old.when.source if old.when else "", new.when.source if new.when else "")
    for name in ("hosts", "access", "remediation"):
        yield from _text(name, _source(getattr(old, name)), _source(getattr(new, name)))
    for name in sorted(old.parameters.keys() | new.parameters.keys()):
        before, after = (_source(one.parameters.get(name, "")) for one in (old, new))
        yield from _text(f"parameter {name}", before, after)
    yield from _amount("time_box", old.time_box, new.time_box)
    yield from _amount("attempts", old.limits.attempts, new.limits.attempts)
    yield from _amount("repairs_per_day", old.limits.repairs_per_day, new.limits.repairs_per_day)
    yield from _amount("hosts_at_once", old.limits.hosts_at_once, new.limits.hosts_at_once)
    yield from _amount("group_share", old.limits.group_share or _WHOLE_GROUP, new.limits.group_share or _WHOLE_GROUP)
    yield from _brake(old.limits.storm, new.limits.storm)
    yield from _amount("firing_for", old.limits.firing_for, new.limits.firing_for, more_is_less=True)
    yield from _amount("cooldown", old.limits.cooldown, new.limits.cooldown, more_is_less=True)
    if old.preview != new.preview:
        effect = Effect.MORE if new.preview else Effect.LESS
        yield effect, f"preview is {new.preview or 'none'}, was {old.preview or 'none'}"
    if old.probe != new.probe:
        yield Effect.SAME, f"probe is {_asked(new)}, was {_asked(old)}"
    for name in ("owner", "escalation", "alert_resolves_within"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield Effect.SAME, f"{name} is {_shown(after)}, was {_shown(before)}"


def _brake(old: Storm | None, new: Storm | None) -> Iterator[Found]:
    """A brake that comes later, or not at all, allows more; which of two comes later depends on the storm."""
    if old != new:
        earlier = new is not None and (old is None or (new.incidents <= old.incidents and new.within >= old.within))
        yield Effect.LESS if earlier else Effect.MORE, f"storm is {_braked(new)}, was {_braked(old)}"


def _braked(storm: Storm | None) -> str:
    return f"more than {storm.incidents} incidents within {_shown(storm.within)}" if storm else "none"


def _asked(trigger: Trigger) -> str:
    return trigger.probe.query if trigger.probe else "none"


def _order(old: Policy, new: Policy) -> Iterator[Change]:
    before, after = ([trigger.name for trigger in policy.triggers] for policy in (old, new))
    if [name for name in before if name in after] != [name for name in after if name in before]:
        yield Change(Effect.MORE, "triggers: their order is another one, so an alert may meet another trigger first")


def _may(rule: RequestRule) -> Found:
    return Effect.MORE, f"{', '.join(sorted(rule.who))} may ask for {rule.access}, approval {rule.approval}"


def _request(old: RequestRule, new: RequestRule) -> Iterator[Found]:
    yield from _set("who", sorted(old.who), sorted(new.who))
    yield from _text("access", old.access, new.access)
    yield from _approval(old.approval, new.approval)
    yield from _amount("time_box", old.time_box, new.time_box)
    yield from _needs("ticket", old.ticket_required, new.ticket_required)
    yield from _override(old.override, new.override)


def _override(old: Override | None, new: Override | None) -> Iterator[Found]:
    if old is None or new is None:
        if old != new:
            yield Effect.MORE if new else Effect.LESS, f"override is {', '.join(sorted(new.who)) if new else 'gone'}"
        return
    yield from _set("override who", sorted(old.who), sorted(new.who))
    yield from _amount("override review_within", old.review_within, new.review_within)


def _people(old: People, new: People) -> Iterator[Change]:
    for role in ("operators", "auditors"):
        for effect, text in _set(role, sorted(getattr(old, role)), sorted(getattr(new, role))):
            yield Change(effect, f"people: {text}")


def _asks(quorum: Quorum) -> Found:
    return Effect.SAME, f"asks for {_required(quorum)} within {_shown(quorum.within)}"


def _quorum(old: Quorum, new: Quorum) -> Iterator[Found]:
    if old.require != new.require:  # fewer people, or people of more groups: whatever changes here may be easier
        stricter = len(new.require) >= len(old.require) and all(
            now.count >= was.count and set(now.groups) <= set(was.groups)
            for was, now in zip(old.require, new.require, strict=False)
        )
        yield Effect.LESS if stricter else Effect.MORE, f"asks for {_required(new)}, was {_required(old)}"
    yield from _amount("within", old.within, new.within)
    if old.notify != new.notify:
        yield Effect.SAME, f"asks by {', '.join(new.notify)}, was {', '.join(old.notify)}"


def _required(quorum: Quorum) -> str:
    return " and ".join(f"{line.count} of {' or '.join(line.groups)}" for line in quorum.require)


def _stated(behaviour: Behaves) -> Found:
    return Effect.MORE, f"is stated as {', '.join(f'{name} {value}' for name, value in _said(behaviour).items())}"


def _behaviour(old: Behaves, new: Behaves) -> Iterator[Found]:
    before, after = _said(old), _said(new)
    for name in before:
        yield from _text(name, before[name], after[name])


def _said(behaviour: Behaves) -> dict[str, str]:
    names = ("idempotent", "disruptive", "expected_duration", "check_mode", "holds_host", "releases_host", "rollout")
    said = {name: _shown(getattr(behaviour, name) or "").lower() for name in names}
    said["parameters"] = ", ".join(f"{name}: {kind}" for name, kind in sorted(behaviour.parameters.items()))
    return {name: value.replace("unsaid", "false") or "none" for name, value in said.items()}


def _rehearses(drill: Drill) -> Found:
    how = "in check mode " if drill.check else ""
    return Effect.MORE, f"rehearses {drill.trigger} {how}on {', '.join(drill.hosts)}, {_when(drill)}"


def _drill(old: Drill, new: Drill) -> Iterator[Found]:
    yield from _text("trigger", old.trigger, new.trigger)
    yield from _set("hosts", old.hosts, new.hosts)
    if old.check != new.check:
        yield Effect.LESS if new.check else Effect.MORE, f"check is {str(new.check).lower()}"
    for name in sorted({*old.labels, *new.labels}):
        yield from _text(f"label {name}", old.labels.get(name, ""), new.labels.get(name, ""))
    yield from _text("host_label", old.host_label, new.host_label)
    if old.schedule != new.schedule:
        yield Effect.LESS if new.schedule is None else Effect.MORE, f"runs {_when(new)}, was {_when(old)}"


def _when(drill: Drill) -> str:
    return str(drill.schedule) if drill.schedule else "by hand"


def _match(old: Mapping[str, tuple[str, ...]], new: Mapping[str, tuple[str, ...]]) -> Iterator[Found]:
    for label in [*old, *(label for label in new if label not in old)]:
        if label not in new:
            yield Effect.MORE, f"match no longer looks at {label}"
        elif label not in old:
            yield Effect.LESS, f"match looks at {label}, too"
        else:
            yield from _set(f"match {label}", old[label], new[label])


def _condition(old: str, new: str) -> Iterator[Found]:
    if old == new:
        return
    if not new:
        yield Effect.MORE, f"when is gone, was {old}"
    elif not old:
        yield Effect.LESS, f"when is new: {new}"
    else:
        yield Effect.MORE, f"when is {new}, was {old}"


def _approval(old: str, new: str) -> Iterator[Found]:
    if old != new:
        yield Effect.LESS if old == "automatic" else Effect.MORE, f"approval is {new}, was {old}"


def _set(name: str, old: tuple[str, ...] | list[str], new: tuple[str, ...] | list[str]) -> Iterator[Found]:
    if added := [one for one in new if one not in old]:
        yield Effect.MORE, f"{name} has {', '.join(one or 'missing' for one in added)}, too"
    if gone := [one for one in old if one not in new]:
        yield Effect.LESS, f"{name} no longer has {', '.join(one or 'missing' for one in gone)}"


def _amount(name: str, old: Amount, new: Amount, *, more_is_less: bool = False) -> Iterator[Found]:
    if old != new:
        grows = new > old
        yield Effect.LESS if grows is more_is_less else Effect.MORE, f"{name} is {_shown(new)}, was {_shown(old)}"


def _needs(name: str, old: bool, new: bool) -> Iterator[Found]:  # noqa: FBT001 (two states side by side)
    if old and not new:
        yield Effect.MORE, f"{name} is no longer required"
    elif new and not old:
        yield Effect.LESS, f"{name} is required"


def _text(name: str, old: str, new: str) -> Iterator[Found]:
    if old != new:
        yield Effect.MORE, f"{name} is {new or 'unsaid'}, was {old or 'unsaid'}"


def _source(value: object) -> str:
    return str(getattr(value, "source", value))


def _shown(value: object) -> str:
    seconds = getattr(value, "total_seconds", None)
    return f"{seconds():.0f}s" if seconds else str(value) or "unsaid"


def _present(before: bool, after: bool) -> str:  # noqa: FBT001
    if before and after:
        return "tells others, or at other times"
    return "is new" if after else "is gone"
