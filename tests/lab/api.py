# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of roles see of a lab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.lab import faults, lab, playbooks, recording, vault
from tests.lab.errors import BrokenLab

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from tests.lab.host import LabHost
    from tests.lab.places import Place
    from tests.lab.playbooks import RoleRun

    from breakglass.timeline import Event


@dataclass(frozen=True)
class Lab:
    """A lab that is up, seen from its controller, whose network the tests have joined.

    Attributes:
        place: Where everything of it is.
    """

    place: Place

    @property
    def hosts(self) -> dict[str, LabHost]:
        """Its hosts, by name."""
        return {host.name: host for host in lab.hosts_of(self.place)}

    def host(self, name: str) -> LabHost:
        """One host; raises BrokenLab when the lab has none of this name."""
        try:
            return self.hosts[name]
        except KeyError:
            raise BrokenLab(f"The lab {self.place.name} has no host {name}.") from None

    @property
    def inventory(self) -> Path:
        """The inventory: how the prepared hosts are reached."""
        return self.place.inventory

    @property
    def environment(self) -> dict[str, str]:
        """What finds the lab's OpenBao, with an admin's login."""
        return vault.environment(self.place)

    def run_role(
        self,
        role: str,
        hosts: Sequence[str],
        parameters: Mapping[str, object] | None = None,
        *,
        check: bool = False,
        diff: bool = False,
        access: str = "lab-operator",
        timeout: float = playbooks.WITHIN_SECONDS,
        extra_environment: Mapping[str, str] | None = None,
    ) -> RoleRun:
        """Run a remediation at the operator's door: a grant, a certificate, a journal, and the grant proven gone.

        Raises:
            AssertionError: The grant is not proven gone.
            subprocess.TimeoutExpired: It took longer.
        """
        options = [name for name, wanted in (("--check", check), ("--diff", diff)) if wanted]
        return playbooks.remediate(
            self.place,
            role,
            hosts,
            parameters or {},
            *options,
            access=access,
            timeout=timeout,
            environment=extra_environment,
        )

    def prepare_hosts(
        self, hosts: Sequence[str], parameters: Mapping[str, object] | None = None, *options: str
    ) -> RoleRun:
        """Run the playbook `prepare_hosts`, coming in as root by the key of the first contact."""
        return playbooks.prepare_hosts(self.place, hosts, parameters, *options)

    def break_(self, kind: str, host: str) -> None:
        """Let a fault happen to a host; raises UnknownFault."""
        faults.break_host(kind, self.host(host))

    def mend(self, kind: str, host: str) -> None:
        """Take it back, whatever has become of it meanwhile; raises UnknownFault."""
        faults.mend_host(kind, self.host(host))

    def record_run(
        self, *, role: str, fault: str, run: RoleRun | Sequence[Event], broken_at: datetime | None = None
    ) -> None:
        """Keep how long a repair took, for `docs/reference/remediations.md`, in the file that $BREAKGLASS_RECORD names, if it does.

        Args:
            role: The remediation.
            fault: What had happened, in the words of `faults.py`.
            run: The repair at the operator's door, or all that is recorded of an incident.
            broken_at: When the fault happened; for an incident.

        Raises:
            AssertionError: It did not end well, or its grant is not proven gone.
        """
        events = run.events if isinstance(run, playbooks.RoleRun) else run
        recording.record(events, role=role, fault=fault, broken_at=broken_at)
