# SPDX-License-Identifier: GPL-3.0-or-later
"""What was asked for in a grant, what Vault says of the token, and whether the two are the same. Pure.

Vault's `warnings` are not looked at: correct requests warn, and an over-long wrapped one does not. The granted life is
`creation_ttl`; `explicit_max_ttl` repeats what was asked even where the role made it shorter, so it proves nothing alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final

from .answer import moment, optional_text, section, text, texts, truth, whole
from .errors import ClockSkew, UnusableRequest
from .names import RENEWING_POLICY, access_name, child_role, grant_policies, orphan_role, short_role

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SHORT_LIFE_SECONDS: Final = 120
_LONGEST: Final = timedelta(days=7)
LARGEST_SKEW: Final = timedelta(minutes=2)


class GrantKind(Enum):
    """Whose child a grant is."""

    CHILD = "child"
    """Minted by the runner; dies with its session."""

    ORPHAN = "orphan"
    """Minted by an operator's login; does not inherit from it."""

    SHORT = "short"
    """An orphan for containers, whose end takes the guard along: it dies soon after it is renewed no more."""

    def role(self, access: str) -> str:
        """Return the token role that mints this kind for an access."""
        names = {GrantKind.CHILD: child_role, GrantKind.ORPHAN: orphan_role, GrantKind.SHORT: short_role}
        return names[self](access)

    def policies(self, access: str) -> frozenset[str]:
        """Return the policies that a grant of this kind has: these and no other."""
        renewing = {RENEWING_POLICY} if self is GrantKind.SHORT else set()
        return grant_policies(access) | renewing

    def life(self, seconds: int) -> int:
        """Return how many seconds the token lives if nobody renews it."""
        return min(seconds, SHORT_LIFE_SECONDS) if self is GrantKind.SHORT else seconds


@dataclass(frozen=True)
class GrantRequest:
    """A grant that is asked for.

    Attributes:
        access: Name of the access.
        time_box: Life of the grant from the moment it is minted; whole seconds.
        display_name: Shown in Vault's audit log; Vault replaces characters in it.
        meta: Texts that Vault keeps with the token and writes to its audit log; no secrets.

    Raises:
        UnusableRequest: A bad name, or a time box that is no whole number of seconds from 1 s to 7 d.
    """

    access: str
    time_box: timedelta
    display_name: str
    meta: Mapping[str, str]

    def __post_init__(self) -> None:
        """Check what Vault would take silently."""
        access_name(self.access)
        if not timedelta(seconds=1) <= self.time_box <= _LONGEST or self.time_box.microseconds:
            raise UnusableRequest("The time box of a grant must be whole seconds, at least one and at most seven days.")

    @property
    def seconds(self) -> int:
        """Return the time box in seconds."""
        return int(self.time_box.total_seconds())

    def body(self, kind: GrantKind) -> dict[str, object]:
        """Return exactly the parameters that the policies require that let someone mint; they refuse any other."""
        return {
            "policies": sorted(kind.policies(self.access)),
            "ttl": f"{kind.life(self.seconds)}s",
            "explicit_max_ttl": f"{self.seconds}s",
            "meta": dict(self.meta),
            "display_name": self.display_name,
        }


@dataclass(frozen=True)
class GrantFacts:
    """A grant as Vault describes it: seen alive, and compared with what was asked for.

    Attributes:
        accessor: Accessor of the token; can be shown and journalled.
        expires_at: End of its life by Vault's clock (UTC).
        policies: Its policies.
        created_at: When it was minted, by Vault's clock (UTC).
        access: Name of the access.
    """

    accessor: str
    expires_at: datetime
    policies: tuple[str, ...]
    created_at: datetime
    access: str


@dataclass(frozen=True)
class TokenLookup:
    """What `lookup-accessor` and `lookup-self` say of a token, without the token."""

    accessor: str
    created_at: datetime
    expires_at: datetime
    life: int
    explicit_max_ttl: int
    policies: frozenset[str]
    inherited_policies: frozenset[str]
    role: str
    path: str
    renewable: bool
    orphan: bool
    uses: int
    kind: str
    meta: Mapping[str, str]


def read_lookup(answer: Mapping[str, object]) -> TokenLookup:
    """Read the answer of a token look-up.

    Raises:
        UnexpectedAnswer: A field is missing. A token that never expires has no `expire_time`, and is no grant.
    """
    fields = section(answer, "data")
    meta = section(fields, "meta") if fields.get("meta") else {}
    namespaced = section(fields, "external_namespace_policies") if fields.get("external_namespace_policies") else {}
    return TokenLookup(
        accessor=text(fields, "accessor"),
        created_at=moment(fields, "issue_time"),
        expires_at=moment(fields, "expire_time"),
        life=whole(fields, "creation_ttl"),
        explicit_max_ttl=whole(fields, "explicit_max_ttl"),
        policies=frozenset(texts(fields, "policies")),
        inherited_policies=frozenset(texts(fields, "identity_policies")) | frozenset(namespaced),
        role=optional_text(fields, "role"),
        path=text(fields, "path"),
        renewable=truth(fields, "renewable"),
        orphan=truth(fields, "orphan"),
        uses=whole(fields, "num_uses"),
        kind=text(fields, "type"),
        meta={name: str(value) for name, value in meta.items()},
    )


def differences(found: TokenLookup, request: GrantRequest, kind: GrantKind) -> tuple[str, ...]:
    """Return, as short sentences, in what the token is not the grant that was asked for; empty when it is."""
    role = kind.role(request.access)
    pairs: Iterator[tuple[str, object, object]] = iter(
        (
            ("life in seconds", found.life, kind.life(request.seconds)),
            ("explicit maximum life in seconds", found.explicit_max_ttl, request.seconds),
            ("policies", sorted(found.policies), sorted(kind.policies(request.access))),
            ("policies by identity", sorted(found.inherited_policies), []),
            ("token role", found.role, role),
            ("path", found.path, f"auth/token/create/{role}"),
            ("renewable", found.renewable, kind is GrantKind.SHORT),
            ("orphan", found.orphan, kind is not GrantKind.CHILD),
            ("number of uses", found.uses, 0),
            ("token type", found.kind, "service"),
            ("metadata", dict(found.meta), dict(request.meta)),
        )
    )
    return tuple(f"{name} is {there!r}, asked was {asked!r}" for name, there, asked in pairs if there != asked)


def check_clock(minted: GrantFacts, now: datetime) -> None:
    """Compare this machine's clock with Vault's, right after a grant was minted.

    Raises:
        ClockSkew: They are more than `LARGEST_SKEW` apart.
    """
    apart = now - minted.created_at
    if abs(apart) > LARGEST_SKEW:
        direction = "ahead of" if apart > timedelta() else "behind"
        raise ClockSkew(
            f"This machine's clock is {abs(apart).total_seconds():.0f} s {direction} Vault's, so the ends of time boxes and "
            "certificates could not be told. The grant was revoked. Set the clocks (NTP) and try again."
        )


def facts(found: TokenLookup, request: GrantRequest) -> GrantFacts:
    """Return the facts of a token that was found without differences."""
    return GrantFacts(
        accessor=found.accessor,
        expires_at=found.created_at + request.time_box,
        policies=tuple(sorted(found.policies)),
        created_at=found.created_at,
        access=request.access,
    )
