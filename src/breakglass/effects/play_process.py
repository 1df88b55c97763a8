# SPDX-License-Identifier: GPL-3.0-or-later
"""The play process: parent and guard of one play, started as `python -m breakglass.effects.play_process RUN_DIR`.

It is started ahead of need, imports what a play needs and waits: then the next alert does not pay for imports. Its
standard input is the runner's word: `go` starts the play, `stop` ends it, `alive` comes again and again while the runner
works and the incident is its own. The end of the pipe means that the runner is dead, and silence that it stands still:
both end the play before another runner may take its incident. It holds `run.lock` for its whole life, adopts every orphan of
the play (Ansible's workers leave their session), and leaves nothing behind but `result.json`.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.differences import VARIABLE as DIFFERENCES
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.control_sockets import end_connections
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.processes import (
    adopt_orphans,
    descendants,
    die_with_parent,
    end_all,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.renewing import Renewer
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.directory import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.canonical import JsonValue

KILL_LIMIT_SECONDS = 10.0
NOBODY_SAW = 254  # ansible-runner's own code for a play that did not exit by itself
SILENCE_SECONDS = 5.0
STARTED = "started"
RESULT = "result.json"
ORDER = "order.json"
PRIVATE = "private"


@dataclass(frozen=True)
class Order:
    """What the runner wants run, as it stands in `order.json`.

    Attributes:
        playbook: Its full name.
        inventory: Path of the site's inventory.
        deadline_seconds: The play is ended when it takes longer.
        check_mode: Whether it only says what it would change.
        show_differences: Whether it says what it changes in files, and that is recorded.
    """

    playbook: str
    inventory: str
    deadline_seconds: float
    check_mode: bool = False
    show_differences: bool = False

    @property
    def options(self) -> str | None:
        """What ansible-playbook is told besides."""
        wanted = {"--check": self.check_mode, "--diff": self.show_differences}
        return " ".join(option for option, is_wanted in wanted.items() if is_wanted) or None

    @classmethod
    def read(cls, path: Path) -> Order:
        """Read what the runner wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def main() -> None:
    """Wait for the word, run the play, watch it, tell the result."""
    run = RunDirectory(Path(sys.argv[1]))
    adopt_orphans()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    lock = os.open(run.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    from breakglass.effects import warm  # noqa: PLC0415 (the costly imports happen while nobody waits)

    warm.import_what_a_play_needs()
    with suppress(BrokenPipeError):
        os.write(1, b"ready\n")
    if _word() != "go":
        run.wipe()
        return
    (run.root / STARTED).touch(mode=0o600)
    _sync(run.root)
    order = Order.read(run.root / ORDER)
    play = os.fork()
    if play == 0:
        os.close(lock)
        warm.use_warm_ansible()
        _be_the_play(run, order)
    renewer = _renewer(run)
    outcome, code = _watch(play, time.monotonic() + order.deadline_seconds)
    left = end_all(lambda: descendants(os.getpid()), KILL_LIMIT_SECONDS)
    renewer.stop()
    end_connections(run.control)
    if outcome == "runner-gone":
        from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.first_help import (  # noqa: PLC0415
            revoke_self,
        )

        revoke_self(run)
    _tell(run, {"outcome": outcome, "code": code, "processes_left": len(left)})


@dataclass(frozen=True)
class _Watched:
    """The run, as the renewer of its credentials wants to know it."""

    run: RunDirectory
    journal: Path
    stream: str
    under_runner: bool = True
    always: Mapping[str, JsonValue] = field(default_factory=dict)


def _renewer(run: RunDirectory) -> Renewer:
    """After the fork: a thread does not survive one."""
    story = run.read_json(run.story) or {}
    always: dict[str, JsonValue] = {"preview": True} if story.get("preview") is True else {}
    renewer = Renewer(_Watched(run, Path(str(story.get("journal", ""))), str(story.get("stream", "")), always=always))
    renewer.start()
    return renewer


def _be_the_play(run: RunDirectory, order: Order) -> None:
    """In the forked child: let ansible-runner run the playbook, and exit with its code; never returns."""
    import ansible_runner  # noqa: PLC0415 (it is in memory)

    code = 1
    try:
        die_with_parent()
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        done = ansible_runner.run(
            private_data_dir=str(run.root / PRIVATE),
            playbook=order.playbook,
            inventory=order.inventory,
            limit=f"@{run.root / 'limit'}",
            cmdline=order.options,
            envvars={DIFFERENCES: "1"} if order.show_differences else None,
            quiet=True,
        )
        code = done.rc if isinstance(done.rc, int) else NOBODY_SAW
    finally:
        os._exit(code & 0xFF)


def _word() -> str:
    """Read the runner's next word; empty when the pipe has ended."""
    word = b""
    with suppress(OSError):
        while (letter := os.read(0, 1)) not in (b"", b"\n"):
            word += letter
    return word.decode("ascii", "replace")


def _watch(play: int, deadline: float) -> tuple[str, int | None]:
    """Wait for the play's end, the runner's word, or the deadline."""
    watch, heard = os.pidfd_open(play), time.monotonic()
    try:
        while True:
            now = time.monotonic()
            if now >= deadline:
                return "timed-out", None
            if now - heard >= SILENCE_SECONDS:
                return "runner-gone", None
            ready, _, _ = select.select([watch, 0], [], [], min(deadline - now, heard + SILENCE_SECONDS - now))
            if watch in ready:
                status = os.waitpid(play, 0)[1]
                return "ended", os.waitstatus_to_exitcode(status)
            if 0 in ready:
                word = _word()
                if word != "alive":
                    return ("stopped" if word == "stop" else "runner-gone"), None
                heard = time.monotonic()
    finally:
        os.close(watch)


def _tell(run: RunDirectory, result: dict[str, object]) -> None:
    """Wipe everything of the run but the result, which is durable before this process lets go of the lock."""
    for path in run.root.iterdir():
        if path not in (run.lock, run.story, run.root / STARTED):
            _remove(path)
    run.write_json(run.root / RESULT, result)
    _sync(run.root / RESULT)
    _sync(run.root)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        RunDirectory(path).wipe()
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main()
