# SPDX-License-Identifier: GPL-3.0-or-later
"""`--json`: one document, or one a line, on standard output, with nothing else beside it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
AsJsonList = Annotated[bool, typer.Option("--json", help="Print one JSON list.")]
AsJsonLines = Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")]


def print_json(shown: object) -> None:
    """Print one document for programs."""
    typer.echo(json.dumps(shown, indent=2))


def print_json_line(shown: object) -> None:
    """Print one of many documents for programs."""
    typer.echo(json.dumps(shown))
