# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking for a password or a code: at a terminal without showing it, else one line of standard input."""

from __future__ import annotations

import sys

import typer


def ask_secret(words: str) -> str:
    """The secret. Raises typer.Abort when there is none."""
    if sys.stdin.isatty():
        return str(typer.prompt(words, hide_input=True, err=True))
    line = sys.stdin.readline()
    if not line:
        typer.echo(f"{words}: standard input has ended before it was given.", err=True)
        raise typer.Abort
    return line.rstrip("\n")
