# SPDX-License-Identifier: GPL-3.0-or-later
"""The three answers, each looked at as soon as it is given: where Vault is, which inventory, where people hear of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection, from_options
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.health import Health, read_health

from breakglass.channels import is_channel, send
from breakglass.counting import count
from breakglass.errors import BreakglassError
from breakglass.inventory import read_inventory
from breakglass.policy.scalars import is_group
from breakglass.settings_addresses import vault_address

if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENCE_SECONDS: Final = 5
MOST_GROUPS: Final = 12
SUBJECT: Final = "breakglass: a test message"
BODY: Final = "Somebody sets breakglass up, and this is where people will hear of it when a repair fails."


class UnusableAnswer(BreakglassError):
    """Raised when an answer can't be used; the text says why, and never repeats a secret."""


@dataclass(frozen=True)
class VaultAnswer:
    """A Vault that answers."""

    url: str
    namespace: str | None
    ca_cert: str | None
    health: Health

    @classmethod
    def of(cls, address: str, environ: Mapping[str, str], namespace: str = "", ca_cert: str = "") -> VaultAnswer:
        """Ask a Vault what it is; namespace and CA may come from the environment, as for the `vault` command.

        Raises:
            UnusableAnswer: The settings would not take the address.
            BreakglassError: Nobody answers there who is a Vault.
        """
        given = from_options({"url": address.strip(), "namespace": namespace, "ca_cert": ca_cert}, environ)
        try:
            vault_address(given.url)
        except ValueError as error:
            raise UnusableAnswer(str(error)) from None
        # What else the environment says of Vault (a proxy, no check of its certificate) the runner would not know of.
        bare = Connection(given.url, None, given.ca_cert, timeout=PATIENCE_SECONDS, retries=0)
        with Client(bare, None) as client:
            return cls(given.url, given.namespace, given.ca_cert, read_health(client))

    @property
    def found(self) -> str:
        """What was found, for people."""
        later = "" if self.health.serves else ": that will do for now, but nothing works before it is unsealed"
        return f"reachable, {self.health}{later}"


@dataclass(frozen=True)
class InventoryAnswer:
    """An inventory that Ansible reads.

    Attributes:
        path: Absolute.
        hosts: Inventory names, sorted.
        groups: Those that the policy's accesses name: together they hold every host.
    """

    path: Path
    hosts: tuple[str, ...]
    groups: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> InventoryAnswer:
        """Read it; raises UnusableAnswer, UnreadableInventory."""
        if not text.strip():
            raise UnusableAnswer("Name the file or directory of an Ansible inventory.")
        path = Path(text.strip()).expanduser().absolute()
        found = read_inventory(path)
        return cls(path, tuple(found.hosts), _groups(found.hosts))

    @property
    def found(self) -> str:
        """What was found, for people."""
        more = f" and {len(self.groups) - MOST_GROUPS} more" if len(self.groups) > MOST_GROUPS else ""
        named = "no groups" if self.groups == ("all",) else f"groups {' '.join(self.groups[:MOST_GROUPS])}{more}"
        return f"{count(len(self.hosts), 'host')}, {named}"


@dataclass(frozen=True)
class ChannelAnswer:
    """A channel; its address is a secret.

    Attributes:
        url: The address; never shown.
        found: What was found, for people.
    """

    url: str = field(repr=False)
    found: str = "an Apprise URL; no test message was sent"

    @classmethod
    def of(cls, text: str) -> ChannelAnswer:
        """Take an Apprise URL; raises UnusableAnswer."""
        url = text.strip()
        if not url or not is_channel(url):
            raise UnusableAnswer(
                "This is no Apprise URL (it is not repeated here). For mail it is mailto://…, for Slack slack://…; all "
                "forms: https://github.com/caronc/apprise/wiki"
            )
        return cls(url)

    @classmethod
    def tried(cls, text: str) -> ChannelAnswer:
        """Take an Apprise URL that takes a test message; raises UnusableAnswer."""
        url = cls.of(text).url
        if why := send(url, SUBJECT, BODY):
            raise UnusableAnswer(f"The test message was not delivered: {why}. Look at the address and the network.")
        return cls(url, "test message sent")


def _groups(hosts: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """The groups of a first policy: people's own; `ungrouped` for hosts in none of them; `all` where there are none."""
    own = {
        group for groups in hosts.values() for group in groups if group not in ("all", "ungrouped") and is_group(group)
    }
    if not own:
        return ("all",)
    outside = any(groups.isdisjoint(own) for groups in hosts.values())
    return (*sorted(own), *(["ungrouped"] if outside else []))
