# SPDX-License-Identifier: GPL-3.0-or-later
"""A grant that is used on this machine: its private directory, a watcher that outlives who started it, and its end.

The watcher is there before the grant is opened. When the command that started it dies, however that happens, the watcher
ends what it had started, revokes what was obtained, tells the runner, and wipes the directory. The runner proves.
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.obtaining import obtain
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.detaching import (
    in_a_process_of_its_own,
    leave_run,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.first_help import revoke_self
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.opening import grant_text
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.processes import Kin, end_all
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.renewing import Renewer
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import Ledger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.directory import (
    RunDirectory,
    parent_of_runs,
    state_directory,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.ungranting import revoke_here
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import DeniedByVault
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.grant import GrantRequest, unwrap

from breakglass.client.orders import SSH_CONFIG, ssh_config
from breakglass.client.requesting import give_back
from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.order import Order
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.wallet import Credential
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.canonical import JsonValue

    from breakglass.client.taking import Taken

END_SECONDS: Final = 10.0
GIVE_BACK_PAUSES: Final = (0.2, 1.0, 5.0, 30.0, 0.0)
DONE: Final = b"."


class NotGiven(BreakglassError):
    """Raised when Vault refuses a credential that the access should open."""


@dataclass(frozen=True)
class Closed:
    """What became of it on this machine.

    Attributes:
        left: Processes that could not be ended.
        revoked: Whether Vault took back here and now all that was obtained; else it does when it revokes the grant.
    """

    left: tuple[int, ...]
    revoked: bool


@contextmanager
def unused(environ: Mapping[str, str]) -> Iterator[RunDirectory]:
    """A directory for a grant; gone if this block fails. Raises UnusableRunDirectory."""
    run = RunDirectory.create(parent_of_runs(environ))
    try:
        yield run
    except BaseException:
        run.wipe()
        raise


@dataclass(frozen=True)
class HeldHere:
    """One grant on this machine.

    Attributes:
        run: Its directory.
        journal: Where its credentials are recorded, on this machine.
        stream: After which their stream is called.
        request: The runner's name for it.
        api: The runner's.
    """

    run: RunDirectory
    journal: Path
    stream: str
    request: str
    api: RunnerApi
    under_runner: bool = False
    always: Mapping[str, JsonValue] = field(default_factory=dict)

    @classmethod
    def begin(cls, api: RunnerApi, request: str, run: RunDirectory, environ: Mapping[str, str]) -> HeldHere:
        """Know where to record. Raises BreakglassError."""
        journal = Path(environ.get("BREAKGLASS_JOURNAL") or state_directory(environ) / "journal").absolute()
        Ledger.create_if_absent(journal)
        stream = f"{datetime.now(UTC):%Y/%m/%d}/RUN-{secrets.token_hex(4).upper()}/play-1"
        return cls(run, journal, stream, request, api)

    def watched(self) -> Callable[[], None]:
        """Start the watcher; call what this returns when everything is closed."""
        reading, writing = os.pipe()

        def watch() -> None:
            os.close(writing)
            leave_run({reading})
            if not os.read(reading, 1):
                self.close(RunnerApi(self.api.client.anew(), self.api.url, self.api.ca_cert))

        in_a_process_of_its_own(watch, lambda: revoke_self(self.run))
        os.close(reading)

        def dismiss() -> None:
            with suppress(OSError):
                os.write(writing, DONE)
            os.close(writing)

        return dismiss

    def open(self, taken: Taken) -> datetime:
        """Unwrap the grant: from now on it is ours alone. Returns its end. Raises BreakglassError."""
        box = timedelta(seconds=taken.seconds)
        request = GrantRequest(taken.access, box, f"breakglass-{taken.access}", dict(taken.meta))
        opened = unwrap(self.api.client, taken.wrapped, request, taken.accessor)
        self.run.write(self.run.token, opened.token)
        self.run.write_json(self.run.grant, grant_text(opened.facts, request, self.api.client.connection, os.getpid()))
        return opened.facts.expires_at

    def obtain(self, order: Order, taken: Taken) -> Credential:
        """Get one credential into its own files. Raises BreakglassError."""
        try:
            credential, _new = obtain(self, order)
        except DeniedByVault as error:  # the grant's, not the login's
            raise NotGiven(f"Vault does not give {order.name} to this grant: {error}") from None
        if order.kind == "ssh":
            self.run.write(self.run.ssh / SSH_CONFIG, ssh_config(taken, self.run))
        return credential

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """What has a shorter life than the grant is renewed in this block."""
        renewer = Renewer(self)
        renewer.start()
        try:
            yield
        finally:
            renewer.stop()

    def end_processes(self) -> set[int]:
        """End what carries the mark of this grant; returns what could not be ended."""
        return end_all(Kin(self.run.lock, self.run.mark).alive, END_SECONDS)

    def close(self, api: RunnerApi | None = None) -> Closed:
        """End what was started, revoke, tell the runner, wipe. Never raises."""
        left, revoked = self.end_processes(), True
        try:
            revoke_here(self)
        except BreakglassError:
            revoked = False
            revoke_self(self.run)
        self.run.wipe()
        for pause in GIVE_BACK_PAUSES:
            with suppress(BreakglassError):
                give_back(api or self.api, self.request)
                break
            time.sleep(pause)
        return Closed(tuple(sorted(left)), revoked)
