# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading files out of a git repository as data: objects only. Nothing that the repository holds or configures is run.

Only `rev-parse`, `ls-tree` and `cat-file` are asked, which know no hook, filter, textconv or file system monitor. A partial
clone would fetch what it lacks by a command of its configuration: no transport is allowed, and no fetching.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from .config_tree import MOST_BYTES, MOST_FILES, Entry, Tree, UnusableTree, require_roots_alone, require_roots_own
from .config_validators import PATH

WITHIN_SECONDS = 60
OBJECT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)
SETTINGS = (
    "safe.directory=*",
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.fsmonitor=false",
    "core.sshCommand=false",
    "core.gitProxy=false",
    "protocol.allow=never",
)
ENVIRONMENT = {
    "PATH": PATH,
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
}


class Repository:
    """A repository on this host that is root's alone; raises UnusableTree for every other."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        require_roots_alone(f"{directory}/any")
        inner = Path(directory, ".git")
        git_directory = inner if inner.is_dir() else Path(directory)
        for name in ("", "HEAD", "config", "objects", "refs"):
            part = git_directory / name
            require_roots_own(str(part))
            if part.is_symlink():
                raise UnusableTree(f"{part} is a link, so what it leads to can't be believed.")
        git = shutil.which("git", path=PATH)
        if git is None:
            raise UnusableTree("git is not on this host, so nothing can be read out of a repository.")
        options = [word for setting in SETTINGS for word in ("-c", setting)]
        place = f"--git-dir={git_directory}"
        self._git = [git, "--no-pager", "--no-replace-objects", "--literal-pathspecs", place, *options]

    def commit(self, revision: str) -> str:
        """The commit that a revision names; raises UnusableTree."""
        found = (
            self._ask("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode("ascii", "replace").strip()
        )
        if not OBJECT.fullmatch(found):
            raise UnusableTree(f"{self.directory} has no commit of that name.")
        return found

    def tree(self, commit: str, path: str) -> Tree | None:
        """A file or directory of a commit; None when it is not in it. Raises UnusableTree.

        Of a repository that holds the path it is the path below the repository, else the whole path without its first slash.
        """
        inside = os.path.relpath(path, self.directory) if path.startswith(f"{self.directory}/") else path.lstrip("/")
        listed = self._ask("ls-tree", "-r", "-z", "--full-tree", commit, "--", inside).split(b"\0")
        entries = [_listed(line) for line in listed if line]
        if len(entries) > MOST_FILES:
            raise UnusableTree(f"{path} is too large for a configuration: more than {MOST_FILES} files.")
        contents = self._contents([object_name for _mode, object_name, _name in entries])
        tree: Tree = {}
        for (mode, _object, name), content in zip(entries, contents):  # noqa: B905 (Python 3.9 has no strict)
            below = "" if name == inside else os.path.relpath(name, inside)
            if mode == "120000":
                tree[below] = Entry(None, os.fsdecode(content))
            elif mode in ("100644", "100755"):
                tree[below] = Entry(content, "", 0o755 if mode == "100755" else None)
            else:
                raise UnusableTree(
                    f"{name} is a repository of its own in {self.directory}; that can't be put in place."
                )
        if "" in tree and tree[""].content is None:
            raise UnusableTree(f"{path} is a link in {self.directory}. Name what it points to.")
        return tree or None

    def _contents(self, objects: list[str]) -> list[bytes]:
        if not objects:
            return []
        asked = "".join(f"{name}\n" for name in objects).encode("ascii")
        answer, found, at, total = self._ask("cat-file", "--batch", asked=asked), [], 0, 0
        for _object in objects:
            end = answer.index(b"\n", at)
            header = answer[at:end].split(b" ")  # name, kind, size; or name, "missing"
            if header[1] != b"blob":
                raise UnusableTree(f"{self.directory} lacks a part of that commit.")
            size = int(header[2])
            total += size
            if total > MOST_BYTES:
                raise UnusableTree(
                    f"The good version is too large for a configuration: more than {MOST_BYTES >> 20} MiB."
                )
            found.append(answer[end + 1 : end + 1 + size])
            at = end + size + 2
        return found

    def _ask(self, *words: str, asked: bytes = b"") -> bytes:
        try:
            done = subprocess.run(
                [*self._git, *words],
                input=asked,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=ENVIRONMENT,
                cwd="/",
                timeout=WITHIN_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnusableTree(f"git can't read {self.directory}: {type(error).__name__}.") from None
        if done.returncode and words[0] != "rev-parse":
            raise UnusableTree(f"git can't read {self.directory}: {words[0]} failed ({done.returncode}).")
        return done.stdout


def _listed(line: bytes) -> tuple[str, str, str]:
    """Mode, object and path of a line of `ls-tree -z`."""
    about, _tab, name = line.partition(b"\t")
    mode, _kind, object_name = about.decode("ascii").split(" ")
    return mode, object_name, os.fsdecode(name)
