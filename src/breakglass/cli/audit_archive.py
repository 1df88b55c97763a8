# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass audit archive`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def archive(
    older_than: Annotated[str, typer.Option("--older-than", help="What was sealed longer ago: 400d.")],
    to: Annotated[Path, typer.Option("--to", help="Directory of the archive, a journal of its own.")],
    settings: Annotated[Path, typer.Option("--settings", help="The settings of this installation.")] = Path(
        "settings.yml"
    ),
) -> None:
    """Move old streams, sealed and acknowledged by every sink, to an archive. 0 done, 1 something stays, 3 wrong use.

    Both can be verified afterwards. The two ledgers are signed by Vault (VAULT_ADDR, VAULT_TOKEN or the token file), or by the
    key whose file BREAKGLASS_SIGNING_KEY names.
    """
    import os  # noqa: PLC0415

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.duration import (  # noqa: PLC0415
        UnreadableDuration,
        duration,
    )

    from breakglass.archiving import archive_journal  # noqa: PLC0415
    from breakglass.settings import load_settings  # noqa: PLC0415

    try:
        age = duration(older_than)
    except UnreadableDuration as error:
        raise typer.BadParameter(str(error)) from None
    result = archive_journal(load_settings(settings).journal, age, to, os.environ)
    for line in result.lines:
        typer.echo(line)
    raise typer.Exit(result.exit_code)
