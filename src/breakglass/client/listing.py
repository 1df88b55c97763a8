# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of the API, read to their end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import UnreachableRunner

if TYPE_CHECKING:
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi

MOST_PAGES: Final = 100


def items(api: RunnerApi, path: str) -> list[Mapping[str, object]]:
    """All items of a list, page after page. Raises BreakglassError."""
    found: list[Mapping[str, object]] = []
    after = ""
    for _ in range(MOST_PAGES):
        sign = "&" if "?" in path else "?"
        page = api.call("GET", f"{path}{sign}after={quote(after, safe='')}" if after else path)
        listed, following = page.get("items"), page.get("next")
        if not isinstance(listed, list):
            break
        found += [one for one in listed if isinstance(one, Mapping)]
        if not isinstance(following, str) or not following:
            return found
        after = following
    raise UnreachableRunner(f"{api.url} does not answer as a runner of our version does.")
