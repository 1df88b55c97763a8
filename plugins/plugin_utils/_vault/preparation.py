# SPDX-License-Identifier: GPL-3.0-or-later
"""The code behind `breakglass vault plan` and `apply`: what stands in Vault, what is missing, and writing exactly that.

Nothing is ever removed, and nothing of others is touched: where something of another kind stands at one of our places,
the plan stops. A second plan after an apply is empty.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .access import AccessSpec
from .answer import section, text
from .authorities import is_without_authority
from .diff import Difference, differences
from .errors import ForeignObject, InvalidRequest, MissingPath, UnreachableVault
from .names import KV_MOUNT, RUNNER_ROLE_PATH
from .objects import Kind, Wanted
from .wanted import desired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .client import Client

__all__ = ["AccessSpec", "Change", "Wanted", "apply", "desired", "plan", "secret_id", "summary"]

_MOUNT_TABLES: Final = {Kind.SECRETS_MOUNT: "sys/mounts", Kind.LOGIN_MOUNT: "sys/auth"}
_TRIES: Final = 100
_BETWEEN_TRIES: Final = 0.05


@dataclass(frozen=True)
class Change:
    """One object to write.

    Attributes:
        wanted: What will stand.
        differences: What stands otherwise now; None when nothing stands there.
    """

    wanted: Wanted
    differences: tuple[Difference, ...] | None

    @property
    def action(self) -> str:
        """Return `add` or `change`."""
        return "add" if self.differences is None else "change"

    def lines(self) -> list[str]:
        """Return the lines for people: `+ …` for what is added, `~ …` and one line a field for what changes."""
        if self.differences is None:
            return [f"+ {self.wanted.title}"]
        return [f"~ {self.wanted.title}", *(f"    {difference}" for difference in self.differences)]


def plan(client: Client, wanted: Iterable[Wanted]) -> list[Change]:
    """Compare Vault with what is wanted; changes nothing.

    Raises:
        ForeignObject: Something of another kind stands at one of our places.
        DeniedByVault: The login may not look; it needs an admin's rights.
        VaultError: Vault can't be asked.
    """
    tables = {kind: section(client.get(path), "data") for kind, path in _MOUNT_TABLES.items()}
    found = (_change(client, one, tables.get(one.kind)) for one in wanted)
    return [change for change in found if change is not None]


def apply(client: Client, changes: Sequence[Change], pause: Callable[[float], None] = time.sleep) -> None:
    """Write the changes of a plan, in its order. After a failure, plan and apply again: what was written stands.

    Raises:
        VaultError: Vault refuses or can't be asked.
    """
    for change in changes:
        client.post(change.wanted.path, change.wanted.body)
        if change.wanted.path == f"sys/mounts/{KV_MOUNT}":
            _wait_for_key_value_store(client, pause)


def summary(changes: Sequence[Change]) -> str:
    """Return the last line of a plan, which counts what is added and changed."""
    added = sum(change.action == "add" for change in changes)
    return f"{added} to add, {len(changes) - added} to change, 0 to remove. Nothing of yours is touched."


def secret_id(client: Client) -> tuple[str, str]:
    """Issue the runner's login, after `apply`: its role id and a new secret id. Earlier secret ids stay valid.

    Raises:
        MissingPath: Vault was not prepared.
        VaultError: Vault refuses or can't be asked.
    """
    role = text(section(client.get(f"{RUNNER_ROLE_PATH}/role-id"), "data"), "role_id")
    return role, text(section(client.post(f"{RUNNER_ROLE_PATH}/secret-id", {}), "data"), "secret_id")


def _change(client: Client, wanted: Wanted, table: Mapping[str, object] | None) -> Change | None:
    if table is not None:
        return _mount_change(wanted, table)
    there = _there(client, wanted)
    if there is None:
        return Change(wanted, None)
    if wanted.kind is Kind.MADE_ONCE:
        _check_made_once(wanted, there)
        return None
    found = differences(wanted, there)
    return Change(wanted, found) if found else None


def _mount_change(wanted: Wanted, table: Mapping[str, object]) -> Change | None:
    name = wanted.path.split("/", 2)[2] + "/"
    if name not in table:
        return Change(wanted, None)
    there = section(table, name)
    if there.get("type") != wanted.body["type"]:
        raise ForeignObject(
            f"{wanted.title}: an engine of type {there.get('type')} is mounted there. It was left alone."
        )
    if "options" in wanted.body and there.get("options") != wanted.body["options"]:
        raise ForeignObject(
            f"{wanted.title}: a store of another version is mounted there. It was left alone; upgrade it."
        )
    return None


def _there(client: Client, wanted: Wanted) -> Mapping[str, object] | None:
    try:
        return section(client.get(wanted.path), "data")
    except MissingPath:
        return None
    except InvalidRequest as error:
        if is_without_authority(error):
            return None
        raise


def _check_made_once(wanted: Wanted, there: Mapping[str, object]) -> None:
    wrong = [name for name, value in wanted.must_be if there.get(name) != value]
    if wrong:
        raise ForeignObject(
            f"{wanted.title}: {wanted.path} is there, but its {', '.join(wrong)} is not ours. It was left alone."
        )


def _wait_for_key_value_store(client: Client, pause: Callable[[float], None]) -> None:
    """Wait until a new store of version 2 has finished its set-up, during which it refuses everything with 400."""
    for _attempt in range(_TRIES):
        if _key_value_store_is_ready(client):
            return
        pause(_BETWEEN_TRIES)
    raise UnreachableVault("The new key-value store did not get ready in time; look at Vault's log and apply again.")


def _key_value_store_is_ready(client: Client) -> bool:
    try:
        client.get(f"{KV_MOUNT}/config")
    except (InvalidRequest, UnreachableVault):
        return False
    return True
