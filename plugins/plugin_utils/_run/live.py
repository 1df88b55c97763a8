# SPDX-License-Identifier: GPL-3.0-or-later
"""What the audit callback tells the run's actions: set in Ansible's main process, seen by every worker it forks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .._errors import BreakglassError

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from pathlib import Path

    from .._journal.canonical import JsonValue
    from .directory import RunDirectory

HOW_TO_ENABLE = (
    "Nothing is recorded, because the callback breakglass.remediation.audit is not enabled, so no grant is opened. "
    "Add this to ansible.cfg:\n\n[defaults]\ncallbacks_enabled = breakglass.remediation.audit\n\n"
    "or put this before the command, for one run:\n\nANSIBLE_CALLBACKS_ENABLED=breakglass.remediation.audit\n\n"
    "The command ansible (ad hoc) loads callbacks only with bin_ansible_callbacks = true beside it."
)


class MissingCallback(BreakglassError):
    """Raised when an action of ours runs without a live audit callback."""


@dataclass(frozen=True)
class Live:
    """The run that is being recorded.

    Attributes:
        run: Its directory.
        main_pid: Ansible's main process.
        journal: The journal's directory.
        stream: The callback's stream, as a path without `.jsonl` relative to the journal.
        under_runner: Whether a runner drives this run and its play process is the guard.
        about: What the runner says of the run: incident, attempt, plan digest, accessor of the grant.
        main_end: The callback's end of the line to the guard.
        guard_end: The guard's end of it.
        worker_end: The tasks' end of their own line to the guard, for one of them at a time.
        guard_worker_end: The guard's end of that.
        always: Fields that every record of the run has: which job of AWX it is.
    """

    run: RunDirectory
    main_pid: int
    journal: Path
    stream: str
    under_runner: bool
    about: Mapping[str, str]
    main_end: socket.socket
    guard_end: socket.socket
    worker_end: socket.socket
    guard_worker_end: socket.socket
    always: Mapping[str, JsonValue] = field(default_factory=dict)


_LIVE: list[Live] = []


def announce(live: Live) -> None:
    """The callback is alive and records this run."""
    _LIVE[:] = [live]


def current() -> Live:
    """The run that is being recorded; raises MissingCallback."""
    if not _LIVE:
        raise MissingCallback(HOW_TO_ENABLE)
    return _LIVE[0]
