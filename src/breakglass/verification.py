# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifying a journal: where the public keys and the anchors come from, and what is said when they can't be had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.keys_file import NAME, read_keys
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.verify import verify
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.verify_report import (
    exit_code,
    render,
    to_json,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._sealing import VaultSigner
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.anchors import VaultAnchors
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import from_options
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import login_method

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.anchor import Anchors
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.public_key import PublicKey
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.verify import Report


@dataclass(frozen=True)
class Verified:
    """A report, and what must be said beside it."""

    report: Report
    remarks: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 intact, 1 could not be checked, 2 changed."""
        return exit_code(self.report)

    def text(self) -> str:
        """For people."""
        return render(self.report)

    def json_text(self) -> str:
        """For programs."""
        return to_json(self.report)


def verify_journal(directory: Path, key: Path | None, environ: Mapping[str, str], *, offline: bool) -> Verified:
    """Verify a journal's directory.

    Args:
        directory: The journal.
        key: A file of public keys; None asks Vault, and takes `journal.keys` beside the journal when Vault is away.
        environ: Says where Vault is and how to log in.
        offline: Don't ask Vault for anything.

    Raises:
        BreakglassError: The keys can't be read.
    """
    remarks: list[str] = []
    keys: Sequence[PublicKey] | None = read_keys(key) if key else None
    anchors: Anchors | None = None
    if not offline:
        try:
            client = _log_in(environ)
            keys = keys or VaultSigner(client).keys()
            anchors = VaultAnchors(client)
        except BreakglassError as error:
            remarks.append(f"Vault could not be asked, so anchors are not checked: {error}")
    if keys is None:
        beside = next((path for path in (directory.parent / NAME, directory / NAME) if path.exists()), None)
        keys = read_keys(beside) if beside else ()
        if beside:
            remarks.append(
                f"The public keys are those of {beside}; whoever can change the journal may have changed them."
            )
    return Verified(verify(directory, keys, anchors), tuple(remarks))


def _log_in(environ: Mapping[str, str]) -> Client:
    bare = Client(from_options({}, environ), None)
    return bare.with_token(login_method({}, environ).authenticate(bare).token)
