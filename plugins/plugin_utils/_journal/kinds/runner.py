# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of the runner: incidents in `runner` of their directory, everything else in `runner` of the day."""

from __future__ import annotations

from .shapes import (
    COUNT,
    DIGEST,
    FIELD,
    FIELDS,
    MOMENT,
    NUMBER,
    OPEN,
    PREVIEW,
    TRUTH,
    Kind,
    Shape,
    entries,
    one_of,
)

_WHY: dict[str, Shape] = {"why": FIELD}
_OF_A_PREVIEW: dict[str, Shape] = {"preview": PREVIEW}
_FROM = one_of("this machine", "private", "public", "unknown")
_LABELS = entries(FIELD)
_ALERT: dict[str, Shape] = {
    "source": FIELD,
    "name": FIELD,
    "fingerprint": FIELD,
    "labels": _LABELS,
    "annotations": _LABELS,
    "starts_at": MOMENT,
}
_ACCOUNT: dict[str, Shape] = {"entity": FIELD, "account": FIELD}
"""Of whom Vault knows: id and name of the entity by which they came; people of the runner's machine have none."""
_WISH: dict[str, Shape] = {
    "alertname": FIELD,
    "person": FIELD,
    "entity": FIELD,
    "access": FIELD,
    "hosts": FIELD,
    "reason": FIELD,
    "ticket": FIELD,
    "extends": FIELD,
}

RUNNER: dict[str, Kind] = {
    "runner.started": Kind("The runner begins to work.", {"pid": COUNT, "policy_digest": FIELD}),
    "not_verified": Kind("The alert has resolved, and the fault is not seen to be gone.", {"why": FIELD}),
    "policy.loaded": Kind(
        "A changed policy is in force from now on.",
        {"policy_digest": FIELD, "triggers": COUNT},
        {"policy_commit": FIELD, "policy_author": FIELD},
    ),
    "policy.refused": Kind("A changed policy can't be used; the one before goes on.", {"why": FIELD}),
    "runner.stopped": Kind("The runner has stopped working.", {"pid": COUNT}),
    "heartbeat.failed": Kind(
        "Several heartbeats in a row were not taken: nobody outside hears whether the runner lives.",
        {"why": FIELD, "since": MOMENT},
    ),
    "heartbeat.taken_again": Kind(
        "A heartbeat was taken again, after so many that were not.", {"beats": COUNT, "since": MOMENT}
    ),
    "sender.refused": Kind("A message of a sender was refused.", {"source": FIELD, "status": COUNT, "why": FIELD}),
    "sender.truncated": Kind("A sender left alerts out of its message.", {"source": FIELD, "alerts_left_out": COUNT}),
    "alert.unmatched": Kind(
        "An alert matches no trigger.",
        {"source": FIELD, "name": FIELD, "status": FIELD, "fingerprint": FIELD, "labels": _LABELS},
        {"annotations": _LABELS, "starts_at": MOMENT},
    ),
    "alert.firing": Kind("An alert of the incident fires.", _ALERT),
    "alert.resolved": Kind("An alert of the incident is over.", _ALERT),
    "alert.refused": Kind("The alert can't be acted on.", _WHY),
    "request.made": Kind("A person asks for a grant.", _ALERT),
    "request.over": Kind("A person has given the grant back.", _ALERT),
    "grant.handed_out": Kind(
        "The wrapped grant leaves the runner with who asked for it: what is done under it is in no recording of a session.",
        {"by": FIELD, "entity": FIELD, "recorded_session": TRUTH},
    ),
    "request.refused": Kind("A person's request is refused.", _WHY, _WISH),
    "incident.opened": Kind(
        "An incident begins.",
        {
            "incident": FIELD,
            "trigger": FIELD,
            "owner": FIELD,
            "mode": one_of("observe", "act"),
            "hosts": FIELDS,
            "policy_digest": FIELD,
        },
        {"drill": FIELD, "policy_commit": FIELD, "own": TRUTH},
    ),
    "incident.closed": Kind("The incident is over.", {"result": FIELD, "seconds": NUMBER}),
    "incidents.pruned": Kind(
        "The database has forgotten these incidents, which closed long ago; their records stay in the journal.",
        {"incidents": FIELDS, "closed_before": MOMENT},
    ),
    "order.given": Kind(
        "A person has acknowledged, cancelled, closed or retried the incident.",
        {"word": one_of("acknowledge", "cancel", "close", "retry"), "by": FIELD, "why": FIELD},
        {**_ACCOUNT, "verdict": one_of("repaired", "false-alarm", "accepted")},
    ),
    "order.refused": Kind(
        "What a person wanted came too late.",
        {"word": one_of("acknowledge", "cancel", "close", "retry"), "by": FIELD, "why": FIELD},
        _ACCOUNT,
    ),
    "drill.ended": Kind(
        "A drill is over: how long each phase took, and a sentence for each that failed.",
        {
            "drill": FIELD,
            "incident": FIELD,
            "host": FIELD,
            "by": FIELD,
            "result": one_of("passed", "failed", "gave way", "missed"),
            "seconds": entries(NUMBER),
            "failures": FIELDS,
        },
    ),
    "digest.delivered": Kind(
        "The digest of what ended since the last one has reached its channel, and how much there was to tell.",
        {"channel": FIELD, "since": MOMENT, "until": MOMENT, "counts": entries(COUNT)},
    ),
    "digest.not_delivered": Kind(
        "Its channel did not take the digest; it is tried again.",
        {"channel": FIELD, "since": MOMENT, "until": MOMENT, "why": FIELD},
    ),
    "login.tried": Kind(
        "A person has hosts logged in to, to see whether they let a grant in.",
        {"by": FIELD, "access": FIELD, "hosts": FIELDS},
    ),
    "login.ended": Kind(
        "What came of that: the hosts that let it in, and a sentence for each that did not.",
        {"access": FIELD, "hosts": FIELDS, "failures": FIELDS},
    ),
    "sign_in.accepted": Kind(
        "A person has signed in at the runner's pages, from this kind of network.",
        {"by": FIELD, "entity": FIELD, "from": _FROM},
    ),
    "sign_in.refused": Kind(
        "Somebody who came to sign in was not let in; so many more before were not recorded, because there were too many.",
        {"why": FIELD, "from": _FROM, "left_out": COUNT},
    ),
    "sign_in.ended": Kind("A person has signed out of the pages.", {"by": FIELD, "entity": FIELD, "from": _FROM}),
    "limits.passed": Kind("The limits allow it, and all hosts are claimed.", {"checks": FIELDS}),
    "limits.waiting": Kind("The incident waits.", _WHY),
    "limits.refused": Kind("A limit says no.", _WHY),
    "hold.set": Kind(
        "Nothing new starts within this from now on.",
        {"scope": one_of("all", "trigger", "host"), "name": FIELD, "by": FIELD, "reason": FIELD},
        _ACCOUNT,
    ),
    "hold.lifted": Kind(
        "A hold is over: who ended it and why, and who had set it, when and why.",
        {
            "scope": one_of("all", "trigger", "host"),
            "name": FIELD,
            "by": FIELD,
            "why": FIELD,
            "set_by": FIELD,
            "since": MOMENT,
            "reason": FIELD,
        },
        _ACCOUNT,
    ),
    "observed": Kind(
        "The policy only observes here, or in this maintenance window: what would have run, or why nothing would.",
        {},
        {"would_have_run": FIELD, "would_not_have_run": FIELD, "hosts": FIELDS, "maintenance": FIELD},
    ),
    "plan.made": Kind(
        "What exactly is to run.",
        {
            "digest": DIGEST,
            "remediation": FIELD,
            "content_digest": FIELD,
            "hosts": FIELDS,
            "parameters": OPEN,
            "access": FIELD,
            "user": FIELD,
            "time_box_seconds": COUNT,
        },
        {"check_mode": TRUTH, "rollout": FIELD, "extends": FIELD},
    ),
    "plan.previewed": Kind(
        "What the plan would change, before people are asked: how much, in words, and the digest of all of it.",
        {"digest": DIGEST, "preview": DIGEST, "changes": COUNT, "why": FIELD},
    ),
    "approval.asked": Kind(
        "People were asked for their yes, and shown this preview where there is one.",
        {"channels": FIELDS, "failed": FIELDS, "again": TRUTH},
        {"preview": DIGEST},
    ),
    "approval.not_asked": Kind("Nobody could be asked yet.", _WHY),
    "approval.given": Kind(
        "The plan may run: the policy says so, or one of the people that it asks for.",
        {"by": FIELD, "policy_line": FIELD, "digest": DIGEST},
        {"entity": FIELD, "groups": FIELDS, "why": FIELD, "preview": DIGEST},
    ),
    "approval.denied": Kind(
        "Somebody said no.",
        {"by": FIELD, "policy_line": FIELD, "digest": DIGEST, "entity": FIELD, "groups": FIELDS, "why": FIELD},
        {"preview": DIGEST},
    ),
    "override.used": Kind(
        "Somebody did without the approval, as the policy lets them; others judge it afterwards.",
        {"by": FIELD, "why": FIELD, "policy_line": FIELD, "digest": DIGEST, "skipped": FIELDS},
    ),
    "review.given": Kind(
        "Somebody judged a request afterwards.", {"incident": FIELD, "by": FIELD, "verdict": FIELD, "note": FIELD}
    ),
    "approval.refused": Kind("A yes or no that did not count.", {"by": FIELD, "yes": TRUTH, "why": FIELD}),
    "grant.intent": Kind("A grant is about to be asked for.", {"access": FIELD}, _OF_A_PREVIEW),
    "grant.minted": Kind(
        "A grant exists, wrapped for one use.", {"accessor": FIELD, "expires_at": MOMENT}, _OF_A_PREVIEW
    ),
    "grant.not_minted": Kind("No grant was opened.", _WHY, _OF_A_PREVIEW),
    "grant.left_to_job": Kind("The play will be a job of AWX, which opens the grant itself.", {"attempt": COUNT}),
    "play.intent": Kind("A play is about to start.", {"attempt": COUNT}, _OF_A_PREVIEW),
    "play.ended": Kind("A play has ended.", {"outcome": FIELD, "why": FIELD}, _OF_A_PREVIEW),
    "attempt.again": Kind("Another attempt follows.", {"why": FIELD, "attempts_left": COUNT}),
    "verified": Kind("The fault is proven gone.", {"by": FIELD}),
    "effect.interrupted": Kind(
        "The runner died while this was under way; nobody saw its end.", {"effect": FIELD}, _OF_A_PREVIEW
    ),
    "effect.postponed": Kind("This can't begin yet.", {"effect": FIELD, "why": FIELD}, _OF_A_PREVIEW),
    "escalation.begun": Kind("People are being told.", {"why": FIELD, "ladder": FIELD}),
    "escalation.delivered": Kind("People were told.", {"channels": FIELDS, "rung": COUNT, "failed": FIELDS}),
    "escalation.not_delivered": Kind("Nobody could be told yet.", {"why": FIELD, "rung": COUNT}),
}
