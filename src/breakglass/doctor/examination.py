# SPDX-License-Identifier: GPL-3.0-or-later
"""The examination: every check in its turn, each bounded in time, none able to keep the others from their work."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from breakglass.doctor.checks import (
    accesses,
    addresses,
    approvals,
    awx,
    channels,
    clock,
    database,
    hold,
    hosts,
    inventory,
    journal,
    log_in,
    login,
    policy,
    programs,
    rights,
    run_directory,
    runner,
    secret_files,
    settings,
    signing_key,
    sources,
    tls,
    user,
    vault,
)
from breakglass.doctor.findings import Finding, unknown, wrong
from breakglass.doctor.known import Asked, Known, NotKnown
from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

ENOUGH_SECONDS = 90.0
MANY_HOSTS_SECONDS = 600.0


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        about: What it looks at, for when it can't say so itself.
        look: Yields what it finds.
        seconds: How long it may take.
    """

    about: str
    look: Callable[[Known], Iterable[Finding]]
    seconds: float = ENOUGH_SECONDS


# In the order in which a person mends things; a check stands behind those that it learns from.
CHECKS: Sequence[Check] = (
    Check("programs", programs.look),
    Check("settings", settings.look),
    Check("secrets", secret_files.look),
    Check("tls", tls.look),
    Check("inventory", inventory.look),
    Check("policy", policy.look),
    Check("addresses", addresses.look),
    Check("channels", channels.look),
    Check("awx", awx.look),
    Check("user", user.look),
    Check("journal", journal.look),
    Check("database", database.look),
    Check("run directory", run_directory.look),
    Check("vault", vault.look),
    Check("clock", clock.look),
    Check("login", login.look),
    Check("rights", rights.look),
    Check("access", accesses.look),
    Check("approvals", approvals.look),
    Check("signing key", signing_key.look),
    Check("hold", hold.look),
    Check("hosts", hosts.look, MANY_HOSTS_SECONDS),
    Check("log in", log_in.look, MANY_HOSTS_SECONDS),
    Check("runner", runner.look),
    Check("sources", sources.look),
)


def examine(asked: Asked, checks: Iterable[Check] = CHECKS) -> Iterator[Finding]:
    """Look at everything, in order; yields what is found as soon as it is found, and never raises for what is wrong."""
    with ExitStack() as endings:
        known = Known(asked, endings)
        for check in checks:
            yield from _bounded(check, known)


def _bounded(check: Check, known: Known) -> Iterator[Finding]:
    """Let a thread look: one that hangs, as on a network file system that is gone, is left behind."""
    found: SimpleQueue[Finding | None] = SimpleQueue()
    threading.Thread(target=_look, args=(check, known, found.put), name=check.about, daemon=True).start()
    deadline = time.monotonic() + check.seconds
    while True:
        try:
            finding = found.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            yield unknown(check.about, f"it did not come to an end within {check.seconds:.0f} s")
            return
        if finding is None:
            return
        yield finding


def _look(check: Check, known: Known, tell: Callable[[Finding | None], object]) -> None:
    try:
        for finding in check.look(known):
            tell(finding)
    except NotKnown as error:
        tell(unknown(check.about, str(error)))
    except BreakglassError as error:
        tell(wrong(check.about, str(error)))
    except Exception as error:  # noqa: BLE001 (a fault of ours in one check must not hide what the others find)
        # Only its kind: nobody knows what its text holds.
        tell(unknown(check.about, f"doctor itself failed here ({type(error).__name__}); please report that"))
    finally:
        tell(None)
