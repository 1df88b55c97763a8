# SPDX-License-Identifier: GPL-3.0-or-later
"""The credentials that a run has, as directories: the files that programs read, and one that says what they are."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, cast

from .._run.directory import UnusableRunDirectory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._journal.canonical import JsonValue
    from .._run.directory import RunDirectory
    from .order import Obtained, Order

ABOUT = "credential.json"
MASKED = "masked.json"
REPLACEABLE = frozenset({"ssh"})  # for other hosts there is a new certificate, at the same paths


@dataclass(frozen=True)
class Credential:
    """What is known of one; nothing in it is secret.

    Attributes:
        id: Its own, unique in the run.
        name: What the run calls it.
        kind: ssh, ssh_host, database, pki, pki_host, secret or rotation.
        what: What it is, in words.
        identity: What was asked for.
        fate: What becomes of it at closing.
        obtained_at: When (RFC 3339, UTC).
        expires_at: When it is over if nobody renews it; empty when it does not end.
        latest_end: When it is over however often it is renewed.
        facts: What its kind tells of it.
        files: Names of its files.
        lease_id: Empty if there is no lease.
        renewable: Whether its lease can be renewed.
    """

    id: str
    name: str
    kind: str
    what: str
    identity: Mapping[str, JsonValue]
    fate: str
    obtained_at: str
    expires_at: str
    latest_end: str
    facts: Mapping[str, JsonValue]
    files: tuple[str, ...]
    lease_id: str = ""
    renewable: bool = False

    @classmethod
    def of(cls, own: str, order: Order, obtained: Obtained, grant_ends: str, now: datetime) -> Credential:
        """Describe what was obtained."""
        expires_at = text_of(obtained.expires_at) if obtained.expires_at else ""
        renewable = bool(obtained.lease and obtained.lease.renewable)
        return cls(
            id=own,
            name=order.name,
            kind=order.kind,
            what=obtained.what,
            identity=order.identity(),
            fate=obtained.fate.value,
            obtained_at=text_of(now),
            expires_at=expires_at,
            latest_end=max(grant_ends, expires_at) if renewable else expires_at,
            facts=dict(obtained.facts),
            files=tuple(sorted(obtained.files)),
            lease_id=obtained.lease.lease_id if obtained.lease else "",
            renewable=renewable,
        )

    @property
    def replaceable(self) -> bool:
        """Whether another order of the same name takes its place."""
        return self.kind in REPLACEABLE

    def serves_for(self, span: timedelta, now: datetime) -> bool:
        """Whether it lives for another while."""
        return not self.expires_at or moment_of(self.expires_at) - now > span

    def record(self) -> dict[str, JsonValue]:
        """What the journal keeps of it."""
        return {
            "what": self.what,
            "fate": self.fate,
            "lease_id": self.lease_id,
            "expires_at": self.expires_at,
            "latest_end": self.latest_end,
            "facts": dict(self.facts),
        }

    def renewed(self, now: datetime, life: timedelta) -> Credential:
        """The same, renewed now to live for another while."""
        expires_at = text_of(now + life)
        latest = max(self.latest_end, expires_at)
        return replace(self, obtained_at=text_of(now), expires_at=expires_at, latest_end=latest)


def read_credential(run: RunDirectory, name: str) -> Credential | None:
    """The run's credential of this name; None if there is none. Raises UnusableRunDirectory."""
    known = run.read_json(run.credential(name) / ABOUT)
    if known is None:
        return None
    try:
        credential = Credential(**known)  # type: ignore[arg-type]  # the file is ours
    except TypeError as error:
        raise UnusableRunDirectory(f"{run.credential(name) / ABOUT} is not what this version writes.") from error
    return replace(credential, files=tuple(credential.files))


def credentials_of(run: RunDirectory) -> list[Credential]:
    """Every credential of the run, by name."""
    names = sorted(path.parent.name for path in run.credentials.glob(f"*/{ABOUT}"))
    return [credential for name in names if (credential := read_credential(run, name))]


def write_credential(run: RunDirectory, credential: Credential, obtained: Obtained) -> None:
    """Lay it down: its files first, and what they are last. Raises UnusableRunDirectory."""
    directory = run.credential(credential.name)
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UnusableRunDirectory(f"{directory} can't be made: {error.strerror}.") from error
    for name, content in obtained.files.items():
        run.write_bytes(directory / name, content)
    run.write_json(directory / MASKED, {"secrets": list(obtained.secrets)})
    describe(run, credential)


def describe(run: RunDirectory, credential: Credential) -> None:
    """Write down what is known of it now. Raises UnusableRunDirectory."""
    run.write_json(run.credential(credential.name) / ABOUT, asdict(credential))


def masked_of(run: RunDirectory) -> tuple[str, ...]:
    """Every text of the run's credentials that must not be shown. Raises UnusableRunDirectory."""
    found: list[str] = []
    for path in run.credentials.glob(f"*/{MASKED}"):
        found += cast("list[str]", (run.read_json(path) or {}).get("secrets") or [])
    return tuple(found)


def text_of(moment: datetime) -> str:
    """RFC 3339, UTC, whole seconds."""
    return f"{moment.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def moment_of(text: str) -> datetime:
    """The moment that `text_of` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
