# SPDX-License-Identifier: GPL-3.0-or-later
"""Anchors in Vault's KV: the newest checkpoints, where the owner of the journal's disk can't change them.

Each anchor is written once (`cas=0`, and a policy without `update`): kv/data/breakglass/anchors/ORIGIN/SIZE.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from .answer import section, text, texts
from .errors import AnchorConflict, DeniedByVault, InvalidRequest, MissingPath, UnexpectedAnswer, UnusableRequest
from .names import KV_MOUNT, anchor_path

if TYPE_CHECKING:
    from .client import Client

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_LARGEST: Final = 10**18 - 1


class VaultAnchors:
    """Anchors kept in the KV engine of one Vault."""

    def __init__(self, client: Client) -> None:
        """Use a client that may create and read anchors, and list them."""
        self._client = client

    def put(self, origin: str, size: int, note: str) -> None:
        """Keep a checkpoint. When this returns, it is stored and nobody with our rights can change it.

        Args:
            origin: The stream; segments of `[A-Za-z0-9._-]` with slashes between.
            size: Its number of records at the checkpoint.
            note: The signed note.

        Raises:
            AnchorConflict: Another note is already there: the journal was forked or rolled back.
            VaultError: Vault refuses or can't be asked; it may be called again.
        """
        path = _path(origin, size)
        try:
            self._client.post(path, {"options": {"cas": 0}, "data": {"note": note}})
        except (InvalidRequest, DeniedByVault) as refusal:
            # Taken already: 403 for those who may only create, 400 for those who may overwrite.
            there = self._read(path)
            if there is None:
                raise
            if there != note:
                raise AnchorConflict(
                    f"The anchor {origin} at size {size} is already there with another checkpoint: "
                    "this journal was forked or rolled back. Keep both, and tell your security team.",
                    refusal.failure,
                ) from None

    def newest(self, origin: str) -> tuple[int, str] | None:
        """Return size and note of the newest anchor of an origin, or None when it has none.

        Raises:
            AnchorConflict: One is listed but its note is gone: somebody deleted it.
            VaultError: Vault refuses or can't be asked.
        """
        try:
            answer = self._client.list(f"{KV_MOUNT}/metadata/{anchor_path(origin)}")
        except MissingPath as error:
            if error.errors:
                raise
            return None
        sizes = [int(key) for key in texts(section(answer, "data"), "keys") if _SIZE.fullmatch(key)]
        if not sizes:
            return None
        note = self._read(_path(origin, max(sizes)))
        if note is None:
            raise AnchorConflict(
                f"The anchor {origin} at size {max(sizes)} is listed, but its checkpoint is gone: "
                "somebody deleted it. Tell your security team."
            )
        return max(sizes), note

    def _read(self, path: str) -> str | None:
        try:
            stored = section(section(self._client.get(path), "data"), "data")
        except MissingPath:
            return None
        try:
            return text(stored, "note")
        except UnexpectedAnswer:
            return ""


def _path(origin: str, size: int) -> str:
    if not 0 <= size <= _LARGEST:
        raise UnusableRequest("The size of an anchor must be a number of records, from 0 up.")
    return f"{KV_MOUNT}/data/{anchor_path(origin)}/{size}"
