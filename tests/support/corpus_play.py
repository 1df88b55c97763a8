# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a playbook of the corpus with the callback, on any ansible-core that is here; needs no Vault."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOKS = ROOT / "tests" / "corpus_playbooks"
COLLECTIONS = ROOT / ".build" / "collections"
OWN = Path(sys.executable).parent
LIMIT_SECONDS = 110

Body = dict[str, object]


def other_cores() -> dict[str, Path]:
    """The directories of programs of the oldest and the newest core that were made below `.build/cores`."""
    made = (path for path in (ROOT / ".build" / "cores").glob("*/bin") if (path / "ansible-playbook").exists())
    others = sorted(made, key=lambda path: _version(path.parent.name))
    return {path.parent.name: path for path in dict.fromkeys([*others[:1], *others[-1:]])}


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.split(".") if part.isdigit())


@dataclass(frozen=True)
class Told:
    """One record, as far as a test asks for it."""

    kind: str
    body: Body


class CorpusRun:
    """One run and its journal, in a directory that is gone after the `with` block."""

    def __init__(self, core: Path) -> None:
        self.core = core
        self.directory = Path(tempfile.mkdtemp(prefix="bgc"))
        self.journal = self.directory / "journal"
        self.code = -1
        self.text = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)

    def playbook(self, *arguments: str, **environment: str) -> Self:
        """Run `ansible-playbook` on a file of the corpus and wait for its end."""
        return self._run("ansible-playbook", arguments, environment)

    def adhoc(self, *arguments: str, **environment: str) -> Self:
        """Run `ansible` and wait for its end."""
        return self._run("ansible", arguments, environment)

    def _run(self, program: str, arguments: tuple[str, ...], environment: Mapping[str, str]) -> Self:
        given = ["-i", "inventory.yml", "-e", f"corpus_directory={self.directory}", *arguments]
        done = subprocess.run(
            [str(self.core / program), *given],
            env={**self._environment(), **environment},
            cwd=PLAYBOOKS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        self.code, self.text = done.returncode, done.stdout.decode(errors="replace")
        return self

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.core}:{os.environ['PATH']}",
            "HOME": str(self.directory),
            "LANG": "C.UTF-8",
            "BREAKGLASS_JOURNAL": str(self.journal),
            "BREAKGLASS_RUNS": str(self.directory / "r"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_CALLBACKS_ENABLED": "breakglass.remediation.audit",
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
            "ANSIBLE_LIBRARY": str(PLAYBOOKS / "library"),
            "ANSIBLE_PYTHON_INTERPRETER": str(self.core / "python"),
            "ANSIBLE_ASYNC_DIR": str(self.directory / "async"),
            "ANSIBLE_NOCOLOR": "1",
        }

    def streams(self) -> list[Path]:
        """The files of all runs, in the order of their beginning."""
        return sorted(self.journal.glob("*/*/*/*/play-1.jsonl"), key=lambda path: path.stat().st_mtime_ns)

    def told(self) -> list[Told]:
        """The records of the only run."""
        (stream,) = self.streams()
        records = [json.loads(line) for line in stream.read_bytes().splitlines()]
        return [Told(record["kind"], record["body"]) for record in records]

    def bodies(self, kind: str) -> list[Body]:
        """The bodies of the records of a kind."""
        return [told.body for told in self.told() if told.kind == kind]

    def kinds(self) -> Counter[str]:
        """How many records there are of each kind."""
        return Counter(told.kind for told in self.told())

    def task(self, name: str) -> Body:
        """How a task of this name was announced, the first time."""
        started = [*self.bodies("task.started"), *self.bodies("handler.started")]
        return next(body for body in started if body["name"] == name)

    def of(self, kind: str, name: str) -> list[Body]:
        """The bodies of the records of a kind that tell of the tasks of this name."""
        started = [*self.bodies("task.started"), *self.bodies("handler.started")]
        tasks = {body["task"] for body in started if body["name"] == name}
        return [body for body in self.bodies(kind) if body.get("task") in tasks]

    def unanswered(self) -> list[str]:
        """Names of the tasks whose intent has no result."""
        left = self._intents() - self._results()
        return sorted(self._names()[task] for task, _ in left.elements())

    def unannounced(self) -> list[str]:
        """Names of the tasks that have a result before, or without, an intent."""
        early: list[str] = []
        open_intents: Counter[tuple[str, str]] = Counter()
        for told in self.told():
            if told.kind == "task.intent":
                open_intents[_key(told.body)] += 1
            elif told.kind == "task.result":
                if not open_intents[_key(told.body)]:
                    early.append(self._names()[str(told.body["task"])])
                open_intents[_key(told.body)] -= 1
        return sorted(early)

    def _intents(self) -> Counter[tuple[str, str]]:
        return Counter(_key(body) for body in self.bodies("task.intent"))

    def _results(self) -> Counter[tuple[str, str]]:
        return Counter(_key(body) for body in self.bodies("task.result"))

    def _names(self) -> dict[str, str]:
        started = [*self.bodies("task.started"), *self.bodies("handler.started")]
        return {str(body["task"]): str(body["name"]) for body in started}


def _key(body: Body) -> tuple[str, str]:
    return str(body["task"]), str(body["host"])
