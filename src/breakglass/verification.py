# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifying journals: where the public keys and the anchors come from, and what is said when they can't be had."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.anchors_file import (
    KeptAnchors,
    RememberedAnchors,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.keys_file import (
    NAME,
    read_keys,
    write_keys,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import NAME as LEDGER
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.verify import verify
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.verify_report import (
    exit_code,
    render,
    to_json,
)

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.anchor import Anchors
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.public_key import PublicKey
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.verify import Report


class UnsavedAnchors(BreakglassError):
    """Raised when anchors are to be saved and Vault did not tell all of them."""


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


@dataclass(frozen=True)
class Witnesses:
    """What a journal is compared with.

    Attributes:
        keys: A file of public keys; None asks Vault, and takes `journal.keys` beside the journal when Vault is away.
        anchors: A file of anchors; None asks Vault.
        offline: Don't ask Vault for anything.
        save_keys: Where to write the public keys that Vault has.
        save_anchors: Where to write the anchors that Vault has of the streams that are verified.
    """

    keys: Path | None = None
    anchors: Path | None = None
    offline: bool = False
    save_keys: Path | None = None
    save_anchors: Path | None = None

    @property
    def need_vault(self) -> bool:
        """Whether something is to be asked that no file has."""
        return not self.offline and not (self.keys and self.anchors and not self.save_keys)


@dataclass
class _Called:
    """The witnesses, as far as they came."""

    keys: Sequence[PublicKey] | None = None
    anchors: Anchors | None = None
    remarks: list[str] = field(default_factory=list)


def verify_journal(directory: Path, key: Path | None, environ: Mapping[str, str], *, offline: bool) -> Verified:
    """Verify all of one journal; see `verify_paths`."""
    return verify_paths([directory], Witnesses(keys=key, offline=offline), environ)[0]


def verify_paths(paths: Sequence[Path], witnesses: Witnesses, environ: Mapping[str, str]) -> list[Verified]:
    """Verify journals, or parts of them.

    Args:
        paths: Each a journal's directory, a directory below one, or one stream's file; parts of one journal are verified together.
        witnesses: What they are compared with.
        environ: Says where Vault is and how to log in.

    Raises:
        BreakglassError: Keys or anchors can't be read or saved.
    """
    with ExitStack() as stack:
        called = _call(witnesses, environ, stack)
        remembered = RememberedAnchors(called.anchors) if called.anchors is not None else None
        verified = [
            _verify(directory, only, called.keys, remembered, called.remarks)
            for directory, only in _journals(paths).items()
        ]
    if witnesses.save_anchors and remembered is not None:
        _save(remembered, witnesses.save_anchors, verified)
    return verified


def _journals(paths: Sequence[Path]) -> dict[Path, list[str]]:
    """Return each journal's directory, with what is wanted of it; nothing stands for all of it."""
    journals: dict[Path, list[str]] = {}
    whole = set()
    for path in paths:
        place = path.absolute()
        above = [place, *place.parents] if place.suffix != ".jsonl" else list(place.parents)
        found = next((directory for directory in above if (directory / LEDGER).exists()), None)
        directory = found or (place.parent if place.suffix == ".jsonl" else place)
        only = journals.setdefault(directory, [])
        if place == directory:
            whole.add(directory)
        else:
            only.append(place.relative_to(directory).as_posix())
    return {directory: [] if directory in whole else only for directory, only in journals.items()}


def _call(witnesses: Witnesses, environ: Mapping[str, str], stack: ExitStack) -> _Called:
    called = _Called()
    if witnesses.keys:
        called.keys = read_keys(witnesses.keys)
    if witnesses.anchors:
        called.anchors = KeptAnchors.load(witnesses.anchors)
    if witnesses.need_vault:
        _ask_vault(called, witnesses, environ, stack)
    return called


def _ask_vault(called: _Called, witnesses: Witnesses, environ: Mapping[str, str], stack: ExitStack) -> None:
    """Log in, for as long as the stack stays open, and take what no file has given."""
    # Imported here, because who verifies a copy offline should not wait for it.
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._sealing import VaultSigner  # noqa: PLC0415
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.anchors import (  # noqa: PLC0415
        VaultAnchors,
    )
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.logged_in import (  # noqa: PLC0415
        logged_in,
    )

    try:
        client = stack.enter_context(logged_in({}, environ))
        if called.keys is None or witnesses.save_keys:
            of_vault = VaultSigner(client).keys()
            called.keys = called.keys or of_vault
            if witnesses.save_keys:
                write_keys(witnesses.save_keys, of_vault)
        called.anchors = called.anchors or VaultAnchors(client)
    except BreakglassError as error:
        if witnesses.save_keys or witnesses.save_anchors:
            raise
        anchors = "" if called.anchors else ", so anchors are not checked"
        called.remarks.append(f"Vault could not be asked{anchors}: {error}")


def _verify(
    directory: Path,
    only: Sequence[str],
    keys: Sequence[PublicKey] | None,
    anchors: Anchors | None,
    remarks: Sequence[str],
) -> Verified:
    said = list(remarks)
    if keys is None:
        beside = next((path for path in (directory.parent / NAME, directory / NAME) if path.exists()), None)
        keys = read_keys(beside) if beside else ()
        if beside:
            said.append(f"The public keys are those of {beside}; whoever can change the journal may have changed them.")
    report = verify(directory, keys, anchors, only, workers=os.cpu_count() or 1)
    return Verified(report, tuple(said))


def _save(anchors: RememberedAnchors, path: Path, verified: Sequence[Verified]) -> None:
    unasked = next((one.report.anchors.reason for one in verified if not one.report.anchors.checked), None)
    if unasked is not None:
        raise UnsavedAnchors(f"The anchors were not saved to {path}, because not all of them could be read: {unasked}")
    anchors.save(path)
