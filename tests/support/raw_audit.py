# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenBao's own word on which secrets there were: an audit log that hides nothing, for a test's eyes only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET_NAMES = frozenset({"client_token", "token", "secret_id", "jwt", "password", "key"})
"""Names under which requests and answers hold secrets. `key` is a one-time password's."""
SHORTEST = 12
CONFIGURATION = 'audit "file" "raw" {{\n  options {{\n    file_path = {path}\n    log_raw = "true"\n  }}\n}}\n'


def configuration(log: Path) -> str:
    """What a server's configuration says to write such a log."""
    return CONFIGURATION.format(path=json.dumps(str(log)))


def secrets_of(log: Path, since: int, stores: tuple[str, ...]) -> set[str]:
    """Every secret that went through the server since the log had that many bytes.

    Secrets are known by their names; below the paths `stores`, all values with a name in capitals are.
    """
    found: set[str] = set()
    for line in log.read_bytes()[since:].rpartition(b"\n")[0].splitlines():
        entry = json.loads(line)
        whole = entry.get("request", {}).get("path", "").startswith(stores)
        found |= {text for name, text in _texts("", entry) if name in SECRET_NAMES}
        for side in ("request", "response"):
            values = (entry.get(side) or {}).get("data")
            found |= {text for name, text in _texts("", values) if whole and name.isupper()}
    return {text for text in found if len(text) >= SHORTEST}


def tokens_of(log: Path, since: int) -> set[str]:
    """The tokens that were handed out since the log had that many bytes: of logins and of grants."""
    entries = [json.loads(line) for line in log.read_bytes()[since:].rpartition(b"\n")[0].splitlines()]
    auths = [(entry.get("response") or {}).get("auth") or {} for entry in entries]
    return {auth["client_token"] for auth in auths if auth.get("client_token")}


def _texts(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for inner, content in value.items():
            yield from _texts(inner, content)
    elif isinstance(value, list):
        for content in value:
            yield from _texts(name, content)
    elif isinstance(value, str):
        yield name, value
