# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory of one run: where its secrets lie as 0600 files, and what is wiped at its end."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .._errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Mapping

# ssh binds PATH.RANDOM first (17 characters more), and a socket's address has room for 107.
LONGEST_CONTROL_PATH = 79
CONTROL_NAME = 11
MARK = "BREAKGLASS_RUN_MARK"


class UnusableRunDirectory(BreakglassError):
    """Raised when a run's directory can't be made, written or trusted."""


@dataclass(frozen=True)
class RunDirectory:
    """Paths inside one run's directory, mode 0700; every file in it is 0600."""

    root: Path

    @classmethod
    def create(cls, parent: Path) -> RunDirectory:
        """Make a fresh directory below `parent`; raises UnusableRunDirectory."""
        try:
            parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            run = cls(Path(tempfile.mkdtemp(prefix="run-", dir=parent)))
            for path in (run.credentials, run.ssh, run.control):
                path.mkdir(mode=0o700)
        except OSError as error:
            raise UnusableRunDirectory(
                f"No directory for this run could be made below {parent}: {error.strerror}. Set BREAKGLASS_RUNS to a "
                "directory that you may write, best on a tmpfs."
            ) from error
        try:
            run.check()
        except UnusableRunDirectory:
            run.wipe()
            raise
        return run

    def check(self) -> None:
        """Refuse a directory that others can enter, or in which a control socket's path would not fit."""
        status = self.root.stat()
        if status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise UnusableRunDirectory(
                f"{self.root} can be entered by others; its mode must be 0700 and its owner you."
            )
        self.check_length()

    def check_length(self) -> None:
        """Refuse a directory in which a control socket's path would not fit, whether it is there or not."""
        length = len(str(self.control)) + 1 + CONTROL_NAME
        if length > LONGEST_CONTROL_PATH:
            raise UnusableRunDirectory(
                f"{self.control} is too long for the sockets of ssh ({length} characters, {LONGEST_CONTROL_PATH} fit). "
                "Set BREAKGLASS_RUNS (runner: run_directory) to a shorter path."
            )

    @property
    def lock(self) -> Path:
        """Held open by every process of the run, so that none of them can be overlooked."""
        return self.root / "run.lock"

    @property
    def mark(self) -> tuple[str, str]:
        """A variable and its value in the environment of every program that a run without a runner starts."""
        return MARK, str(self.root)

    @property
    def credentials(self) -> Path:
        """Directory with one directory for each credential."""
        return self.root / "credentials"

    def credential(self, name: str) -> Path:
        """Directory of one credential."""
        return self.credentials / name

    @property
    def ssh(self) -> Path:
        """Directory of key, certificate and known hosts."""
        return self.credentials / "ssh"

    @property
    def key(self) -> Path:
        """The private key; OpenSSH finds `KEY-cert.pub` beside it."""
        return self.ssh / "id"

    @property
    def certificate(self) -> Path:
        """The certificate of `key`."""
        return self.ssh / "id-cert.pub"

    @property
    def known_hosts(self) -> Path:
        """The host CA for this run's hosts."""
        return self.ssh / "known_hosts"

    @property
    def control(self) -> Path:
        """Directory of ssh's control sockets."""
        return self.root / "control"

    @property
    def token(self) -> Path:
        """The grant's token."""
        return self.root / "token"

    @property
    def grant(self) -> Path:
        """What is known of the open grant, as JSON; nothing in it is secret."""
        return self.root / "grant.json"

    @property
    def story(self) -> Path:
        """What the runner tells the run: journal, stream, incident; nothing in it is secret."""
        return self.root / "run.json"

    def write(self, path: Path, text: str) -> None:
        """Write a file at once or not at all, 0600, and date the run's directory anew; raises UnusableRunDirectory."""
        self.write_bytes(path, text.encode())

    def write_bytes(self, path: Path, content: bytes) -> None:
        """Write a file as `write` does."""
        part = path.with_name(f".{path.name}.part")
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            part.replace(path)
            if path.parent != self.root:
                os.utime(self.root)  # who looks for news (`Held`) looks there alone
        except OSError as error:
            part.unlink(missing_ok=True)
            raise UnusableRunDirectory(
                f"{path} can't be written: {error.strerror}. Make room there, or set BREAKGLASS_RUNS (runner: "
                "run_directory) to another directory."
            ) from error

    def write_json(self, path: Path, value: Mapping[str, object]) -> None:
        """Write a mapping as `write` does."""
        self.write(path, json.dumps(value))

    def read_json(self, path: Path) -> dict[str, object] | None:
        """Read a mapping written by `write_json`; None when there is none."""
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise UnusableRunDirectory(f"{path} can't be read: {error}.") from error
        return value if isinstance(value, dict) else None

    def wipe(self) -> None:
        """Remove everything; what is already gone is fine."""
        shutil.rmtree(self.root, ignore_errors=True)


def parent_of_runs(environ: Mapping[str, str]) -> Path:
    """Where runs without a runner have their directories: a tmpfs of the user's if there is one."""
    if given := environ.get("BREAKGLASS_RUNS"):
        return Path(given).absolute()
    if runtime := environ.get("XDG_RUNTIME_DIR"):
        return Path(runtime) / "breakglass"
    return state_directory(environ) / "runs"


def state_directory(environ: Mapping[str, str]) -> Path:
    """Where this user's breakglass keeps what must outlive a run (XDG base directories)."""
    base = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME", "/")) / ".local" / "state")
    return Path(base) / "breakglass"
