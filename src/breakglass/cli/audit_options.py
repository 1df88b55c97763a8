# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands that read a journal have in common: options, and how their output ends when nobody reads it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Optional

import typer

WANTED = Annotated[
    Optional[str],  # noqa: UP045 (typer reads it)
    typer.Argument(metavar="[INCIDENT|RUN|PATH]", help="INC-…, RUN-… or a stream; everything without it."),
]
JOURNAL = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--journal", metavar="DIR", help="The journal's directory."),
]
SETTINGS = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--settings", metavar="FILE", help="Settings that name the journal; settings.yml here if it is there."
    ),
]
HOSTS = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--host", metavar="NAME", help="Only what is about this host; may be given again."),
]
KINDS = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--kind", metavar="KIND", help="Only these kinds: task.result, or task for all of them."),
]
SINCE = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--since", metavar="MOMENT", help="2026-11-22, 2026-11-22T03:00 (UTC), or 7d: so long ago."),
]
UNTIL = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--until", metavar="MOMENT", help="Before this moment."),
]
GREP = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--grep", metavar="TEXT", help="Only what has this text, in upper or lower case."),
]
OUTPUT = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--output", metavar="FILE", help="Write to this file, which appears when it is whole."),
]


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Let a reader of our output (`head`, `less`) go away at any time."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


def say_troubles(sentences: list[str]) -> None:
    """Say on standard error what could not be read, and end with 1; do nothing when all could."""
    for sentence in sentences:
        typer.echo(f"breakglass: {sentence}", err=True)
    if sentences:
        raise typer.Exit(1)
