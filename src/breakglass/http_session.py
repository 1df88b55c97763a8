# SPDX-License-Identifier: GPL-3.0-or-later
"""One short exchange over HTTP with somebody whom the settings name: nothing of the environment, and an end in time."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import requests
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.cutting import Connections, cuttable_adapter

from breakglass import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def session_within(
    seconds: float, ca_cert: Path | None = None, connections: Connections | None = None
) -> Iterator[requests.Session]:
    """A session for this block: no proxy, no `.netrc`, no other authorities than `ca_cert` where it is given.

    It is cut off after so many seconds, also when the other side drips; another thread may cut it off by `connections`.
    Who uses it says `allow_redirects=False`, and expects requests.RequestException, urllib3's HTTPError, OSError.
    """
    connections = connections or Connections()
    late = threading.Timer(seconds, connections.cut)
    late.daemon = True
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(ca_cert) if ca_cert else True
        session.headers["User-Agent"] = f"breakglass/{__version__}"
        for scheme in ("http://", "https://"):
            session.mount(scheme, cuttable_adapter(connections))
        late.start()
        try:
            yield session
        finally:
            late.cancel()
