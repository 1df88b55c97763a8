# SPDX-License-Identifier: GPL-3.0-or-later
"""Making a new remediation out of the skeleton: a role that works, its test, and its entry for the policy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

import yaml

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable
    from pathlib import Path

NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+", re.ASCII)
LONGEST_NAME = 50
_COLLECTION = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)", re.ASCII)
_GROUP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
SUFFIX = ".template"


class UnmakableRemediation(BreakglassError):
    """Raised when a new remediation can't be made as it was asked for; nothing was written."""


@dataclass(frozen=True)
class New:
    """What is to be made.

    Attributes:
        name: Of the role.
        collection: `namespace.name` of its collection.
        hosts: Inventory group for the policy entry.
        escalation: Ladder or channel for the policy entry.
    """

    name: str
    collection: str
    hosts: str
    escalation: str

    @property
    def full_name(self) -> str:
        """How the policy names it."""
        return f"{self.collection}.{self.name}"


def texts_of(new: New, *, with_collection: bool) -> dict[str, str]:
    """Every file of a new remediation by its path below the collection; raises UnmakableRemediation for bad names.

    Args:
        new: What is to be made.
        with_collection: Whether the collection itself is to be made, too.
    """
    _check(new)
    root = files("breakglass.skeleton")
    parts: Mapping[str, str] = {"role": f"roles/{new.name}", "tests": "tests", "policy": "policy"}
    if with_collection:
        parts = {**parts, "collection": "."}
    return {
        f"{target}/{path}".removeprefix("./"): _filled(text, new)
        for part, target in parts.items()
        for path, text in _templates(root / part, new)
    }


def make(new: New, directory: Path) -> list[Path]:
    """Write a new remediation into a directory, which becomes a collection if it is none; gives the files.

    Raises:
        UnmakableRemediation: A name is none, or a file is there already.
    """
    texts = texts_of(new, with_collection=not (directory / "galaxy.yml").exists())
    paths = {directory / path: text for path, text in texts.items()}
    if there := [path for path in paths if path.exists() and not _may_stay(path, directory)]:
        raise UnmakableRemediation(
            f"{there[0]} is there already, so nothing was made. Take another name, or remove it."
        )
    if (directory / "roles" / new.name).exists():
        raise UnmakableRemediation(f"{directory / 'roles' / new.name} is there already, so nothing was made.")
    made = [path for path in paths if not path.exists()]
    try:
        for path in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(paths[path], encoding="utf-8")
    except OSError as error:
        raise UnmakableRemediation(f"{error.filename} can't be written: {error.strerror}.") from error
    return made


def collection_of(directory: Path) -> str:
    """`namespace.name` of the collection in a directory, by its galaxy.yml or its place; empty when there is none."""
    try:
        content = yaml.safe_load((directory / "galaxy.yml").read_text(encoding="utf-8"))
        return f"{content['namespace']}.{content['name']}"
    except FileNotFoundError:
        above = directory.absolute().parent
        return f"{above.name}.{directory.absolute().name}" if above.parent.name == "ansible_collections" else ""
    except (OSError, KeyError, TypeError, ValueError, yaml.YAMLError):
        raise UnmakableRemediation(
            f"{directory / 'galaxy.yml'} does not name a collection (namespace, name), so nothing was made."
        ) from None


def _may_stay(path: Path, directory: Path) -> bool:
    """What a directory that becomes a collection may have already."""
    return path.parent == directory or path == directory / "meta" / "runtime.yml"


def _check(new: New) -> None:
    if not NAME.fullmatch(new.name) or len(new.name) > LONGEST_NAME:
        raise UnmakableRemediation(
            f"{new.name[:80]!r} is no name for a remediation: a verb and a noun of a-z, 0-9 and _, as in clear_queue."
        )
    if not _COLLECTION.fullmatch(new.collection):
        raise UnmakableRemediation(
            "In which collection? Name a directory with a galaxy.yml (--into), or --collection namespace.name."
        )
    for word in (new.hosts, new.escalation):
        if not _GROUP.fullmatch(word):
            raise UnmakableRemediation(f"{word[:80]!r} is no name of a group, a ladder or a channel.")


def _templates(directory: Traversable, new: New, above: str = "") -> Iterator[tuple[str, str]]:
    for entry in sorted(directory.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            yield from _templates(entry, new, f"{above}{entry.name}/")
        elif entry.name.endswith(SUFFIX):
            yield (
                above + entry.name.removesuffix(SUFFIX).replace("skeleton", new.name),
                entry.read_text(encoding="utf-8"),
            )


def _filled(text: str, new: New) -> str:
    namespace, _, collection = new.collection.partition(".")
    alert = "".join(word.capitalize() for word in new.name.split("_"))
    replaced = {
        "acme.repairs": new.collection,
        "acme/repairs": f"{namespace}/{collection}",
        "namespace: acme": f"namespace: {namespace}",
        "name: repairs": f"name: {collection}",
        "SkeletonNeeded": f"{alert}Needed",
        "some-hosts": new.hosts,
        "some-people": new.escalation,
        "skeleton": new.name,
    }
    for placeholder, word in replaced.items():
        text = text.replace(placeholder, word)
    return text
