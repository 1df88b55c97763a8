# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass audit key`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the key is to be; nothing may be there.")],
    name: Annotated[str, typer.Option("--name", help="The key's name; each new key has a new one.")] = (
        "breakglass-journal/v1"
    ),
) -> None:
    """Make a key that signs journals without Vault, in a file (0600), and its public half in FILE.pub. 0 done, 1 not.

    To replace a key move FILE away, make another one with another name at the same place, and keep FILE.pub: it knows both.
    """
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.file_signer import (  # noqa: PLC0415
        FileSigner,
        public_half,
    )

    FileSigner.create(file.absolute(), name)
    typer.echo(f"Made the key {name} in {file}. BREAKGLASS_SIGNING_KEY={file.absolute()} has runs signed with it.")
    typer.echo(f"Verify with: breakglass audit verify --key {public_half(file)} JOURNAL")
