# SPDX-License-Identifier: GPL-3.0-or-later
"""What the verifier found, in words, as an exit code, and as JSON. Nothing out of a record reaches a terminal unescaped."""

from __future__ import annotations

import json

from .findings import Finding, FindingKind, Report, State, StreamReport
from .text import printable

_EXIT_CODES = {State.INTACT: 0, State.UNCHECKED: 1, State.CHANGED: 2}
_SHOWN = 10
"""Streams that are told in full."""


def exit_code(report: Report) -> int:
    """Return 0 for an intact journal, 1 for one that could not be checked, 2 for one that was changed."""
    return _EXIT_CODES[report.verdict]


def render(report: Report) -> str:
    """Return the report for a person, in lines without a newline at the end."""
    if report.verdict is State.INTACT:
        return "\n".join([f"OK  {_totals(report)} {_anchors(report)}{_open_streams(report)}", *_unknown(report)])
    bad = [stream for stream in report.streams if stream.findings]
    lines = [_headline(report), ""]
    for stream in bad[:_SHOWN]:
        lines += [*_stream(stream), ""]
    if len(bad) > _SHOWN:
        lines += [f"  and {_count(len(bad) - _SHOWN, 'more stream')}, in --json", ""]
    lines += [f"  {printable(finding.text)}" for finding in report.findings]
    lines += [*_rest(report), *_unknown(report)]
    return "\n".join(lines)


def to_json(report: Report) -> str:
    """Return the report as one JSON object, for programs."""
    return json.dumps(
        {
            "verdict": report.verdict.value,
            "directory": report.directory,
            "streams": [_stream_object(stream) for stream in report.streams],
            "findings": [_finding_object(finding) for finding in report.findings],
            "records": report.records,
            "checkpoints": report.checkpoints,
            "gaps": report.gaps,
            "archived": report.archived,
            "anchors": {
                "checked": report.anchors.checked,
                "reason": report.anchors.reason,
                "equal": report.anchors.equal,
                "behind": report.anchors.behind,
                "absent": report.anchors.absent,
            },
        },
        indent=1,
    )


def _headline(report: Report) -> str:
    changed = sum(stream.state is State.CHANGED for stream in report.streams)
    unchecked = sum(stream.state is State.UNCHECKED for stream in report.streams)
    total = _count(len(report.streams), "stream")
    if changed:
        return f"FAILED  {changed} of {total} {'has' if changed == 1 else 'have'} been changed."
    if report.verdict is State.CHANGED:
        return f"FAILED  The journal has been changed: {total} left."
    if unchecked:
        return f"UNCHECKED  {unchecked} of {total} could not be checked. Nothing was found to be changed."
    return f"UNCHECKED  {_totals(report)} Nothing was found to be changed."


def _stream(stream: StreamReport) -> list[str]:
    lines = [f"  {printable(stream.path)}", *_intact_part(stream)]
    for finding in stream.findings:
        lines.append(f"    {_where(finding):<18} {_verb(finding)}  {printable(finding.text)}")
        if finding.about:
            lines.append(f"    {'it was':<18} {printable(finding.about)}")
    return [*lines, *_rest_of(stream)]


def _intact_part(stream: StreamReport) -> list[str]:
    bad = [finding.record for finding in stream.findings if finding.record is not None]
    last = min(bad) - 1 if bad else stream.records
    signed = [(size, name) for size, name in stream.signed_at if size <= last]
    if not last:
        return []
    why = f"signed checkpoint at {signed[-1][0]}, key {printable(signed[-1][1])}" if signed else "by their chain only"
    return [f"    {_range(1, last):<18} intact ({why})"]


def _rest_of(stream: StreamReport) -> list[str]:
    last_bad = max((finding.until or finding.record or 0 for finding in stream.findings), default=0)
    if not 0 < last_bad < stream.records:
        return []
    return [f"    {_range(last_bad + 1, stream.records):<18} intact among themselves"]


def _unknown(report: Report) -> list[str]:
    """Tell of tasks without a result, which is no fault of the journal."""
    lines = []
    streams = [stream for stream in report.streams if stream.remarks]
    for stream in streams[:_SHOWN]:
        lines += ["", f"  {printable(stream.path)}"]
        lines += [
            f"    {f'record {remark.record}':<18} OUTCOME UNKNOWN  {printable(remark.about)}: begun, and no result was recorded"
            for remark in stream.remarks[:_SHOWN]
        ]
        if len(stream.remarks) > _SHOWN:
            lines.append(f"    and {_count(len(stream.remarks) - _SHOWN, 'more task')}, in --json")
    if len(streams) > _SHOWN:
        lines += ["", f"  and {_count(len(streams) - _SHOWN, 'more stream')} with tasks of unknown outcome, in --json"]
    return lines


def _where(finding: Finding) -> str:
    if finding.record is None:
        return "the stream"
    return _range(finding.record, finding.until or finding.record)


def _range(first: int, last: int) -> str:
    return f"record {first}" if first == last else f"records {first}\u2013{last}"


def _verb(finding: Finding) -> str:
    return finding.kind.value.replace("-", " ").upper()


def _rest(report: Report) -> list[str]:
    good = [stream for stream in report.streams if not stream.findings]
    lines = [
        f"  {_count(len(good), 'stream')}, {_count(sum(stream.records for stream in good), 'record')} intact. {_anchors(report)}"
    ]
    if report.verdict is not State.CHANGED:
        return lines
    ids = [finding.record_id for stream in report.streams for finding in stream.findings if finding.record_id]
    if ids:
        lines.append(f"  The original may be in a sink: search it for id {printable(ids[0])} and compare.")
    return [*lines, "  Do not repair or move this directory; tell your security team."]


def _totals(report: Report) -> str:
    streams, records = _count(len(report.streams), "stream"), _count(report.records, "record")
    checkpoints = _count(report.checkpoints, "signed checkpoint")
    return f"{streams}, {records}, {checkpoints}, {_count(report.gaps, 'gap')}."


def _anchors(report: Report) -> str:
    anchors = report.anchors
    if not anchors.checked:
        return f"Anchors were not checked ({printable(anchors.reason)})."
    if any(
        finding.kind in {FindingKind.ROLLED_BACK, FindingKind.FORKED}
        for stream in report.streams
        for finding in stream.findings
    ):
        return "Anchors were checked."
    without = f" {_count(anchors.absent, 'stream')} with a checkpoint, but without an anchor." if anchors.absent else ""
    if anchors.behind:
        return (
            f"{_count(anchors.behind, 'stream')} went on since the newest anchor in Vault, and agree with it.{without}"
        )
    return f"Newest checkpoint equals its anchor in Vault.{without}" if anchors.equal else "No anchor was found."


def _open_streams(report: Report) -> str:
    still_open = sum(not stream.is_sealed for stream in report.streams[1:])
    unsealed = f" {_count(still_open, 'stream')} not sealed yet." if still_open else ""
    return unsealed + (f" {_count(report.archived, 'stream')} moved to an archive." if report.archived else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _stream_object(stream: StreamReport) -> dict[str, object]:
    return {
        "path": stream.path,
        "state": stream.state.value,
        "records": stream.records,
        "sealed": stream.is_sealed,
        "signed_at": [{"size": size, "key": key} for size, key in stream.signed_at],
        "findings": [_finding_object(finding) for finding in stream.findings],
        "outcome_unknown": [{"record": remark.record, "about": remark.about} for remark in stream.remarks],
    }


def _finding_object(finding: Finding) -> dict[str, object]:
    return {
        "kind": finding.kind.value,
        "state": finding.state.value,
        "text": finding.text,
        "record": finding.record,
        "until": finding.until,
        "about": finding.about,
        "id": finding.record_id,
    }
