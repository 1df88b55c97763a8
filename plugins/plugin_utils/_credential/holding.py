# SPDX-License-Identifier: GPL-3.0-or-later
"""What a grant holds, folded from the records of its credentials: what was asked for, what was obtained, what remains.

An intent without an answer is a credential that may exist: its lease can't be named, so nobody can prove it gone.
Pure; the closer of a grant works from this alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .._journal.record import Record

ASKED = "credential.asked"
OBTAINED = "credential.obtained"
REFUSED = "credential.refused"
RENEWED = "credential.renewed"
LEFT = "credential.not_renewed"
WITH_A_LIFE_OF_THEIR_OWN = frozenset({"database", "secret"})
"""Kinds whose engine, not the request, says how long they live at first."""


class Fate(Enum):
    """What becomes of a credential when its grant is closed."""

    REVOKED = "revoked"
    """Its lease is revoked, and that is proven."""

    LIVES = "lives"
    """Nothing can take it back: it lives to its end."""

    READ = "read"
    """It was only read: nothing dies."""


@dataclass(frozen=True)
class Holding:
    """One credential that was asked for under a grant.

    Attributes:
        id: Its own, unique in the run.
        name: What the run calls it.
        kind: ssh, ssh_host, database, pki, pki_host, secret or rotation.
        what: What it is, in words: `SSH certificate 8123 for web1`.
        latest_end: When it is over at the latest (RFC 3339, UTC).
        fate: See Fate; None while nobody knows whether it was made.
        lease_id: By which it is taken back; empty if there is none.
    """

    id: str
    name: str
    kind: str
    what: str
    latest_end: str
    fate: Fate | None = None
    lease_id: str = ""


def holdings(records: Iterable[Record]) -> list[Holding]:
    """Fold the records of a credential stream; what was refused, and so never made, is left out."""
    found: dict[str, Holding] = {}
    for record in records:
        body, key = record.body, str(record.body.get("credential"))
        if record.kind == ASKED:
            found[key] = Holding(
                key, _text(body, "name"), _text(body, "kind"), _text(body, "what"), _text(body, "latest_end")
            )
        elif record.kind == REFUSED:
            found.pop(key, None)
        elif record.kind in (OBTAINED, RENEWED) and key in found:
            found[key] = _known(found[key], body)
    return list(found.values())


def leases(held: Iterable[Holding]) -> tuple[str, ...]:
    """Every lease that closing must revoke and prove gone."""
    return tuple(holding.lease_id for holding in held if holding.lease_id)


def remains(held: Iterable[Holding], now: str) -> list[str]:
    """What lives on after closing, or may, and until when: for people; empty when all is gone. `now` is RFC 3339, UTC."""
    alive = (one for one in held if one.fate is None or not one.latest_end or one.latest_end > now)
    return [words for holding in alive if (words := _remains(holding))]


def _remains(holding: Holding) -> str:
    if holding.fate is None:
        own = ", or as long as its role in Vault lets it" if holding.kind in WITH_A_LIFE_OF_THEIR_OWN else ""
        until = f"it may live until {holding.latest_end}{own}"
        return f"{holding.what} was asked for and nobody knows whether it was made; {until}"
    if holding.fate is Fate.LIVES:
        return f"{holding.what} expires at {holding.latest_end}"
    if holding.fate is Fate.READ:
        return f"{holding.what} was read, which nothing undoes"
    return ""


def _known(holding: Holding, body: Mapping[str, object]) -> Holding:
    return replace(
        holding,
        what=_text(body, "what") or holding.what,
        latest_end=_text(body, "latest_end") or holding.latest_end,
        fate=_fate(body),
        lease_id=_text(body, "lease_id") or holding.lease_id,
    )


def _fate(body: Mapping[str, object]) -> Fate | None:
    """A fate that this version does not know counts as unknown."""
    return next((fate for fate in Fate if fate.value == body.get("fate")), None)


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""
