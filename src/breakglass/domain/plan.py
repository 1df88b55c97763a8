# SPDX-License-Identifier: GPL-3.0-or-later
"""What exactly will run, and its digest: approvals, grants and journals refer to a plan by it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cached_property

import rfc8785

from breakglass.errors import BreakglassError


class UnreadablePlan(BreakglassError):
    """Raised when stored JSON is not a plan."""


class Rollout(StrEnum):
    """In which order the hosts of a plan have their turn; after one that failed, the others are not touched."""

    CANARY = "canary"  # one first, then all others at once
    ONE_BY_ONE = "one-by-one"
    TOGETHER = "together"


@dataclass(frozen=True)
class Plan:
    """One repair, fully said. Two plans that would do the same have the same digest.

    Attributes:
        remediation: The role's full name (`namespace.collection.role`); empty for a grant that is lent.
        content_digest: SHA-256 (hex) of the role's files when the plan was made.
        hosts: Inventory names, sorted, at least one.
        parameters: The role's variables, plain JSON.
        access: Name of the access under which the grant opens.
        user: Login on the hosts; empty when the access has no SSH credential.
        time_box_seconds: Life of the grant from the moment it opens.
        check_mode: Whether the remediation only says what it would change.
        rollout: In which order, by name; of one host there is only one.
        extends: The request whose sessions go on under this grant; empty where it stands for itself.
    """

    remediation: str
    content_digest: str
    hosts: tuple[str, ...]
    parameters: Mapping[str, object]
    access: str
    user: str
    time_box_seconds: int
    check_mode: bool = False
    rollout: Rollout = Rollout.TOGETHER
    extends: str = ""

    @property
    def lends(self) -> bool:
        """Whether nothing runs here: the grant is lent to who asked for it."""
        return not self.remediation

    @property
    def batches(self) -> list[int]:
        """How many hosts have their turn at once, batch by batch, the last number standing for all that follow; empty for all at once."""
        if self.rollout is Rollout.CANARY and len(self.hosts) > 1:
            return [1, len(self.hosts) - 1]
        return [1] if self.rollout is Rollout.ONE_BY_ONE else []

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON (RFC 8785)."""
        canonical: bytes = rfc8785.dumps(self.to_json())
        return hashlib.sha256(canonical).hexdigest()

    def to_json(self) -> dict[str, object]:
        """Give the plan as JSON-shaped values."""
        content: dict[str, object] = {field.name: getattr(self, field.name) for field in fields(self)}
        if not self.check_mode:
            del content["check_mode"]  # so that the digest of what changes something is what it always was
        if self.rollout is Rollout.TOGETHER:
            del content["rollout"]
        if not self.extends:
            del content["extends"]
        return content | {"hosts": list(self.hosts), "parameters": dict(self.parameters)}

    @classmethod
    def from_json(cls, content: object) -> Plan:
        """Read what to_json gave; raises UnreadablePlan."""
        names = {field.name for field in fields(cls)}
        if not isinstance(content, dict) or content.keys() | {"check_mode", "rollout", "extends"} != names:
            raise UnreadablePlan("The stored plan has other fields than a plan of this version.")
        hosts, parameters = content["hosts"], content["parameters"]
        texts = [content[name] for name in ("remediation", "content_digest", "access", "user")]
        texts.append(content.get("extends", ""))
        seconds = content["time_box_seconds"]
        if not (isinstance(hosts, list) and hosts and isinstance(parameters, dict)):
            raise UnreadablePlan("The stored plan has no hosts, or its parameters are not a mapping.")
        check_mode = content.get("check_mode", False)
        rollout = next((one for one in Rollout if one == content.get("rollout", Rollout.TOGETHER)), None)
        right = type(seconds) is int and type(check_mode) is bool
        if not right or rollout is None or not all(isinstance(text, str) for text in [*hosts, *parameters, *texts]):
            raise UnreadablePlan("A field of the stored plan has the wrong type.")
        return cls(**content | {"hosts": tuple(hosts), "rollout": rollout})


def in_turn(hosts: Sequence[str], rollout: str) -> str:
    """Several hosts in words: `web1 first, then web2, web3`."""
    if len(hosts) > 1 and rollout == Rollout.CANARY:
        return f"{hosts[0]} first, then {', '.join(hosts[1:])}"
    return (", then " if rollout == Rollout.ONE_BY_ONE else ", ").join(hosts)
