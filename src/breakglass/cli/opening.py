# SPDX-License-Identifier: GPL-3.0-or-later
"""Showing a link to whoever sits at the terminal, and opening it in their browser where there is one."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from contextlib import suppress
from typing import Final

import typer

HAVE_SCREEN: Final = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")


def show_link(link: str) -> None:
    """Print it, for a browser on this machine."""
    typer.echo(f"Log in with a browser on this machine: {link}", err=True)
    typer.echo("Waiting for it; Ctrl-C ends the wait.", err=True)


def open_link(link: str) -> None:
    """Print it, and open it in a browser, unless that would be one inside this terminal."""
    show_link(link)
    if sys.platform == "darwin" or any(os.environ.get(name) for name in HAVE_SCREEN):
        threading.Thread(target=_open, args=(link,), daemon=True).start()  # some browsers return when they are closed


def _open(link: str) -> None:
    with suppress(webbrowser.Error, OSError):
        webbrowser.open(link)
