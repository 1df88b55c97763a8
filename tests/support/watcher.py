# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches an installation while it works: copies the secrets of its runs as they appear, and all that could leak them."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

# Where secrets may lie while a run lasts, relative to its directory.
SECRET_FILES = ("token", "wrapped", "credentials/ssh/id")
# Logins that people place themselves: the operator's, and the root token of the test's own OpenBao.
OWN_LOGINS = (b"VAULT_TOKEN=", b"BAO_DEV_ROOT_TOKEN_ID=")
# How every private key of OpenSSH begins: its frame, and "openssh-key-v1" with the names of its ciphers.
SAME_IN_ALL_KEYS = ("-----", "b3BlbnNzaC1rZXktdjE")
LOOK_EVERY_SECONDS = 0.003


class Watcher:
    """Watches in a thread, in a `with` block.

    Attributes:
        secrets: Name of the file to every content that it had, in any run.
        seen: Whatever else was there to be read, named by where: files of runs, command lines and environments.
    """

    def __init__(self, scratch: Path, parents: Iterable[Path]) -> None:
        """Watch the runs below these directories, and every process that names the scratch directory."""
        self._scratch = str(scratch).encode()
        self._parents = tuple(parents)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._lines: dict[Path, bytes] = {}
        self._sizes: dict[Path, tuple[int, int]] = {}
        self.secrets: dict[str, set[str]] = {name: set() for name in SECRET_FILES}
        self.seen: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.is_set():
            for parent in self._parents:
                for run in parent.glob("run-*"):
                    self._look_at_run(run)
            self._look_at_processes()
            self._over.wait(LOOK_EVERY_SECONDS)

    def _look_at_run(self, run: Path) -> None:
        for name in SECRET_FILES:
            with suppress(OSError):
                self.secrets[name].add((run / name).read_text(encoding="utf-8"))
        with suppress(OSError):
            for path in run.rglob("*"):
                if str(path.relative_to(run)) not in SECRET_FILES and not path.name.endswith(".part"):
                    self._copy(path)

    def _copy(self, path: Path) -> None:
        with suppress(OSError):
            if path.is_file():
                state = path.stat()
                if self._sizes.get(path) != (state.st_mtime_ns, state.st_size):
                    self.seen[str(path)] = path.read_bytes()
                    self._sizes[path] = (state.st_mtime_ns, state.st_size)

    def _look_at_processes(self) -> None:
        for path in Path("/proc").iterdir():
            with suppress(OSError):
                line = (path / "cmdline").read_bytes() if path.name.isdigit() else None
                if line is not None and line != self._lines.get(path):  # the environment changes only with the program
                    environment = (path / "environ").read_bytes()
                    self._lines[path] = line
                    if self._scratch in line or self._scratch in environment:
                        words = [word for word in environment.split(b"\0") if not word.startswith(OWN_LOGINS)]
                        self.seen[f"{path} {line!r}"] = b"\0".join([line, *words])


def canaries(watcher: Watcher, more: Iterable[str]) -> set[bytes]:
    """What may be found nowhere: every secret line by line, since a key may be quoted in pieces."""
    texts = [text for found in watcher.secrets.values() for text in found]
    lines = {line.strip() for text in [*texts, *more] for line in text.splitlines()}
    return {line.encode() for line in lines if len(line) > 16 and not line.startswith(SAME_IN_ALL_KEYS)}


def leaks(wanted: set[bytes], seen: dict[str, bytes]) -> list[str]:
    """Where one of them was found, and which (its first characters)."""
    return [f"{name}: {canary[:6]!r}…" for name, text in seen.items() for canary in wanted if canary in text]


def files_below(directory: Path, without: Path) -> dict[str, bytes]:
    """Every file below a directory, one subdirectory excepted."""
    paths = [path for path in directory.rglob("*") if path.is_file() and not path.is_relative_to(without)]
    return {str(path): path.read_bytes() for path in paths}
