# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts: reached by the inventory's address, and each proves itself by a certificate of our CA. Nobody logs in."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import ssh as vault_ssh
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import DeniedByVault, MissingPath

from breakglass.doctor.findings import Finding, ok, unknown, wrong
from breakglass.doctor.hosts import wanted_hosts
from breakglass.doctor.known import AUTHORITY, INVENTORY, SESSION
from breakglass.doctor.ssh import reach
from breakglass.ways import Uncomputable, way_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from breakglass.doctor.known import Known

AT_ONCE: Final = 16
LATEST_RENEWAL: Final = timedelta(days=3)
PREPARE: Final = "Prepare it: ansible-playbook breakglass.remediation.prepare_hosts -l"


def look(known: Known) -> Iterator[Finding]:
    """One line for each host, in the order of their names."""
    if not known.asked.hosts:
        return
    hosts, connections, authority = wanted_hosts(known), known[INVENTORY].connections, read_authority(known)
    if authority is None:
        yield wrong(
            "hosts", "the login may not read the CA's public key, so its policy is an older one: breakglass vault apply"
        )
        return
    with tempfile.TemporaryDirectory(prefix="bg-doctor-") as directory, ThreadPoolExecutor(AT_ONCE) as pool:
        known_hosts = write_known_hosts(Path(directory), hosts, authority)
        yield from pool.map(lambda host: _look_at(host, connections.get(host, {}), known_hosts), hosts)


def read_authority(known: Known) -> str | None:
    """The CA's public key, kept for later checks; None when the login may not read it, or there is none."""
    try:
        known.learn(AUTHORITY, vault_ssh.ca_public_key(known[SESSION]))
    except (DeniedByVault, MissingPath):
        return None
    return known[AUTHORITY]


def write_known_hosts(directory: Path, hosts: list[str], authority: str) -> Path:
    """A file by which ssh believes these hosts, and no others, when the CA has certified them."""
    path = directory / "known_hosts"
    path.write_text("".join(f"@cert-authority {host} {authority}\n" for host in hosts), encoding="ascii")
    return path


def is_near_its_end(begins: datetime, ends: datetime, now: datetime) -> bool:
    """Whether less than a tenth of a certificate's life is left, or of a long one less than three days."""
    return ends - now < min(LATEST_RENEWAL, (ends - begins) / 10)


def _look_at(host: str, connection: Mapping[str, object], known_hosts: Path) -> Finding:
    try:
        answer = reach(way_to(host, connection), known_hosts)
    except Uncomputable as error:
        return unknown(host, str(error))
    if not answer.host_is_proven:
        certified = "Host key verification failed" not in answer.said
        mend = "Look at its address, its sshd and what lies between" if certified else f"{PREPARE} {host}"
        return wrong(host, f"{answer.said}. {mend}")
    begins, ends = answer.certificate_life or (None, None)
    if begins and ends and is_near_its_end(begins, ends, datetime.now(UTC)):
        return wrong(host, f"proves itself, but its certificate ends at {ends:%Y-%m-%d %H:%M} UTC. {PREPARE} {host}")
    until = f"until {ends:%Y-%m-%d %H:%M} UTC" if ends else "for ever"
    return ok(host, f"reached, proves itself by a certificate of our CA, good {until}")
