# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom the policy lets work with incidents besides those that an incident is about, and by which account they come. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class People:
    """`people:` of the policy; nobody is in a role that it does not write down.

    Attributes:
        operators: Groups of Vault's identity; their members read everything, hold, lift, revoke, and say all words to incidents.
        auditors: Groups of Vault's identity; their members read everything.
    """

    operators: frozenset[str] = frozenset()
    auditors: frozenset[str] = frozenset()

    @property
    def groups(self) -> frozenset[str]:
        """Every group that it names."""
        return self.operators | self.auditors


@dataclass(frozen=True)
class Account:
    """By which entity of Vault's identity somebody came who says something over the API or at a page.

    Attributes:
        entity: Its id.
        name: Its name.
    """

    entity: str
    name: str

    @property
    def recorded(self) -> dict[str, str]:
        """As it stands in the journal, beside `by`, which is the person."""
        return {"entity": self.entity, "account": self.name}
