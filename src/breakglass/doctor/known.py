# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known so far: what doctor was asked for, and what earlier checks have read for later ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client

    from breakglass.domain.rules import Policy
    from breakglass.inventory import Inventory
    from breakglass.remediations import Remediations
    from breakglass.settings import Settings
    from breakglass.store.looking import Looked

Value = TypeVar("Value")


class NotKnown(BreakglassError):
    """Raised when a check needs what an earlier one could not find out."""


@dataclass(frozen=True, eq=False)
class Fact(Generic[Value]):
    """One thing that a check finds out for others.

    Attributes:
        name: What people call it.
    """

    name: str


SETTINGS: Final[Fact[Settings]] = Fact("the settings")
INVENTORY: Final[Fact[Inventory]] = Fact("the inventory")
REMEDIATIONS: Final[Fact[Remediations]] = Fact("the remediations")
POLICY: Final[Fact[Policy]] = Fact("the policy")
DATABASE: Final[Fact[Looked]] = Fact("the database")
VAULT: Final[Fact[Client]] = Fact("a Vault that serves")
"""Without a token."""
SESSION: Final[Fact[Client]] = Fact("the runner's login")
AUTHORITY: Final[Fact[str]] = Fact("the CA of the hosts")
"""Its public key, one OpenSSH line."""


@dataclass(frozen=True)
class Asked:
    """What doctor was asked for.

    Attributes:
        settings: The file of the settings.
        person: Who asks.
        send: Send a test message through each channel.
        hosts: Look at the hosts.
        limit: Names of hosts and groups; none of them means all hosts of the accesses.
        log_in: The access under which hosts are logged in to; empty for none.
    """

    settings: Path
    person: str
    send: bool = False
    hosts: bool = True
    limit: tuple[str, ...] = ()
    log_in: str = ""


@dataclass(frozen=True)
class Known:
    """Filled by the checks in their order.

    Attributes:
        asked: What doctor was asked for.
        endings: What must be ended when all checks are over, as the runner's login.
    """

    asked: Asked
    endings: ExitStack
    _found: dict[Fact[Any], Any] = field(default_factory=dict)

    def __getitem__(self, fact: Fact[Value]) -> Value:
        """What an earlier check has found. Raises NotKnown."""
        if fact not in self._found:
            raise NotKnown(f"not looked at: {fact.name} must be right first, see above")
        found: Value = self._found[fact]
        return found

    def learn(self, fact: Fact[Value], value: Value) -> None:
        """Keep something for later checks."""
        self._found[fact] = value
