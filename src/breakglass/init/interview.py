# SPDX-License-Identifier: GPL-3.0-or-later
"""The three questions: where Vault is, which hosts there are, and where people hear of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from breakglass.init.answers import ChannelAnswer, InventoryAnswer, VaultAnswer
from breakglass.init.asking import Question, require, settle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from breakglass.init.asking import Terminal


@dataclass(frozen=True)
class Given:
    """What was given beforehand; empty for what was not.

    Attributes:
        vault_address: Where Vault is.
        vault_namespace: Its namespace.
        vault_ca_cert: File of the CA certificates by which it is known.
        inventory: Path of the inventory.
        channel: An Apprise URL, read from a file or standard input.
        sends: Whether a test message goes through the channel.
        environ: The environment.
    """

    vault_address: str
    vault_namespace: str
    vault_ca_cert: str
    inventory: str
    channel: str = field(repr=False)
    sends: bool
    environ: Mapping[str, str] = field(repr=False)


def interview(terminal: Terminal, given: Given) -> tuple[VaultAnswer, InventoryAnswer, ChannelAnswer]:
    """Ask what was not given, and look at each answer.

    Raises:
        MissingAnswer: Something was not given, and nobody can be asked.
        BreakglassError: Something that was given is not good.
    """
    where, what, who = _questions(given)
    require(terminal, (where, what, who))
    vault = settle(
        terminal,
        where,
        lambda text: VaultAnswer.of(text, given.environ, given.vault_namespace, given.vault_ca_cert),
    )
    inventory = settle(terminal, what, InventoryAnswer.of)
    channel = settle(terminal, who, ChannelAnswer.tried if given.sends else ChannelAnswer.of)
    return vault, inventory, channel


def _questions(given: Given) -> tuple[Question, Question, Question]:
    environ = given.environ
    return (
        Question(
            words="Vault address",
            given=given.vault_address,
            usual=environ.get("VAULT_ADDR") or environ.get("BAO_ADDR") or "",
            option="--vault-address (or VAULT_ADDR)",
        ),
        Question(
            words="Ansible inventory",
            given=given.inventory,
            usual=environ.get("ANSIBLE_INVENTORY", ""),
            option="--inventory (or ANSIBLE_INVENTORY)",
        ),
        Question(
            words="Where people hear of it (an Apprise URL, hidden)",
            given=given.channel,
            usual="",
            option="--channel-file FILE (- is standard input)",
            hidden=True,
            confirm="Did it arrive?" if given.sends else "",
        ),
    )
