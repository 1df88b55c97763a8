# SPDX-License-Identifier: GPL-3.0-or-later
"""The hold in Vault: while it stands, nothing new starts at any door. Whatever can't be read counts against starting."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

from .answer import moment, section, text
from .errors import MissingPath, UnexpectedAnswer, UnreadableHold, UnusableRequest
from .names import HOLD_PATH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .client import Client

GLOBAL: Final = "global"

_UNREADABLE: Final = (
    "unreadable hold: what stands in Vault at kv/breakglass/hold is not a hold of ours; set it again or lift it"
)


SET: Final = (True, "true")
LIFTED: Final = (False, "false")


@dataclass(frozen=True)
class Hold:
    """The big red button, pressed.

    Attributes:
        reason: Why; for a hold that can't be understood, that it can't.
        person: Who set it; empty when unknown.
        since: When (UTC); None when unknown.
        scope: What it stops; `global` is everything.
        mirrored: Whether a runner copied it here from its own database, and lifts it when it is lifted there.
    """

    reason: str
    person: str
    since: datetime | None
    scope: str = GLOBAL
    mirrored: bool = False


def read_hold(client: Client) -> Hold | None:
    """Return the hold that stands, or None when surely none does.

    One that was never set, deleted, or lifted (`held` is false) does not stand. Something else at its place stands.

    Raises:
        UnreadableHold: There is no KV engine where it would be: start nothing.
        VaultError: It may not be read, or Vault can't be asked: start nothing.
    """
    try:
        answer = client.get(HOLD_PATH)
    except MissingPath as error:
        if error.errors:
            raise UnreadableHold(
                f"Whether a hold is set can't be told: {error} Prepare Vault first (breakglass vault apply).",
                error.failure,
            ) from None
        return None
    try:
        fields = section(section(answer, "data"), "data")
    except UnexpectedAnswer:
        return Hold(reason=_UNREADABLE, person="", since=None)
    return None if _says(fields, LIFTED) else _parsed(fields)


def write_hold(client: Client, hold: Hold) -> None:
    """Set the hold; one that stands is replaced.

    Raises:
        UnusableRequest: It has no reason, person or time.
        VaultError: Vault refuses or can't be asked.
    """
    if not hold.reason.strip() or not hold.person.strip() or hold.since is None:
        raise UnusableRequest("A hold needs a reason, the person who sets it, and the time.")
    mark = {"mirrored": True} if hold.mirrored else {}
    _write(client, {"held": True, "scope": hold.scope, **mark, **_who(hold.reason, hold.person, hold.since)})


def lift_hold(client: Client, reason: str, person: str, at: datetime) -> None:
    """Lift the hold; who did and why stays readable in Vault.

    Raises:
        UnusableRequest: There is no reason or person.
        VaultError: Vault refuses or can't be asked.
    """
    if not reason.strip() or not person.strip():
        raise UnusableRequest("Lifting a hold needs a reason and the person who lifts it.")
    _write(client, {"held": False, "scope": GLOBAL, **_who(reason, person, at)})


def _write(client: Client, fields: Mapping[str, object]) -> None:
    client.post(HOLD_PATH, {"data": fields})


def _who(reason: str, person: str, at: datetime) -> dict[str, str]:
    return {"reason": reason, "person": person, "since": at.astimezone(timezone.utc).isoformat()}


def _says(fields: Mapping[str, object], words: tuple[object, str]) -> bool:
    """Whether `held` has this value, as JSON or as the text that `vault kv put held=…` writes."""
    held = fields.get("held")
    return held is words[0] or held == words[1]


def _parsed(fields: Mapping[str, object]) -> Hold:
    """Read a hold; one that says anything else than `held: true` or lacks a field still holds."""
    try:
        scope = text(fields, "scope") if "scope" in fields else GLOBAL
        mirrored = fields.get("mirrored") is True
        hold = Hold(text(fields, "reason"), text(fields, "person"), moment(fields, "since"), scope, mirrored)
    except UnexpectedAnswer:
        return Hold(reason=_UNREADABLE, person="", since=None)
    return hold if _says(fields, SET) else Hold(reason=_UNREADABLE, person=hold.person, since=hold.since)
