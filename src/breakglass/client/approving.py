# SPDX-License-Identifier: GPL-3.0-or-later
"""Approvals over the API, as the command line shows and answers them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import plain

from breakglass.client.listing import items

if TYPE_CHECKING:
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi

PATH = "/api/v1/approvals"


@dataclass(frozen=True)
class Shown:
    """A question as the runner tells it; every text is one that can be printed.

    Attributes:
        content: What the runner said.
        incident: Its id.
        headline: What is asked, in one line.
        digest: Of the plan.
        preview: Digest of the preview among the lines; empty where there is none.
        lines: Label and text.
        why_not: Why you can't approve it; empty when you can.
    """

    content: Mapping[str, object]
    incident: str
    headline: str
    digest: str
    lines: tuple[tuple[str, str], ...]
    why_not: str
    preview: str = ""


def waiting(api: RunnerApi) -> list[Shown]:
    """What waits for people. Raises BreakglassError."""
    return [_shown(item) for item in items(api, PATH)]


def question(api: RunnerApi, incident: str) -> Shown:
    """One question. Raises BreakglassError."""
    return _shown(api.call("GET", f"{PATH}/{quote(incident, safe='')}"))


def answer(api: RunnerApi, shown: Shown, *, yes: bool, reason: str, code: str) -> None:
    """Say yes or no to the plan that was shown. Raises BreakglassError."""
    said = {"digest": shown.digest, "yes": yes, "reason": reason, "code": code}
    if shown.preview:
        said["preview"] = shown.preview
    api.call("POST", f"{PATH}/{quote(shown.incident, safe='')}", said)


def _shown(content: Mapping[str, object]) -> Shown:
    listed, preview = content.get("lines"), content.get("preview")
    lines = [line for line in listed if isinstance(line, list) and len(line) == 2] if isinstance(listed, list) else []  # noqa: PLR2004
    return Shown(
        content=content,
        incident=plain(content.get("incident", "")),
        headline=plain(content.get("headline", "")),
        digest=plain(content.get("digest", "")),
        lines=tuple((plain(label), plain(text)) for label, text in lines),
        why_not=plain(content.get("why_not", "")),
        preview=plain(preview.get("digest", "")) if isinstance(preview, Mapping) else "",
    )
