# SPDX-License-Identifier: GPL-3.0-or-later
"""What a shell offers behind Tab: incidents, accesses and hosts that the runner knows for whoever has logged in.

A shell that completes must not be disturbed: without a login, or without an answer in a moment, there is nothing to offer,
and nothing is said or asked.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi

    from breakglass.client.offering import Offered

WITHIN_SECONDS: Final = 2.0
"""Nobody waits longer for what they could type, unless they say so in BREAKGLASS_COMPLETE_WITHIN."""
LATEST: Final = 20

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


def open_requests(incomplete: str) -> list[Offer]:
    """Our own requests whose grant is open."""

    def found(api: RunnerApi) -> Iterator[Offer]:
        from breakglass.client.offering import asked  # noqa: PLC0415
        from breakglass.client.requesting import OPEN  # noqa: PLC0415

        yield from ((one.request, ", ".join(one.hosts)) for one in asked(api) if one.state == OPEN)

    return _offered(found, incomplete)


def incidents(incomplete: str) -> list[Offer]:
    """Incidents that are open and that we may see."""

    def found(api: RunnerApi) -> Iterator[Offer]:
        from breakglass.client.operating import open_incidents  # noqa: PLC0415

        yield from map(_incident, open_incidents(api))

    return _offered(found, incomplete)


def latest_incidents(incomplete: str) -> list[Offer]:
    """The newest that we may see, closed ones too."""

    def found(api: RunnerApi) -> Iterator[Offer]:
        from breakglass.client.operating import latest_incidents as latest  # noqa: PLC0415

        yield from map(_incident, latest(api, LATEST))

    return _offered(found, incomplete)


def accesses(incomplete: str) -> list[Offer]:
    """Accesses that we may ask for."""
    return _offers(incomplete, lambda one: [(one.access, one.words.partition(" ")[2])])


def accesses_to_take(incomplete: str) -> list[Offer]:
    """Accesses that we may take to our own machine."""
    return _offers(incomplete, lambda one: [(one.access, one.words.partition(" ")[2])] if one.hand_out else [])


def accesses_there(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """Accesses by which we may log in to the host that the command names already."""
    host = _named(ctx, "host")
    return _offers(
        incomplete, lambda one: [(one.access, one.words.partition(" ")[2])] if one.login and host in one.hosts else []
    )


def hosts_of_access(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """Hosts of the access that the command names already; of all that we may ask for where it names none."""
    named = _named(ctx, "access")
    return _offers(incomplete, lambda one: [(host, one.access) for host in one.hosts if named in {"", one.access}])


def hosts(incomplete: str) -> list[Offer]:
    """Hosts that we may log in to: by our own requests, which are named, or by asking."""

    def found(api: RunnerApi) -> Iterator[Offer]:
        from breakglass.client.offering import asked, offered  # noqa: PLC0415

        yield from ((host, one.access) for one in offered(api) if one.login for host in one.hosts)
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


def _named(ctx: typer.Context, parameter: str) -> str:
    """What the command line has for a parameter so far; empty for nothing.

    Where the last option lacks its value still, click leaves the arguments as they are.
    """
    arguments = [one.name for one in ctx.command.params if one.param_type_name == "argument"]
    unread = ctx.args[0] if ctx.args and arguments[:1] == [parameter] else ""
    return str(ctx.params.get(parameter) or unread)


def _incident(one: object) -> Offer:
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import (  # noqa: PLC0415
        plain,
    )

    told = one if isinstance(one, dict) else {}
    return plain(told.get("id", "")), plain(told.get("line", ""))


def _offers(incomplete: str, words: Callable[[Offered], Iterable[Offer]]) -> list[Offer]:
    def found(api: RunnerApi) -> Iterator[Offer]:
        from breakglass.client.offering import offered  # noqa: PLC0415

        for one in offered(api):
            yield from words(one)

    return _offered(found, incomplete)


def _offered(found: Callable[[RunnerApi], Iterator[Offer]], incomplete: str) -> list[Offer]:
    """What is found in time; a thread that still asks then ends with the process."""
    told: list[Offer] = []
    asking = threading.Thread(target=_ask, args=(found, told), daemon=True)
    asking.start()
    asking.join(_within())
    known = {} if asking.is_alive() else dict(told)
    return [(word, about) for word, about in known.items() if word.startswith(incomplete)]


def _within() -> float:
    import os  # noqa: PLC0415

    said = os.environ.get("BREAKGLASS_COMPLETE_WITHIN", "")
    return float(said) if said.isdecimal() and said.isascii() and len(said) < len("1000") else WITHIN_SECONDS


def _ask(found: Callable[[RunnerApi], Iterator[Offer]], told: list[Offer]) -> None:
    import os  # noqa: PLC0415
    from contextlib import suppress  # noqa: PLC0415

    from breakglass.client.session import runner_api  # noqa: PLC0415

    with suppress(Exception), runner_api(os.environ) as api:  # nothing that goes wrong here is worth a word in a shell
        told += found(api)
