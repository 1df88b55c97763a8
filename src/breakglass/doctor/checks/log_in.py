# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging in, only when that was asked for: a real grant and certificate, the hosts let us in and let us become root."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.hold import read_hold

from breakglass.doctor.checks.hold import standing
from breakglass.doctor.findings import Finding, Mark, ok, unknown, wrong
from breakglass.doctor.hosts import wanted_hosts
from breakglass.doctor.known import INVENTORY, POLICY, SESSION, SETTINGS
from breakglass.doctor.ssh import log_in
from breakglass.doctor.trial import Trial, open_database
from breakglass.policy.scalars import did_you_mean
from breakglass.store.journal_queue import JournalQueue
from breakglass.ways import Uncomputable, way_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from breakglass.doctor.known import Known
    from breakglass.domain.rules import Access

ABOUT: Final = "log in"
AT_ONCE: Final = 16
COMMAND: Final = "id -un && { sudo -n id -un || true; }"
PREPARE: Final = "Prepare it: ansible-playbook breakglass.remediation.prepare_hosts -l"


def look(known: Known) -> Iterator[Finding]:
    """One line for each host, and one for the end of the grant."""
    name, accesses = known.asked.log_in, known[POLICY].access if known.asked.log_in else {}
    if not name:
        return
    if name not in accesses:
        yield wrong(ABOUT, f"the policy has no access {name[:80]}.{did_you_mean(name, accesses)}")
    elif not accesses[name].ssh:
        yield wrong(ABOUT, f"the access {name} opens no SSH; name another")
    elif standing(known) or read_hold(known[SESSION]):
        yield unknown(ABOUT, "a hold is set, so nothing new starts, this neither")
    elif hosts := wanted_hosts(known, name):
        yield from _try(known, accesses[name], hosts)
    else:
        yield wrong(ABOUT, f"the access {name} opens none of the hosts of --limit")


def _try(known: Known, access: Access, hosts: list[str]) -> Iterator[Finding]:
    with ExitStack() as parts:
        directory = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="bg-doctor-")))
        database = open_database(known[SETTINGS].database)
        # Where doctor is interrupted, these are what ends the grant, before the login ends.
        known.endings.callback(database.close)
        trial = Trial(known[SESSION], JournalQueue(database), access.name, access.max_time_box)
        known.endings.callback(trial.close)
        try:
            trial.open(known.asked.person, hosts, directory)
            with ThreadPoolExecutor(AT_ONCE) as pool:
                user = access.ssh.user if access.ssh else ""
                found = list(pool.map(partial(_log_in, known[INVENTORY].connections, user, directory), hosts))
            let_in = [one.about for one in found if one.mark is Mark.OK]
            trial.tell(let_in, [f"{one.about}: {one.says}" for one in found if one.mark is not Mark.OK])
            yield from found
        finally:
            end = trial.close()
            if end:
                yield end


def _log_in(connections: Mapping[str, Mapping[str, object]], user: str, directory: Path, host: str) -> Finding:
    try:
        way = way_to(host, connections.get(host, {}))
    except Uncomputable as error:
        return unknown(host, str(error))
    answer = log_in(way, user, directory, COMMAND)
    who = answer.output.split()
    if answer.code or not who:
        return wrong(host, f"does not let {user} in: {answer.said}. {PREPARE} {host}")
    if who[1:] == ["root"]:
        return ok(host, f"let {user} in by a certificate, and sudo works")
    if way.becomes:
        return wrong(
            host,
            f"let {user} in by a certificate, but sudo does not work, which the inventory wants. {PREPARE} {host}",
        )
    return ok(host, f"let {user} in by a certificate; there is no sudo, and the inventory wants none")
