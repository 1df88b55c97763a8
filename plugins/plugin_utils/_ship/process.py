# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipper as a process of its own: detached for runs without a runner, or the child of one."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .configured import make_sinks, read_sinks
from .options import UnusableSink
from .serving import serve, ship_until_over

if TYPE_CHECKING:
    from collections.abc import Mapping


def main() -> int:
    """Run it; returns 1 where it can't work, and says why on standard error."""
    parser = argparse.ArgumentParser(description="Ships a journal to its sinks.")
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--sinks", type=Path, help="file of the sinks; without it they come on standard input")
    parser.add_argument("--linger", type=float, default=0.0, help="seconds of quiet before it ends")
    arguments = parser.parse_args()
    try:
        if arguments.sinks is not None:
            _ship_by_file(arguments.journal, arguments.sinks, arguments.linger)
        else:
            _serve_runner(arguments.journal)
    except BreakglassError as error:
        print(error, file=sys.stderr)  # noqa: T201 (a process of its own)
        return 1
    return 0


def _ship_by_file(journal: Path, sinks: Path, linger_seconds: float) -> None:
    """Ship for runs without a runner; a sink that was mended in the file, or taken out of it, is taken up at once."""
    made, is_over = read_sinks(sinks), False
    while not is_over:
        version = _version(sinks)
        with suppress(UnusableSink):  # somebody is still writing it: what was good goes on until it changes again
            made = read_sinks(sinks)
        is_over = ship_until_over(journal, made, linger_seconds, partial(_has_changed, sinks, version))


def _has_changed(path: Path, version: tuple[int, int]) -> bool:
    return _version(path) != version


def _version(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_ino, status.st_mtime_ns)


def _serve_runner(journal: Path) -> None:
    """The first line of standard input has the sinks; its end means that the runner has ended. Troubles are told as JSON."""
    told = json.loads(sys.stdin.readline())
    sinks = make_sinks(told["sinks"], Path(told["directory"]))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=_await_end, args=(stop,), daemon=True).start()
    serve(journal, sinks, stop, _tell)


def _await_end(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


def _tell(troubles: Mapping[str, str]) -> None:
    print(json.dumps(troubles), file=sys.stderr, flush=True)  # noqa: T201 (what the runner reads)
