# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that are in force: policy, inventory and remediations, read together and replaced together.

A new set is checked as a whole before it counts. One that can't be used changes nothing: the old one goes on.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.contents import commit_of

from breakglass.domain.draft import Note
from breakglass.domain.own_alerts import OwnAlert, OwnName
from breakglass.errors import BreakglassError
from breakglass.policy_commit import author_of
from breakglass.policy_site import site_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from breakglass.domain.rules import Policy, VaultCredential
    from breakglass.own_alerts import OwnAlerts
    from breakglass.remediations import Remediations
    from breakglass.settings import Settings
    from breakglass.store.journal_queue import JournalQueue

LOG = logging.getLogger("breakglass.policy")


@dataclass(frozen=True)
class Rules:
    """What is decided by.

    Attributes:
        policy: What may be done.
        hosts: Inventory name to its groups.
        remediations: The roles that the policy names.
        has_prometheus: Whether there is one to be asked whether a fault is gone.
        connections: How hosts are reached, as the inventory says; one that it says nothing of is not there.
    """

    policy: Policy
    hosts: Mapping[str, frozenset[str]]
    remediations: Remediations
    has_prometheus: bool = False
    connections: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def read_rules(settings: Settings) -> Rules:
    """Read all of it as the files are now; raises BreakglassError with every problem that was found."""
    site = site_of(settings)
    directory = _directory_of(settings.policy)
    commit = commit_of(directory)
    known = replace(site.policy, commit=commit, author=author_of(directory, commit) if commit else "")
    inventory = site.inventory
    return Rules(
        known, inventory.hosts, site.remediations, settings.prometheus is not None, connections=inventory.connections
    )


class InForce:
    """The rules that count now. Whoever decides takes `now` once, and goes by that to the end of its decision."""

    def __init__(self, rules: Rules) -> None:
        self.now = rules

    def opened_by(self, access: str) -> tuple[VaultCredential, ...]:
        """What an access opens besides SSH; nothing when there is none of this name any more."""
        found = self.now.policy.access.get(access)
        return found.credentials if found else ()


class Reloading:
    """Takes in a changed policy when somebody asks for it, in a thread of its own."""

    def __init__(
        self, in_force: InForce, read: Callable[[], Rules], queue: JournalQueue, own_alerts: OwnAlerts
    ) -> None:
        self._in_force = in_force
        self._own_alerts = own_alerts
        self._read = read
        self._queue = queue
        self._asked = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="policy", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Take in nothing more."""
        self._stopping = True
        self._asked.set()
        if self._thread.ident is not None:
            self._thread.join()

    def ask(self) -> None:
        """Have the files read again, soon; returns at once, and may be called by a handler of signals."""
        self._asked.set()

    def reload(self) -> None:
        """Read the files now. New rules are recorded before they count.

        Raises:
            BreakglassError: They are refused, or could not be recorded; the old ones go on.
        """
        try:
            rules = self._read()
        except BreakglassError as error:
            self._queue.add_to_day([Note("policy.refused", {"why": str(error)})])
            sentence = f"a changed policy can't be used, and the one before goes on: {error}"
            self._own_alerts.raise_(OwnAlert(OwnName.POLICY_REFUSED, "", sentence))
            raise
        self._queue.add_to_day([Note("policy.loaded", policy_body(rules.policy))])
        self._in_force.now = rules
        self._own_alerts.resolve(OwnName.POLICY_REFUSED)

    def _work(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            if self._stopping:
                return
            try:
                self.reload()
                policy = self._in_force.now.policy
                LOG.warning("policy %s is in force, %d triggers", policy.digest[:8], len(policy.triggers))
            except BreakglassError as error:
                LOG.error("The policy is refused, the old one goes on: %s", error)  # noqa: TRY400 (a sentence for people)
            except Exception:
                LOG.exception("The policy could not be read for a fault of ours; the old one goes on")


def policy_body(policy: Policy) -> dict[str, object]:
    """What is recorded of a policy that comes into force."""
    known = {"policy_commit": policy.commit, "policy_author": policy.author}
    git = {name: value for name, value in known.items() if value}
    return {"policy_digest": policy.digest, "triggers": len(policy.triggers), **git}


def _directory_of(path: Path) -> Path:
    return path if path.is_dir() else path.parent
