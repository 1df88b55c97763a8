# SPDX-License-Identifier: GPL-3.0-or-later
"""One policy out of one file or a directory of files: top-level mappings merge, a name defined twice is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .problems import FileProblems, Place, Problem
from .yaml_text import Entries, Items, Node, Text, plain, read_yaml_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def read_policy_files(path: Path) -> tuple[Entries, list[Problem]]:
    """Read and merge; raises FileProblems when a file is not YAML that we read, or there is none."""
    documents: list[Entries] = []
    problems: list[Problem] = []
    for file in _files(path):
        try:
            documents.append(read_yaml_file(file))
        except FileProblems as error:
            problems.extend(error.problems)
    if problems:
        raise FileProblems(problems)
    return _merge(documents, problems), problems


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(
        file
        for file in path.iterdir()
        if file.suffix in (".yml", ".yaml") and not file.name.startswith(".") and not file.stem.endswith("_test")
    )
    if not files:
        raise FileProblems([Problem(str(path), 1, "This directory holds no policy file (*.yml).")])
    return files


def _merge(documents: Sequence[Entries], problems: list[Problem]) -> Entries:
    merged: dict[str, tuple[Place, Node]] = {}
    for document in documents:
        if "version" not in document.children:
            problems.append(Problem.at(document.place, "version: this key is missing. Write `version: 1`."))
        for section, (place, node) in document.children.items():
            if section in merged:
                first_place, first = merged[section]
                merged[section] = (first_place, _joined(section, (first_place, first), (place, node), problems))
            else:
                merged[section] = (place, node)
    return Entries(merged, documents[0].place)


def _joined(section: str, one: tuple[Place, Node], two: tuple[Place, Node], problems: list[Problem]) -> Node:
    (one_place, first), (two_place, second) = one, two
    if isinstance(second, Text) and second.content is None:
        return first
    if isinstance(first, Text) and first.content is None:
        return second
    if isinstance(first, Items) and isinstance(second, Items):
        return Items(first.children + second.children, first.place)
    if isinstance(first, Entries) and isinstance(second, Entries):
        problems.extend(
            _twice(f"{section}.{name[:80]}", second.children[name][0], first.children[name][0])
            for name in first.children.keys() & second.children.keys()
        )
        return Entries({**second.children, **first.children}, first.place)
    if section != "version" or plain(first) != plain(second):
        problems.append(_twice(section[:80], two_place, one_place))
    return first


def _twice(name: str, place: Place, first: Place) -> Problem:
    return Problem.at(place, f"{name} is defined twice, first at {first}.")
