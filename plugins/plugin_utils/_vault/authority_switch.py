# SPDX-License-Identifier: GPL-3.0-or-later
"""Replacing the SSH certificate authority: the next one becomes the current one, the current one the previous one.

An SSH mount has one authority, so they change places by `sys/remount`, which Vault and OpenBao do in the background
(https://openbao.org/api-docs/system/remount). Paths in policies stay, so a grant signs with whichever is current.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from . import preparation, wanted_ssh
from .answer import optional_text, section, text
from .authorities import check_that_one_signs, standing
from .errors import MissingPath, RefusedSwitch, UnreachableVault
from .names import NEXT_SSH_MOUNT, PREVIOUS_SSH_MOUNT, SSH_MOUNT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from .access import AccessSpec
    from .client import Client

Move = tuple[str, str]
"""From which mount to which."""

_TRIES: Final = 600
_BETWEEN_TRIES: Final = 0.05


def moves(there: Collection[str]) -> tuple[Move, ...]:
    """Return what a switch has to move, given the mounts that are there; nothing when it has been done. Pure.

    Raises:
        RefusedSwitch: There is no next authority, or the previous one of an earlier rotation is still there.
        UnfinishedSwitch: None signs, and there is none that could take its place.
    """
    to_current = (NEXT_SSH_MOUNT, SSH_MOUNT)
    if NEXT_SSH_MOUNT not in there:
        check_that_one_signs(there)
        if PREVIOUS_SSH_MOUNT in there:
            return ()
        raise RefusedSwitch(
            f"There is no next certificate authority to switch to: {NEXT_SSH_MOUNT}/ is not there. Make it with: "
            "breakglass vault apply --next-authority"
        )
    if SSH_MOUNT not in there:
        return (to_current,)
    if PREVIOUS_SSH_MOUNT in there:
        raise RefusedSwitch(
            f"{PREVIOUS_SSH_MOUNT}/ of the rotation before is still there, so the current certificate authority has no "
            "place to go. End that rotation first: breakglass vault authority finish"
        )
    return ((SSH_MOUNT, PREVIOUS_SSH_MOUNT), to_current)


def switch(
    client: Client, accesses: Sequence[AccessSpec], pause: Callable[[float], None] = time.sleep
) -> tuple[Move, ...]:
    """Let the next authority sign. What was broken off in between is gone on with. Returns what was moved.

    Raises:
        RefusedSwitch: See `moves`; or the next authority has not all the roles that the accesses need.
        VaultError: Vault refuses or can't be asked; run it again then.
    """
    there = standing(client)
    steps = moves(there)
    if SSH_MOUNT in there and steps:
        _check_roles(client, accesses)
    for source, target in steps:
        move(client, source, target, pause)
    return steps


def finish(client: Client) -> None:
    """Remove the previous authority for good, with its private key.

    Raises:
        RefusedSwitch: There is none.
        UnfinishedSwitch: No other one signs, so it may be needed.
        VaultError: Vault refuses or can't be asked.
    """
    check_that_can_finish(standing(client))
    client.delete(f"sys/mounts/{PREVIOUS_SSH_MOUNT}")


def check_that_can_finish(there: Collection[str]) -> None:
    """Raise RefusedSwitch or UnfinishedSwitch when there is no previous authority that may be removed. Pure."""
    check_that_one_signs(there)
    if PREVIOUS_SSH_MOUNT in there:
        return
    way = (
        "The next one does not sign yet; prepare the hosts, then: breakglass vault authority switch"
        if NEXT_SSH_MOUNT in there
        else "No rotation is under way."
    )
    raise RefusedSwitch(f"There is no previous certificate authority to remove. {way}")


def move(client: Client, source: str, target: str, pause: Callable[[float], None] = time.sleep) -> None:
    """Move a mount, and wait until it is there.

    Raises:
        RefusedSwitch: Vault began, and failed.
        VaultError: Vault refuses or can't be asked, or it takes longer than half a minute.
    """
    answer = client.post("sys/remount", {"from": source, "to": target})
    migration = optional_text(answer, "migration_id")
    for _attempt in range(_TRIES):
        if _has_moved(client, migration, source, target):
            return
        pause(_BETWEEN_TRIES)
    raise UnreachableVault(f"{source}/ was not moved to {target}/ in time; look at Vault's log and run this again.")


def _check_roles(client: Client, accesses: Sequence[AccessSpec]) -> None:
    missing = preparation.plan(client, wanted_ssh.further_mount(NEXT_SSH_MOUNT, accesses))
    if missing:
        raise RefusedSwitch(
            f"{NEXT_SSH_MOUNT}/ is not complete: {', '.join(change.wanted.title for change in missing)}. Nothing was "
            "switched. Complete it with: breakglass vault apply --next-authority"
        )


def _has_moved(client: Client, migration: str, source: str, target: str) -> bool:
    """Ask for the state of the move, or, where Vault keeps none (any more), look where the mounts are."""
    if not migration:
        return _is_at(client, source, target)
    try:
        information = section(section(client.get(f"sys/remount/status/{migration}"), "data"), "migration_info")
    except MissingPath:
        return _is_at(client, source, target)
    status = text(information, "status")
    if status == "failure":
        raise RefusedSwitch(
            f"Vault could not move {source}/ to {target}/; its log says why. Run this again afterwards."
        )
    return status == "success"


def _is_at(client: Client, source: str, target: str) -> bool:
    there = standing(client)
    return target in there and source not in there
