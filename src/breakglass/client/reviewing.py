# SPDX-License-Identifier: GPL-3.0-or-later
"""Reviews over the API: what is to be judged, and judging it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from breakglass.client.listing import items

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi


def reviews(api: RunnerApi) -> list[Mapping[str, object]]:
    """What is to be judged. Raises BreakglassError."""
    return items(api, "/api/v1/reviews")


def review(api: RunnerApi, incident: str, verdict: str, note: str) -> None:
    """Judge one. Raises BreakglassError."""
    api.call("POST", f"/api/v1/reviews/{quote(incident, safe='')}", {"verdict": verdict, "note": note})
