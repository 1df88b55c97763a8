# SPDX-License-Identifier: GPL-3.0-or-later
"""The real runner; its first line ends with the kernel's numbers of its threads, by their names, as JSON.

`python -m tests.support.told_runner SETTINGS ENGINE HOUSEKEEPING`: so many seconds may a turn of their loops take.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import breakglass.engine
import breakglass.housekeeping
from breakglass.log import set_up_logging
from breakglass.runner import make_runner
from breakglass.settings import load_settings
from breakglass.web.server import serve


def announce(url: str) -> None:
    """Say where it serves, and which threads it has by now."""
    threads = {thread.name: thread.native_id for thread in threading.enumerate()}
    print(f"Runner {url} {json.dumps(threads, separators=(',', ':'))}", flush=True)


if __name__ == "__main__":
    breakglass.engine.TURN_SECONDS, breakglass.housekeeping.TURN_SECONDS = map(float, sys.argv[2:4])
    set_up_logging()
    serve(make_runner(load_settings(Path(sys.argv[1]))), announce)
