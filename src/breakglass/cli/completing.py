# SPDX-License-Identifier: GPL-3.0-or-later
"""What a shell offers behind Tab: incidents and hosts that the runner knows for whoever has logged in.

A shell that completes must not be disturbed: without a login, or without an answer, there is nothing to offer, and nothing is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi

Offer = tuple[str, str]
"""What is completed to, and what a shell that can shows beside it."""


def questions(incomplete: str) -> list[Offer]:
    """Incidents that wait for our yes or no."""

    def found(api: RunnerApi) -> Iterator[Offer]:
        from breakglass.client.approving import waiting  # noqa: PLC0415

        yield from ((one.incident, one.headline) for one in waiting(api))

    return _offered(found, incomplete)


def requests(incomplete: str) -> list[Offer]:
    """Our own requests that are not over."""

    def found(api: RunnerApi) -> Iterator[Offer]:
        from breakglass.client.offering import asked  # noqa: PLC0415

        yield from ((one.request, f"{one.state}, {', '.join(one.hosts)}") for one in asked(api))

    return _offered(found, incomplete)


def hosts(incomplete: str) -> list[Offer]:
    """Hosts of our own requests that are not over."""

    def found(api: RunnerApi) -> Iterator[Offer]:
        from breakglass.client.offering import asked  # noqa: PLC0415

        yield from ((host, one.request) for one in asked(api) for host in one.hosts)

    return _offered(found, incomplete)


def reviews(incomplete: str) -> list[Offer]:
    """Overrides that are to be judged."""

    def found(api: RunnerApi) -> Iterator[Offer]:
        from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import (  # noqa: PLC0415
            plain,
        )

        from breakglass.client.reviewing import reviews as due  # noqa: PLC0415

        yield from ((plain(one.get("incident", "")), plain(one.get("summary", ""))) for one in due(api))

    return _offered(found, incomplete)


def _offered(found: Callable[[RunnerApi], Iterator[Offer]], incomplete: str) -> list[Offer]:
    import os  # noqa: PLC0415

    from breakglass.client.session import runner_api  # noqa: PLC0415
    from breakglass.errors import BreakglassError  # noqa: PLC0415

    try:
        with runner_api(os.environ) as api:
            return [(word, about) for word, about in dict(found(api)).items() if word.startswith(incomplete)]
    except BreakglassError:
        return []
