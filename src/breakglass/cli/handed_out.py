# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass with` and `breakglass credential`: credentials on the person's own machine, where the access says `hand_out: true`."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from breakglass.cli import completing
from breakglass.cli.closing import tell_closed
from breakglass.cli.waiting import Progress, interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.order import Order
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.wallet import Credential
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi

    from breakglass.client.held_here import HeldHere
    from breakglass.client.taking import Taken

Access = Annotated[
    str,
    typer.Argument(
        help="An access of the policy that says hand_out: true.", autocompletion=completing.accesses_to_take
    ),
]
Hosts = Annotated[
    list[str],
    typer.Option("--host", help="An inventory name; may be given again.", autocompletion=completing.hosts_of_access),
]
Reason = Annotated[str, typer.Option(help="Why: a sentence that an auditor understands.")]
Ticket = Annotated[str, typer.Option(help="Where it is tracked.")]
TimeBox = Annotated[str, typer.Option(help="From the moment that it opens, as 30m.")]
Form = Annotated[str, typer.Option(help="Of a database user: pgpass, my_cnf, environment or plain.")]
Override = Annotated[
    bool,
    typer.Option("--override", help="Without the approval, where the policy lets you; others judge it afterwards."),
]


def with_(  # noqa: PLR0917 (each is an option of the command)
    access: Access,
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND…", help="What is run under the access.")],
    host: Hosts,
    reason: Reason,
    ticket: Ticket = "",
    time_box: TimeBox = "10m",
    form: Form = "pgpass",
    *,
    override: Override = False,
) -> None:
    """Run a command of yours under an access: its credentials are in files, named by variables, and gone at the command's end.

    Not a recorded session: the record says who took what for how long, not what was done. Ends with the command's status.
    """
    from breakglass.client.commanding import run  # noqa: PLC0415
    from breakglass.client.orders import left_out, orders  # noqa: PLC0415
    from breakglass.client.session import runner_api  # noqa: PLC0415
    from breakglass.credential_files import variables  # noqa: PLC0415

    _check_form(form)
    asking = partial(_request, access, host, reason, ticket, time_box, override=override)
    with runner_api(os.environ) as api, _open_here(api, asking) as here:
        held = here.held
        ordered = orders(here.taken, held.run, form)
        credentials = [here.obtain(order) for order in ordered.values()]
        files = [(one.name, file) for one in credentials for file in one.files]
        files += [("ssh", "config")] if "ssh" in ordered else []
        _say(f"You hold {', '.join(one.what for one in credentials) or 'nothing'}. This is not a recorded session.")
        if others := left_out(here.taken):
            _say(f"Not handed out, because only plays use it: {', '.join(others)}.")
        name, mark = held.run.mark
        added = {
            name: mark,
            "BREAKGLASS_REQUEST": held.request,
            "BREAKGLASS_CREDENTIALS": str(held.run.credentials),
        }
        with held.renewed():
            environ = {**os.environ, **added, **variables(str(held.run.credentials), files)}
            status = run(command, environ, here.ends_at, _say, held.end_processes)
    raise typer.Exit(status)


def credential(  # noqa: PLR0917
    name: Annotated[str, typer.Argument(help="ssh, the role of a database, or the last word of a secret's path.")],
    access: Annotated[
        str,
        typer.Option(
            help="An access of the policy that says hand_out: true.", autocompletion=completing.accesses_to_take
        ),
    ],
    host: Hosts,
    reason: Reason,
    ticket: Ticket = "",
    time_box: TimeBox = "10m",
    form: Form = "pgpass",
    output: Annotated[
        Optional[Path],  # noqa: UP045 (typer reads it)
        typer.Option(
            metavar="FILE", help="Write it there, for you alone, instead of printing it; FILE must not be there."
        ),
    ] = None,
    *,
    show: Annotated[bool, typer.Option("--show", help="Print it although standard output is a terminal.")] = False,
    override: Override = False,
) -> None:
    """Print one credential as JSON. It lives until the time box is over, or until you give the grant back (breakglass release)."""
    from breakglass.client.orders import orders  # noqa: PLC0415
    from breakglass.client.session import runner_api  # noqa: PLC0415
    from breakglass.client.taking import NotHandedOut  # noqa: PLC0415

    _check_form(form)
    if output is None and sys.stdout.isatty() and not show:
        _say("A terminal keeps what it shows. Pipe it, name a file with --output, or say --show.")
        raise typer.Exit(1)
    if output is not None and output.exists():
        _say(f"{output} is there already, and is not written over. Name another file.")
        raise typer.Exit(1)
    asking = partial(_request, access, host, reason, ticket, time_box, override=override)
    with runner_api(os.environ) as api, _open_here(api, asking) as here:
        ordered = orders(here.taken, here.held.run, form)
        if name not in ordered:
            raise NotHandedOut(f"{access} has no credential {name} for you; it has: {', '.join(ordered) or 'none'}.")
        made = here.obtain(ordered[name])
        directory = here.held.run.credential(name)
        files = {file: (directory / file).read_text(encoding="utf-8") for file in made.files}
        shown = {
            "request": here.held.request,
            "name": name,
            "kind": made.kind,
            "expires_at": made.expires_at,
            "files": files,
        }
        _give(json.dumps(shown, indent=2) + "\n", output)
        here.is_kept = True
    _say(f"This is not a recorded session. Give it back when you are done: breakglass release {here.held.request}")


def _check_form(form: str) -> None:
    from breakglass.client.orders import FORMS  # noqa: PLC0415

    if form not in FORMS:
        raise typer.BadParameter(f"The forms of a database user are {', '.join(FORMS)}.", param_hint="--form")


def _request(  # noqa: PLR0917
    access: str, hosts: list[str], reason: str, ticket: str, time_box: str, api: RunnerApi, *, override: bool
) -> str:
    from breakglass.client.requesting import Wanted  # noqa: PLC0415
    from breakglass.client.taking import request_for  # noqa: PLC0415
    from breakglass.policy.scalars import seconds_of  # noqa: PLC0415

    wanted = Wanted(access, tuple(hosts), reason, ticket, seconds_of(time_box), override, hand_out=True)
    request, is_new = request_for(api, wanted)
    _say(
        f"Asked as {request}. Ctrl-C leaves the request alive."
        if is_new
        else f"You have asked for it as {request}; its time box and reason count."
    )
    return request


@dataclass
class _Here:
    """A grant that is open here; what is not kept is given back."""

    held: HeldHere
    taken: Taken
    ends_at: float = 0.0
    is_kept: bool = False
    database_users: list[str] = field(default_factory=list)

    def obtain(self, order: Order) -> Credential:
        """Get one credential of it."""
        made = self.held.obtain(order, self.taken)
        if made.kind == "database":
            self.database_users.append(str(made.facts["username"]))
        return made


@contextmanager
def _open_here(api: RunnerApi, request: Callable[[RunnerApi], str]) -> Iterator[_Here]:
    """Ask, wait, open it, and give it back afterwards; whoever dies meanwhile has a watcher for that."""
    from breakglass.client.held_here import HeldHere, unused  # noqa: PLC0415

    with unused(os.environ) as run:  # before anybody is asked
        held = HeldHere.begin(api, request(api), run, os.environ)
        taken = _taken(api, held.request)
    try:
        dismiss = held.watched()
    except BaseException:  # without a watcher nothing is opened here
        held.close()
        raise
    here = _Here(held, taken)
    try:
        until = held.open(taken)
        here.ends_at = time.monotonic() + min(taken.seconds, (until - datetime.now(UTC)).total_seconds())
        _say(f"Grant open until {until:%H:%M:%S} UTC.")
        yield here
    finally:
        if here.is_kept:
            held.run.wipe()
        else:
            _close(api, here)
        dismiss()


def _taken(api: RunnerApi, request: str) -> Taken:
    from breakglass.client.taking import LeftWaiting, NotHandedOut, take  # noqa: PLC0415
    from breakglass.errors import BreakglassError  # noqa: PLC0415

    progress = Progress(api, request)
    try:
        with interrupts() as heard:
            return take(api, request, progress.tell, progress.tell_break, lambda: bool(heard))
    except KeyboardInterrupt:
        raise LeftWaiting(request) from None
    except (LeftWaiting, NotHandedOut):
        raise
    except BreakglassError:
        _say(str(LeftWaiting(request)))
        raise


def _close(api: RunnerApi, here: _Here) -> None:
    """Give everything back, and wait a little for the proof."""
    closed = here.held.close()
    if closed.left:
        _say(f"These processes could not be ended: {', '.join(map(str, closed.left))}.")
    tell_closed(api, here.held.request, here.database_users if closed.revoked else ())


def _give(text: str, output: Path | None) -> None:
    if output is None:
        typer.echo(text, nl=False)
        return
    from breakglass.client.taking import NotHandedOut  # noqa: PLC0415

    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise NotHandedOut(f"{output} can't be written: {error.strerror}. The credential was taken back.") from None


def _say(text: str) -> None:
    typer.echo(text, err=True)
