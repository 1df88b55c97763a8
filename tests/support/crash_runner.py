# SPDX-License-Identifier: GPL-3.0-or-later
"""The real runner, which kills itself with SIGKILL at a point that a file names.

`python -m tests.support.crash_runner --settings FILE --armed FILE`. The file is JSON, {"point", "side", "nth"}: the runner
dies just before or just after the n-th call at this point since the file came to be; before it dies it takes the file
away, so that its successor lives. With the side "fails" it lives, and this call raises as if the database were locked. More knobs: `--collections` (another collection path), `--play-environment` (JSON,
added to what plays see), `--full FILE` (while it exists, the disk of the streams is full), `--file-limit BYTES` (no file
of this process may grow beyond, as on a full disk).
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import resource
import signal
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import ansible_collections.breakglass.remediation.plugins.plugin_utils._sealing as sealing
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import Ledger
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.stream import Stream
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.directory import RunDirectory

import breakglass.effects.grant
import breakglass.effects.runs
import breakglass.installed
import breakglass.journal
import breakglass.runner
from breakglass.effects.escalate import Escalate
from breakglass.effects.grant import OpenGrant
from breakglass.effects.play import RunPlay
from breakglass.effects.reserve import Reserve
from breakglass.effects.revoke import CloseGrant
from breakglass.effects.runs import PlayProcess, Runs
from breakglass.log import set_up_logging
from breakglass.settings import load_settings
from breakglass.store.database import DatabaseUnavailable
from breakglass.store.incidents import Incidents
from breakglass.store.journal_queue import JournalQueue
from breakglass.store.limits import Reservations
from breakglass.store.sessions import Sessions
from breakglass.web.server import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Where the runner may die; every point has a side before and a side after.
POINTS: dict[str, tuple[tuple[object, str], ...]] = {
    "accept": ((Incidents, "accept"),),
    "claim": ((Incidents, "claim"),),
    "commit": ((Incidents, "commit"),),
    "effect": tuple((effect, "run") for effect in (Reserve, OpenGrant, RunPlay, CloseGrant, Escalate)),
    "reserve": ((Reservations, "reserve"),),
    "mint": ((breakglass.effects.grant, "mint_wrapped"),),
    "lay-down": ((RunPlay, "_lay_down"),),
    "word": ((PlayProcess, "say"),),
    "end-of-play": ((RunPlay, "_wait"),),
    "wipe": ((RunDirectory, "wipe"),),
    "append": ((Stream, "append"),),
    "written": ((JournalQueue, "written"),),
    "announce": ((Ledger, "announce"),),
    "announced": ((JournalQueue, "announced"),),
    "checkpoint": ((sealing, "checkpoint"), (breakglass.journal, "checkpoint")),
    "seal": ((Ledger, "seal"),),
    "sealed": ((JournalQueue, "sealed"),),
    "session": ((Sessions, "opened"),),
    "session-ended": ((Sessions, "ended"),),
}


class Fuse:
    """Counts the calls at every point, and burns down where the file says."""

    def __init__(self, armed: Path) -> None:
        self._armed = armed
        self._lock = threading.Lock()
        self._text = ""
        self._count = 0

    def wrap(self, point: str, call: Callable[..., object]) -> Callable[..., object]:
        """The same call, with a crash on either side of it."""

        @functools.wraps(call)
        def crashing(*arguments: object, **named: object) -> object:
            side = self._due(point)
            if side == "before":
                self._burn()
            if side == "fails":
                self._armed.unlink(missing_ok=True)
                raise DatabaseUnavailable("The database failed: it was locked by a test.")
            outcome = call(*arguments, **named)
            if side == "after":
                self._burn()
            return outcome

        return crashing

    def _due(self, point: str) -> str:
        """On which side of this call to die; empty for on none."""
        try:
            text = self._armed.read_text(encoding="utf-8")
            order = json.loads(text)
        except (OSError, ValueError):
            return ""
        if order["point"] != point:
            return ""
        with self._lock:
            if text != self._text:
                self._text, self._count = text, 0
            self._count += 1
            return str(order["side"]) if self._count == order["nth"] else ""

    def _burn(self) -> None:
        self._armed.unlink(missing_ok=True)
        os.kill(os.getpid(), signal.SIGKILL)
        threading.Event().wait()


HALF_A_LINE = 100
"""Bytes that still fit: fewer than any record's line has."""


def main() -> None:
    """Serve as `breakglass serve` does, until a crash or SIGTERM."""
    given = _arguments()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write that goes too far fails instead of ending the process
    fuse = Fuse(given.armed)
    for point, places in POINTS.items():
        for owner, name in places:
            setattr(owner, name, fuse.wrap(point, getattr(owner, name)))
    if given.collections:
        breakglass.installed.COLLECTIONS = breakglass.effects.runs.COLLECTIONS = given.collections
        breakglass.runner.COLLECTIONS = given.collections
    if given.play_environment:
        _add_to_plays(json.loads(given.play_environment))
    if given.full:
        _fill_disk_of_streams(given.full)
    if given.file_limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (given.file_limit, resource.RLIM_INFINITY))
    set_up_logging()
    runner = breakglass.runner.make_runner(load_settings(given.settings))
    serve(runner, lambda url: print(f"Runner {url}", flush=True))


def _add_to_plays(more: dict[str, str]) -> None:
    original = Runs._environment

    def environment(runs: Runs, run: RunDirectory) -> dict[str, str]:
        return {**original(runs, run), **more}

    Runs._environment = environment  # type: ignore[method-assign]


def _fill_disk_of_streams(full: Path) -> None:
    """While the file exists, a stream takes half a line more and no further byte, by the kernel's word (EFBIG)."""
    original = Stream._write

    def write(stream: Stream, *record: object) -> object:
        if not full.exists():
            return original(stream, *record)  # type: ignore[arg-type]
        with _no_file_beyond(stream.path.stat().st_size + HALF_A_LINE):
            return original(stream, *record)  # type: ignore[arg-type]

    Stream._write = write  # type: ignore[method-assign,assignment]


@contextmanager
def _no_file_beyond(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.support.crash_runner")
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--armed", type=Path, required=True)
    parser.add_argument("--collections", type=Path)
    parser.add_argument("--play-environment", default="")
    parser.add_argument("--full", type=Path)
    parser.add_argument("--file-limit", type=int, default=0)
    return parser.parse_args(sys.argv[1:])


if __name__ == "__main__":
    main()
