# SPDX-License-Identifier: GPL-3.0-or-later
"""Replacing the SSH certificate authority, for people: which ones are there, what each is for, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import authority_switch
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.authorities import (
    check_that_one_signs,
    fingerprint,
    public_key,
    standing,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import (
    NEXT_SSH_MOUNT,
    PREVIOUS_SSH_MOUNT,
    SSH_MOUNT,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.access import AccessSpec
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client

_PLACES = {"current": SSH_MOUNT, "next": NEXT_SSH_MOUNT, "previous": PREVIOUS_SSH_MOUNT}
_DOES = {
    "current": "signs now",
    "next": "does not sign yet",
    "previous": "signs no more",
}


@dataclass(frozen=True)
class Authority:
    """One certificate authority.

    Attributes:
        place: current, next or previous.
        mount: Where it is in Vault.
        fingerprint: Of its public key, `SHA256:…`; empty when the mount has no key yet.
        public_key: `ssh-ed25519 AAAA…`; empty when the mount has no key yet.
        signs: Whether grants get certificates of it.
    """

    place: str
    mount: str
    fingerprint: str
    public_key: str
    signs: bool

    @property
    def line(self) -> str:
        """One line for people."""
        known = self.fingerprint or "no key yet"
        return f"{self.place:<9} {self.mount + '/':<25} {known:<51} {_DOES[self.place]}"


@dataclass(frozen=True)
class Authorities:
    """Those that are there, and what comes next."""

    authorities: list[Authority]
    next_step: str

    @classmethod
    def of(cls, client: Client) -> Authorities:
        """Look; raises VaultError."""
        there = standing(client)
        found = [_authority(client, place, mount) for place, mount in _PLACES.items() if mount in there]
        return cls(found, next_step(there))

    @property
    def lines(self) -> list[str]:
        """All of it, for people."""
        return [*(one.line for one in self.authorities), self.next_step]


def next_step(there: Collection[str]) -> str:
    """What a person does next, given the mounts that are there. Pure."""
    if SSH_MOUNT not in there:
        return _way_back(there)
    if PREVIOUS_SSH_MOUNT in there:
        return (
            "Next: run the playbook prepare_hosts for every host, so that each gets a certificate of the current one; "
            "then: breakglass vault authority finish"
        )
    if NEXT_SSH_MOUNT in there:
        return (
            "Next: run the playbook prepare_hosts for every host, so that each trusts the next one; "
            "then: breakglass vault authority switch"
        )
    return "No rotation is under way. One begins with: breakglass vault apply --next-authority"


def ssh_mounts(client: Client, *, next_authority: bool) -> frozenset[str]:
    """The SSH mounts whose roles are to be as the policy says: the current one, and those of a rotation that are there.

    Args:
        client: Vault, with an admin's login.
        next_authority: Whether there is to be a next one. While the previous one of a rotation is still there, none is made:
            that rotation is to be finished first.

    Raises:
        UnfinishedSwitch: None signs; making a new one now would be a third that no host trusts.
        VaultError: Vault can't be asked, or something of others is at one of their places.
    """
    there = standing(client)
    check_that_one_signs(there)
    asked = {NEXT_SSH_MOUNT} if next_authority and PREVIOUS_SSH_MOUNT not in there else set[str]()
    return there | {SSH_MOUNT} | asked


def rotation(mounts: Collection[str], *, next_authority: bool) -> list[str]:
    """What is to be said of a rotation that is under way, with these mounts; empty when none is. Pure."""
    said = [next_step(mounts)] if len(mounts) > 1 else []
    if next_authority and NEXT_SSH_MOUNT not in mounts:
        said.insert(0, f"No next authority is made while {PREVIOUS_SSH_MOUNT}/ of the rotation before is there.")
    return said


def switch(client: Client, accesses: Sequence[AccessSpec]) -> list[str]:
    """Let the next one sign; says what was moved and what comes next. Raises VaultError."""
    moved = authority_switch.switch(client, accesses)
    done = [f"{source}/ is {target}/ now." for source, target in moved]
    return [*(done or ["It was switched already; nothing was changed."]), *Authorities.of(client).lines]


def consequences(client: Client) -> list[str]:
    """What stops working when the previous one is removed, in plain words. Raises VaultError when there is none to remove."""
    authority_switch.check_that_can_finish(standing(client))
    previous = _authority(client, "previous", PREVIOUS_SSH_MOUNT)
    key = previous.fingerprint or "without a key"
    return [
        f"{PREVIOUS_SSH_MOUNT}/ ({key}) is removed for good: its key can't be had again.",
        "A host that prepare_hosts has not reached since the switch still proves itself by a certificate of it.",
        "No repair reaches such a host any more, until prepare_hosts has.",
    ]


def finish(client: Client) -> list[str]:
    """Remove the previous one; says what comes next. Raises VaultError."""
    authority_switch.finish(client)
    return [
        f"{PREVIOUS_SSH_MOUNT}/ is gone.",
        "Next: run the playbook prepare_hosts for every host once more; until then hosts trust what it has signed.",
    ]


def _authority(client: Client, place: str, mount: str) -> Authority:
    key = public_key(client, mount) or ""
    return Authority(place, mount, fingerprint(key) if key else "", key, signs=mount == SSH_MOUNT and bool(key))


def _way_back(there: Collection[str]) -> str:
    if NEXT_SSH_MOUNT in there:
        return (
            "No certificate is signed now: a switch was broken off. Finish it with: breakglass vault authority switch"
        )
    if PREVIOUS_SSH_MOUNT in there:
        return f"No certificate is signed now. Take the previous one back: vault secrets move {PREVIOUS_SSH_MOUNT} {SSH_MOUNT}"
    return "There is none. Make it with: breakglass vault apply"
