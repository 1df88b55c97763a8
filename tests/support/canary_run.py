# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of the canary play, with everything switched on that makes Ansible say and keep more, and what can be seen of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.support import needles
from tests.support.canary_play import INVENTORY, play
from tests.support.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.canary_ground import CanaryGround
    from tests.support.login_ways import Way

LIMIT_SECONDS = 100
SHARED_PLACES = tuple(Path(name) for name in ("/tmp", "/var/tmp", "/dev/shm", "/run"))
LARGEST = 32 * 1024 * 1024
KEYS = ("ssh/id", "pki/private_key.pem")
PASSWORDS = ("database/pgpass", "database_my_cnf/my.cnf", "database_environment/environment", "database_plain/password")
VALUES = ("secret_environment/environment", "secret_json/secret.json", "secret_plain/secret")
MORE_VALUES = ("old/environment", "otp/secret.json", "made/environment")
FILES = (*KEYS, *PASSWORDS, *VALUES, *MORE_VALUES, "keystore/bundle.p12", "keystore/passphrase")
"""Where secrets may lie while the run lasts, relative to the directory of its credentials."""


class CanaryRun:
    """A home of its own in which everything is looked at; use it in a `with` block, which ends what is left of it.

    Attributes:
        secrets: What must be found nowhere.
        seen: What there was to see of it, by where; filled by `look` and `end`.
        since: How long OpenBao's log was when it began.
    """

    def __init__(self, ground: CanaryGround, way: Way, programs: Path | None = None, collections: str = "") -> None:
        self.ground, self.way = ground, way
        self.programs = programs or Path(sys.executable).parent
        self.collections = collections
        self.home = Path(tempfile.mkdtemp(prefix="bgh-"))
        self.runs = self.home / "runs"
        self._began = self.home.stat().st_mtime
        self.secrets: set[bytes] = {text.encode() for text in way.secrets}
        self.seen: dict[str, bytes] = {}
        self._shared: dict[str, bytes] = {}
        self.since = ground.audit.stat().st_size
        self._watcher = Watcher(self.home, [])
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._watcher.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._watcher.__exit__()
        for pid in self._processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def output(self) -> str:
        """What was printed."""
        return (self.home / "output").read_text(encoding="utf-8", errors="replace")

    def start(self, planted: str = "", **environment: str) -> None:
        """Start the play; it lies where the test does not look, since people's own logins may stand in it."""
        placed = Path(tempfile.mkdtemp(prefix="play-", dir=self.ground.scratch))
        places = {
            "port": self.ground.postgresql.port,
            "programs": self.ground.programs,
            "directory": self.home,
            "host_key": self.ground.host_key,
        }
        text = play(self.way.options, self.way.wrong, planted, places)
        (placed / "play.yml").write_text(text, encoding="utf-8")
        (placed / "inventory.yml").write_text(INVENTORY.format(python=self.programs / "python"), encoding="utf-8")
        command = [str(self.programs / "ansible-playbook"), "-vvvv", "--diff", "-i", str(placed / "inventory.yml")]
        with (self.home / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [*command, str(placed / "play.yml")],
                env={**self._environment(), **environment},
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    def look(self) -> None:
        """Wait until the run holds everything and pauses, learn its secrets, look at all else, and let it go on."""
        self._await((self.home / "paused").exists, "the play did not get to its pause")
        (run,) = self.runs.glob("run-*")
        held = {name: (run / "credentials" / name).read_bytes() for name in FILES}
        self.secrets |= {(run / "token").read_bytes().strip(), *self._values(held)}
        self.secrets |= needles.of_bundle(held["keystore/bundle.p12"], held["keystore/passphrase"].strip())
        for name in KEYS:
            self.secrets |= needles.of_key(held[name])
        masked = (run / "credentials").glob("*/masked.json")  # by which the journal knows what to mask
        secret_files = {run / "token", *(run / "credentials" / name for name in FILES), *masked}
        self.seen |= {f"{name} in the pause": text for name, text in _files(self.home, secret_files)}
        (self.home / "go").touch()

    def end(self) -> int:
        """Wait for the end of play and guard, and look at all that is left; returns the code of the play."""
        assert self._process is not None
        self._await(lambda: self._process is not None and self._process.poll() is not None, "the play did not end")
        self._await(lambda: not self._processes(), "something of the run still lives")
        self.secrets |= {text.encode() for text in self.ground.secrets(self.since)}
        self.seen |= dict(_files(self.home, set())) | self._watcher.seen
        self._shared = dict(self._new_in_shared_places())
        return self._process.wait()

    def leaks(self) -> list[str]:
        """Where a secret was found."""
        long = {
            secret for secret in self.secrets if len(secret) >= needles.LONG_ENOUGH
        }  # codes could be anything there
        return needles.found(self.secrets, self.seen) + needles.found(long, self._shared)

    def _values(self, held: dict[str, bytes]) -> set[bytes]:
        """What is written in files that are no keys, known from OpenBao, so that forms which it may have are left out."""
        known = {text.encode() for text in self.ground.secrets(self.since)}
        for name in (*PASSWORDS, *VALUES, *MORE_VALUES):
            assert any(needle in held[name] for one in known for needle in needles.disguises(one)), name
        return known

    def _environment(self) -> dict[str, str]:
        connection = self.way.client.connection
        return {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "VAULT_ADDR": connection.url,
            **({"VAULT_CACERT": connection.ca_cert} if connection.ca_cert else {}),
            **({"ANSIBLE_COLLECTIONS_PATH": self.collections} if self.collections else {}),
            "BREAKGLASS_JOURNAL": str(self.home / "journal"),
            "BREAKGLASS_RUNS": str(self.runs),
            "ANSIBLE_CALLBACKS_ENABLED": "breakglass.remediation.audit",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOG_PATH": str(self.home / "ansible.log"),
            "ANSIBLE_KEEP_REMOTE_FILES": "1",
            "ANSIBLE_REMOTE_TMP": str(self.home / ".ansible" / "tmp"),
            "ANSIBLE_ASYNC_DIR": str(self.home / "async"),
            "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(self.home / "facts"),
        }

    def _new_in_shared_places(self) -> Iterator[tuple[str, bytes]]:
        """What anybody has written since to places that all share, except the homes of our servers."""
        for place in SHARED_PLACES:
            yield from _files(place, {self.ground.scratch, self.home}, self._began)

    def _processes(self) -> list[int]:
        mark = f"BREAKGLASS_RUNS={self.runs}".encode()
        return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and mark in _environ(path)]

    def _await(self, truth: object, fault: str) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        while not (callable(truth) and truth()):
            ended = self._process is not None and self._process.poll() is not None and "pause" in fault
            assert not ended, f"{fault}:\n{self.output[-3000:]}"
            assert time.monotonic() < deadline, f"{fault}:\n{self.output[-3000:]}"
            time.sleep(0.02)


def _environ(process: Path) -> bytes:
    with suppress(OSError):
        return (process / "environ").read_bytes()
    return b""


def _files(directory: Path, without: set[Path], since: float = 0) -> Iterator[tuple[str, bytes]]:
    """Every file below a directory that is new enough and not too large, these and what is below them excepted."""
    for parent, directories, names in os.walk(directory):
        directories[:] = [name for name in directories if Path(parent, name) not in without]
        for path in (Path(parent, name) for name in names if Path(parent, name) not in without):
            with suppress(OSError):
                status = path.lstat()
                if path.is_file() and not path.is_symlink() and status.st_mtime >= since and status.st_size < LARGEST:
                    yield str(path), path.read_bytes()
