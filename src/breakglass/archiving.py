# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving old streams out of the journal, and having the archive's ledger signed: what `breakglass audit archive` does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.anchor import Anchors, NoAnchors
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.file_signer import signer_from
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import NAME, Ledger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._sealing import (
    KeyedSigner,
    VaultSigner,
    checkpoint,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.archiving import archive
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.anchors import VaultAnchors
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.logged_in import logged_in

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from breakglass.settings import JournalSettings

NOT_ALL = 1


@dataclass(frozen=True)
class Moved:
    """What to print, and the exit code."""

    lines: tuple[str, ...]
    exit_code: int


def archive_journal(journal: JournalSettings, older_than: timedelta, to: Path, environ: Mapping[str, str]) -> Moved:
    """Move what was sealed longer ago, and sign the ledgers of archive and journal; raises BreakglassError."""
    before = datetime.now(UTC) - older_than
    done = archive(journal.directory, to, before, tuple(journal.sinks.sinks), lambda: datetime.now(UTC))
    lines = [f"{len(done.moved)} streams moved to {to}"]
    lines += [f"{name} stays: not every sink has acknowledged it" for name in done.unshipped]
    unsigned = _sign([journal.directory, to], environ) if done.moved else ""
    if unsigned:
        lines.append(f"The ledgers of journal and archive are not signed yet. {unsigned}")
    return Moved(tuple(lines), NOT_ALL if unsigned or done.unshipped else 0)


def _sign(journals: list[Path], environ: Mapping[str, str]) -> str:
    """Sign and anchor the ledgers; returns why that was not possible."""
    try:
        if local := signer_from(environ):
            _sign_with(journals, local, NoAnchors())
        else:
            with logged_in({}, environ) as client:
                _sign_with(journals, VaultSigner(client), VaultAnchors(client))
    except BreakglassError as error:
        return str(error)
    return ""


def _sign_with(journals: list[Path], signer: KeyedSigner, anchors: Anchors) -> None:
    for directory in journals:
        ledger = Ledger.open(directory)
        checkpoint(directory / NAME, ledger.origin, ledger.head(), signer, anchors)
