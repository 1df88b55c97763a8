# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a session over the API: the lines of an asciicast v2 file, as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from breakglass.client.streaming import streamed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi

ASCIICAST: Final = "application/x-asciicast"


def recording(api: RunnerApi, incident: str, session: int | None) -> Iterator[str]:
    """The lines of one session of an incident; of its only one where none is named. Raises as `streamed`."""
    which = f"?session={session}" if session is not None else ""
    path = f"/api/v1/incidents/{quote(incident, safe='')}/recording{which}"
    with streamed(api, path, ASCIICAST) as answer:
        yield from (line.decode("utf-8", "replace") for line in answer.iter_lines() if line)
