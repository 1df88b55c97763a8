# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass init`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from breakglass.init.answers import ChannelAnswer, InventoryAnswer, VaultAnswer
    from breakglass.init.asking import Question
    from breakglass.init.interview import Given

STANDARD_INPUT = Path("-")
LARGEST_URL = 65_536


def init(
    directory: Annotated[Path, typer.Argument(help="Where it goes; made if it is not there.")] = Path(),
    *,
    vault_address: Annotated[str, typer.Option(metavar="URL", help="Where Vault or OpenBao is. [VAULT_ADDR]")] = "",
    vault_namespace: Annotated[str, typer.Option(metavar="NAME", help="Its namespace. [VAULT_NAMESPACE]")] = "",
    vault_ca_cert: Annotated[
        str, typer.Option(metavar="FILE", help="CA certificates by which it is known. [VAULT_CACERT]")
    ] = "",
    inventory: Annotated[str, typer.Option(metavar="PATH", help="The Ansible inventory. [ANSIBLE_INVENTORY]")] = "",
    channel_file: Annotated[
        Optional[Path],  # noqa: UP045 (typer reads it)
        typer.Option(metavar="FILE", help="Holds the Apprise URL by which people are told; - is standard input."),
    ] = None,
    test_message: Annotated[
        bool, typer.Option("--test-message/--no-test-message", help="Send a test message through it.")
    ] = True,
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where the runner is to listen.")] = "127.0.0.1:8443",
    state: Annotated[
        Optional[Path],  # noqa: UP045 (typer reads it)
        typer.Option(
            metavar="DIRECTORY",
            help="Where database and journal go: /var/lib/breakglass for root, else state/ beside the settings.",
        ),
    ] = None,
) -> None:
    """Set up a first installation: asks three things, looks at each answer, and writes settings, a policy and secrets.

    The policy only observes. Nothing that is there is ever overwritten, and an init that is interrupted leaves nothing half.
    Without a terminal give the options, or the environment in brackets; the Apprise URL is a secret, and comes from a file or
    standard input only.
    """
    import os  # noqa: PLC0415

    from breakglass.init import writing  # noqa: PLC0415
    from breakglass.init.installing import Installing, next_steps  # noqa: PLC0415
    from breakglass.init.interview import Given  # noqa: PLC0415

    place = directory.expanduser().absolute()
    if writing.finish(place):
        typer.echo(f"What an interrupted init had written is in its place now: {place / writing.SETTINGS}")
        return
    writing.refuse_what_is_there(place)
    url = _url_of(channel_file) if channel_file else ""
    given = Given(vault_address, vault_namespace, vault_ca_cert, inventory, url, test_message, os.environ)
    vault, hosts, channel = _ask(given)
    Installing(place, listen, state, vault, hosts, channel).write(os.environ)
    where = "" if place == Path.cwd() else f" in {place}"
    typer.echo(f"Wrote settings.yml, policy/breakglass.yml (mode: observe), secrets/ (0700){where}\n\nNext:")
    for line in next_steps(place, hosts.path, hosts.hosts[0]):
        typer.echo(f"  {line}")


class _Person:
    """Who sits at the terminal, if anybody does."""

    @property
    def is_there(self) -> bool:
        return sys.stdin.isatty()

    def ask(self, question: Question) -> str:
        text: str = typer.prompt(question.words, default=question.usual or None, hide_input=question.hidden)
        return text

    def confirm(self, words: str) -> bool:
        return typer.confirm(f"    {words}", default=True)

    def tell(self, text: str) -> None:
        typer.echo(f"    {text}")


def _ask(given: Given) -> tuple[VaultAnswer, InventoryAnswer, ChannelAnswer]:
    from breakglass.errors import BreakglassError  # noqa: PLC0415
    from breakglass.init.asking import MissingAnswer  # noqa: PLC0415
    from breakglass.init.interview import interview  # noqa: PLC0415

    try:
        return interview(_Person(), given)
    except MissingAnswer as error:
        raise typer.BadParameter(str(error)) from None
    except (typer.Abort, KeyboardInterrupt):
        raise BreakglassError("Interrupted; nothing was written.") from None


def _url_of(file: Path) -> str:
    """Read the URL of a channel; what is in a file that can't be used is never said."""
    from breakglass.errors import BreakglassError  # noqa: PLC0415

    try:
        if file == STANDARD_INPUT:
            content = sys.stdin.buffer.read(LARGEST_URL)
        else:
            with file.open("rb") as opened:
                content = opened.read(LARGEST_URL)
        text = content.decode().strip()
    except OSError as error:
        raise BreakglassError(f"The file of the channel {file} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise BreakglassError(f"The file of the channel {file} holds no text; it must hold one Apprise URL.")
    return text
