# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal's key in Vault is rotated: what it signed before is still proven, by both verifiers."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.anchors_file import (
    KeptAnchors,
    RememberedAnchors,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.checkpoint import (
    open_note,
    read_checkpoints,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import Ledger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.local_key import LocalKey
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import Stream
from ansible_collections.breakglass.remediation.plugins.plugin_utils._sealing import (
    VaultSigner,
    checkpoint,
    seal_stream,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.anchors import VaultAnchors
from tests.support.both_verifiers import ask_both

if TYPE_CHECKING:
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.public_key import PublicKey
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
    from tests.support.openbao import PreparedVault

NOW = datetime(2026, 11, 22, 3, 7, tzinfo=UTC)


class _FileSigner:
    """A key file as a signer that knows its only version."""

    def __init__(self, key: LocalKey) -> None:
        self._key = key
        self.sign = key.sign
        self.key = key.key

    def keys(self) -> list[PublicKey]:
        """Its one key."""
        return [self._key.key()]


def _play(ledger: Ledger, name: str, signer: VaultSigner | _FileSigner, anchors: VaultAnchors) -> None:
    """Write a stream of three records, seal it, and sign the ledger."""
    journal = ledger.path.parent
    ledger.announce(Path(f"{name}.jsonl"), name)
    with closing(Stream.create(journal / f"{name}.jsonl", name)) as stream:
        for number in range(3):
            stream.append("task.result", {"number": number}, at=NOW)
    seal_stream(ledger, journal, name, signer, anchors)
    checkpoint(ledger.path, ledger.origin, ledger.head(), signer, anchors)


def test_checkpoints_outlive_a_rotation(prepared: PreparedVault, runner: Client, tmp_path: Path) -> None:
    """A journal that two versions of the key have signed is intact with both keys, and unchecked with the newer alone."""
    signer, anchors = VaultSigner(runner), RememberedAnchors(VaultAnchors(runner))
    ledger = Ledger.create(tmp_path / "journal")
    before = ledger.origin.rpartition("/")[2]
    _play(ledger, f"{before}/play-1", signer, VaultAnchors(runner))
    prepared.admin.post("transit/keys/breakglass-journal/rotate", {})
    _play(ledger, f"{before}/play-2", signer, VaultAnchors(runner))
    *_, older, newer = keys = signer.keys()

    notes = [note for _, note in read_checkpoints(ledger.path)]
    assert [open_note(note, [older]).origin for note in notes[:1]] == [ledger.origin]
    assert [open_note(note, [newer]).origin for note in notes[-1:]] == [ledger.origin]
    for name in (ledger.origin, f"{before}/play-1", f"{before}/play-2"):
        assert anchors.newest(name) is not None
    anchors.save(tmp_path / "anchors.json")
    kept = KeptAnchors.load(tmp_path / "anchors.json")
    saved = {name: kept.newest(name) for name in (ledger.origin, f"{before}/play-1", f"{before}/play-2")}
    known = {name: anchor for name, anchor in saved.items() if anchor is not None}

    assert ask_both(tmp_path / "journal", keys, known).code == 0
    assert ask_both(tmp_path / "journal", [newer], known).code == 1
    assert ask_both(tmp_path / "journal", [], None).code == 1


def test_a_key_file_does_the_same(runner: Client, tmp_path: Path) -> None:
    """A journal that a key file has signed, anchored in Vault, is intact for both verifiers."""
    signer = _FileSigner(LocalKey.create(tmp_path / "journal.key", "bastion/v1"))
    ledger = Ledger.create(tmp_path / "journal")
    name = f"{ledger.origin.rpartition('/')[2]}/play-1"
    _play(ledger, name, signer, VaultAnchors(runner))
    newest = {origin: VaultAnchors(runner).newest(origin) for origin in (ledger.origin, name)}
    known = {origin: anchor for origin, anchor in newest.items() if anchor is not None}
    assert len(known) == len(newest)
    assert ask_both(tmp_path / "journal", signer.keys(), known).code == 0
