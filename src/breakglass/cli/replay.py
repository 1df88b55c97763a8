# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass replay`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from breakglass.cli.audit_options import JOURNAL, SETTINGS, reader_may_leave
from breakglass.cli.reaching import asks_runner, signed_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TextIO

    from breakglass.sessions.cast import Piece


def replay(
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id, as INC-7K3M.")],
    session: Annotated[
        Optional[int],  # noqa: UP045 (typer reads it)
        typer.Option(help="Which of its sessions, from 1; needed where there are several."),
    ] = None,
    speed: Annotated[float, typer.Option(help="So many times as fast.", min=0.1, max=1000)] = 1.0,
    export: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Write it as asciicast v2, as it was recorded, instead of playing it."),
    ] = None,
    *,
    plain: Annotated[bool, typer.Option("--plain", help="Its text, with all that steers a terminal escaped.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Don't ask Vault for the anchors.")] = False,
    journal: JOURNAL = None,
    settings: SETTINGS = None,
) -> None:
    """Play what the terminal of a session showed. Only what draws is played: nothing in it sets a title or makes your terminal answer.

    The runner that you have logged in to is asked, which verifies the record and shows it to operators, auditors, who asked for the access, and who
    judges its override. With --journal or --settings it is verified and played on the machine that has the journal.
    """
    import tempfile  # noqa: PLC0415

    from breakglass.sessions.replay import export as write  # noqa: PLC0415
    from breakglass.sessions.replay import plain_lines, play  # noqa: PLC0415

    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        remote = asks_runner(journal, settings, offline)
        record = (
            _of_runner(incident, session, file)
            if remote
            else _of_journal(incident, session, journal, settings, offline=offline)
        )
        typer.echo(record.verified, err=True)
        if export is not None:
            write(record.lines(), export)
            return
        with reader_may_leave():
            if plain:
                for line in plain_lines(record.pieces()):
                    typer.echo(line)
                return
            try:
                play(record.pieces(), _show, speed)
            except KeyboardInterrupt:
                raise typer.Exit(0) from None


@dataclass(frozen=True)
class _Record:
    """A session's record, wherever it comes from.

    Attributes:
        verified: How far it can be trusted, in a sentence.
        lines: Gives it as asciicast v2.
        pieces: Gives what it shows.
    """

    verified: str
    lines: Callable[[], Iterable[str]]
    pieces: Callable[[], Iterable[Piece]]


def _of_journal(
    incident: str, session: int | None, journal: Path | None, settings: Path | None, *, offline: bool
) -> _Record:
    import os  # noqa: PLC0415

    from breakglass.reading import find_journal  # noqa: PLC0415
    from breakglass.sessions.replay import Replay  # noqa: PLC0415

    found = Replay.find(find_journal(journal, settings, os.environ), incident, session)
    return _Record(found.verify(os.environ, offline=offline), found.lines, found.pieces)


def _of_runner(incident: str, session: int | None, file: TextIO) -> _Record:
    """All of it is fetched before it is played, into a file that has no name: a runner waits for nobody who looks slowly."""
    from breakglass.client.recordings import recording  # noqa: PLC0415
    from breakglass.sessions.cast import pieces_of, verified_of  # noqa: PLC0415

    with signed_in() as api:
        file.writelines(f"{line}\n" for line in recording(api, incident, session))
    file.seek(0)
    header = file.readline()
    start = file.tell()

    def lines(at: int) -> Iterator[str]:
        file.seek(at)
        return (line.removesuffix("\n") for line in iter(file.readline, ""))

    verified = f"The runner says of its record: {verified_of(header)}"
    return _Record(verified, lambda: lines(0), lambda: pieces_of(lines(start)))


def _show(text: str) -> None:
    import sys  # noqa: PLC0415

    sys.stdout.write(text)
    sys.stdout.flush()
