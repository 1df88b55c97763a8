# SPDX-License-Identifier: GPL-3.0-or-later
"""Sealing streams: a checkpoint signed by Vault, the ledger's word for it, and the ledger's own checkpoint, anchored."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ._journal.checkpoint import Checkpoint, CheckpointConflict, open_note, sign
from ._journal.checkpoint_files import read_checkpoints, write_checkpoint
from ._journal.ledger import Ledger
from ._journal.public_key import PublicKey, Signer
from ._journal.stream import Stream
from ._vault.transit import TransitSigner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._journal.anchor import Anchors
    from ._vault.client import Client


class KeyedSigner(Signer, Protocol):
    """A signer that knows its earlier keys, too."""

    def keys(self) -> Sequence[PublicKey]:
        """Every version of the key, oldest first."""


class VaultSigner:
    """The journal's signer over Vault's transit engine."""

    def __init__(self, client: Client) -> None:
        self._transit = TransitSigner(client)

    def keys(self) -> list[PublicKey]:
        """Every version of the key, oldest first; raises VaultError."""
        return [PublicKey(name, raw) for name, raw in self._transit.public_keys()]

    def key(self) -> PublicKey:
        """The newest version: the one that signs; raises VaultError."""
        return self.keys()[-1]

    def sign(self, message: bytes) -> bytes:
        """Sign with the newest version; raises VaultError."""
        return self._transit.sign(message)[1]


def seal_run(journal: Path, streams: Sequence[str], signer: KeyedSigner, anchors: Anchors) -> None:
    """Seal those of a run's streams that came to be, and sign the ledger; raises as `seal_stream` does."""
    ledger = Ledger.open(journal)
    for stream in streams:
        if (journal / f"{stream}.jsonl").exists():
            seal_stream(ledger, journal, stream, signer, anchors)
    checkpoint(ledger.path, ledger.origin, ledger.head(), signer, anchors)


def seal_stream(ledger: Ledger, journal: Path, name: str, signer: KeyedSigner, anchors: Anchors) -> None:
    """Seal a stream that nobody will write again; may be repeated after a failure anywhere in between.

    The ledger then has records that nobody has signed yet: `checkpoint` it.

    Args:
        ledger: Of the journal.
        journal: Its directory.
        name: Path of the stream without `.jsonl`, relative to the journal. One that never came to be is recorded as absent.
        signer: Signs the checkpoint.
        anchors: Where the newest checkpoints are kept.

    Raises:
        BreakglassError: The stream can't be read or is being written, nobody signs, or the anchors can't be reached.
    """
    relative = Path(f"{name}.jsonl")
    path = journal / relative
    if not path.exists():
        ledger.absent(relative)
        return
    with Stream.resume(path, name, _now) as stream:
        size, root = stream.head()
    checkpoint(path, name, (size, root), signer, anchors)
    ledger.seal(relative, size, root.hex(), [size])


def checkpoint(path: Path, origin: str, head: tuple[int, bytes], signer: KeyedSigner, anchors: Anchors) -> None:
    """Sign the head of a stream, keep the note beside it, and anchor it; raises BreakglassError.

    A head that was signed before keeps its note, also when the key has a newer version since.
    """
    wanted = Checkpoint(origin, *head)
    known = dict(read_checkpoints(path)).get(head[0])
    if known is None:
        known = sign(wanted, signer)
        write_checkpoint(path, known, head[0])
    elif open_note(known, signer.keys()) != wanted:
        raise CheckpointConflict(f"The checkpoint beside {path} for {head[0]} records says something else: verify.")
    anchors.put(origin, head[0], known)


def _now() -> datetime:
    return datetime.now(tz=timezone.utc)
