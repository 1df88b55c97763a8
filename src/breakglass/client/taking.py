# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking a grant to this machine: asked for, or the request of ours that waits already; handed over once by the runner."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.patience import Patience
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import UnreachableRunner, plain

from breakglass.client.offering import asked
from breakglass.client.requesting import LOOK_EVERY_SECONDS, OPEN, PATH, WAITING, Standing, ask
from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi

    from breakglass.client.requesting import Wanted

HANDED_OVER_WITHIN_SECONDS: Final = 10.0


class NotHandedOut(BreakglassError):
    """Raised when there is no grant to be had: refused, over, or taken already."""


class LeftWaiting(BreakglassError):
    """Raised when the person does not wait any longer; the request goes on."""

    def __init__(self, request: str) -> None:
        super().__init__(
            f"{request} goes on without you. Come back with the same command, or: breakglass release {request}"
        )


@dataclass(frozen=True)
class HostWay:
    """A host of the grant, and how the runner reaches it; without an address nobody can say that for this machine."""

    host: str
    address: str
    port: int


@dataclass(frozen=True)
class Opens:
    """One credential of the access: its kind, and where Vault makes it."""

    kind: str
    mount: str
    name: str
    engine: str


@dataclass(frozen=True)
class Taken:
    """A grant on this machine, wrapped still.

    Attributes:
        request: The runner's name for it.
        wrapped: The single-use wrapping token; never shown.
        accessor: The grant's handle.
        meta: What Vault keeps with the grant.
        access: Its access.
        seconds: Its time box.
        user: Login on the hosts; empty where the access opens no SSH.
        hosts: Its hosts.
        opens: Its other credentials.
        stream: What tells of it in the runner's journal.
    """

    request: str
    wrapped: str = field(repr=False)
    accessor: str
    meta: Mapping[str, str]
    access: str
    seconds: int
    user: str
    hosts: tuple[HostWay, ...]
    opens: tuple[Opens, ...]
    stream: str


def request_for(api: RunnerApi, wanted: Wanted) -> tuple[str, bool]:
    """Our request for this access and these hosts that is not over, else a new one; and whether it is new.

    Raises NotHandedOut, BreakglassError.
    """
    living = {*WAITING, OPEN}
    same = [one for one in asked(api) if one.access == wanted.access and set(one.hosts) == set(wanted.hosts)]
    there = next((one.request for one in same if one.handed_out and one.state in living), "")
    if there and wanted.override:
        raise NotHandedOut(
            f"You have asked for it as {there}, without --override, and that has the hosts. Withdraw it first: "
            f"breakglass release {there}"
        )
    return (there, False) if there else (ask(api, wanted), True)


def take(
    api: RunnerApi,
    request: str,
    tell: Callable[[Standing], None],
    tell_break: Callable[[str], None],
    has_left: Callable[[], bool],
) -> Taken:
    """Wait until it is open, and take it over.

    Args:
        api: The runner's.
        request: Ours.
        tell: Hears at each look how it stands.
        tell_break: Hears why the runner gives no answer for a while.
        has_left: Whether the person has had enough of waiting.

    Raises:
        NotHandedOut: It is not opened, or was handed out before.
        LeftWaiting: The person has left.
        BreakglassError: The runner can't be asked, for minutes.
    """
    open_since, patience = 0.0, Patience(tell_break)
    while not has_left():
        said = patience.ask(lambda: api.call("GET", f"{PATH}/{request}"))
        if said is None:
            time.sleep(LOOK_EVERY_SECONDS)
            continue
        if isinstance(grant := said.get("grant"), Mapping):
            return _taken(api, request, grant)
        now = Standing(plain(said.get("state", "")), plain(said.get("why", "")))
        tell(now)
        if now.is_open:
            open_since = open_since or time.monotonic()
            if time.monotonic() - open_since > HANDED_OVER_WITHIN_SECONDS:
                raise NotHandedOut(
                    f"{request} is open, and was handed out before, which happens once: another command of yours may be using it. "
                    f"To end that and ask anew: breakglass release {request}"
                )
        elif not now.waits:
            raise NotHandedOut(f"{request} was not opened: {now.why or now.state}.")
        time.sleep(LOOK_EVERY_SECONDS)
    raise LeftWaiting(request)


def _taken(api: RunnerApi, request: str, grant: Mapping[str, object]) -> Taken:
    meta, seconds = grant.get("meta"), grant.get("time_box_seconds")
    words = [grant.get(name) for name in ("wrapped", "accessor", "access", "user", "stream")]
    hosts, opens = _items(grant, "hosts"), _items(grant, "credentials")
    if not (isinstance(meta, Mapping) and type(seconds) is int and all(isinstance(word, str) for word in words)):
        raise UnreachableRunner(f"{api.url} does not answer as a runner of our version does.")
    wrapped, accessor, access, user, stream = map(str, words)
    known = {str(name): str(value) for name, value in meta.items()}
    ways, credentials = tuple(map(_way, hosts)), tuple(map(_opens, opens))
    return Taken(request, wrapped, accessor, known, access, seconds, user, ways, credentials, stream)


def _items(grant: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    items = grant.get(name)
    return [one for one in items if isinstance(one, Mapping)] if isinstance(items, list) else []


def _way(one: Mapping[str, object]) -> HostWay:
    port = one.get("port")
    return HostWay(str(one.get("host", "")), str(one.get("address", "")), port if type(port) is int else 0)


def _opens(one: Mapping[str, object]) -> Opens:
    return Opens(**{name: str(one.get(name, "")) for name in ("kind", "mount", "name", "engine")})
