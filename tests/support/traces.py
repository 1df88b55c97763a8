# SPDX-License-Identifier: GPL-3.0-or-later
"""What a crash may leave behind: processes, run directories, grants that live on in Vault, records."""

from __future__ import annotations

import json
import sqlite3
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from breakglass.timeline import Event, Follower

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.site import Site

NO_ACCESSOR = "1 error occurred:\n\t* invalid accessor\n\n"


def wait_until(holds: Callable[[], object], seconds: float, what: Callable[[], str] | str) -> None:
    """Wait for a condition; fails with a sentence about what is not so."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.05)


def all_events(site: Site) -> list[Event]:
    """Every record of every stream, by time."""
    directories = {path.parent for path in site.place.journal.rglob("*.jsonl")}
    return sorted((event for one in directories for event in Follower(one).new_events()), key=lambda event: event.at)


def processes_of(text: str) -> dict[int, str]:
    """Processes that name a text in their command line or environment, with the command line."""
    wanted, found = text.encode(), {}
    for path in Path("/proc").iterdir():
        with suppress(OSError):
            if path.name.isdigit() and (state := (path / "stat").read_text().rpartition(")")[2].split()[0]) != "Z":
                line = (path / "cmdline").read_bytes()
                if wanted in line or wanted in (path / "environ").read_bytes():
                    found[int(path.name)] = f"{state} {line.replace(bytes(1), b' ').decode(errors='replace').strip()}"
    return found


def parent_of(pid: int) -> int:
    """The parent of a process, 0 if it is gone."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def below(pid: int) -> set[int]:
    """Every process below another."""
    parents = {int(path.name): parent_of(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdigit()}
    found: set[int] = set()
    todo = [pid]
    while todo:
        one = todo.pop()
        children = [child for child, parent in parents.items() if parent == one]
        found.update(children)
        todo.extend(children)
    return found


def is_gone(site: Site, accessor: str) -> bool:
    """Whether Vault says, to its root, that this accessor is none."""
    try:
        _vault(site, "POST", "auth/token/lookup-accessor", {"accessor": accessor})
    except urllib.error.HTTPError as error:
        with error:
            answer = json.loads(error.read())
        return error.code == 400 and answer["errors"] == [NO_ACCESSOR]
    return False


def living_tokens(site: Site) -> dict[str, str]:
    """Accessor to the path of creation, of every token but the root's, and but wrappings (of tokens that may be dead)."""
    tokens: dict[str, str] = {}
    for accessor in _vault(site, "LIST", "auth/token/accessors", None)["data"]["keys"]:
        with suppress(urllib.error.HTTPError):
            facts = _vault(site, "POST", "auth/token/lookup-accessor", {"accessor": accessor})["data"]
            if facts["policies"] not in (["root"], ["response-wrapping"]):
                tokens[accessor] = facts["path"]
    return tokens


def _vault(site: Site, method: str, path: str, body: dict[str, str] | None):
    request = urllib.request.Request(
        f"{site.vault.url}/v1/{path}",
        json.dumps(body).encode() if body is not None else None,
        {"X-Vault-Token": site.vault.root_token},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def rows(site: Site, query: str, *values: object) -> list[tuple]:
    """Ask the runner's database, read-only."""
    with sqlite3.connect(f"file:{site.scratch / 'breakglass.db'}?mode=ro", uri=True) as database:
        return database.execute(query, values).fetchall()
