# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m …_ship`: the shipper as a process of its own, started by the audit callback or by the runner."""

from __future__ import annotations

import os
import sys


def _detach() -> None:
    """Become nobody's child, in a session of its own: a run that ends, or is ended, does not take the shipper along."""
    if os.fork():
        os._exit(0)


if __name__ == "__main__":
    if "--sinks" in sys.argv:
        _detach()  # before the imports: whoever starts this waits for the parent's end
    from .process import main

    sys.exit(main())
