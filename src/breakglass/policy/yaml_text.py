# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML in which every scalar is text, with the line of every key and value.

YAML 1.1 reads an unquoted `10:00` as 600, `no` as false and `0123` as 83; here the schema gives the type, not
the spelling. Anchors, aliases, merge keys, tags and duplicate keys are refused: what a person reads is what counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import yaml

from .problems import FileProblems, Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MAXIMUM_BYTES = 1 << 20
MAXIMUM_DEPTH = 32


@dataclass(frozen=True)
class Text:
    """A scalar; `content` is None when nothing was written."""

    content: str | None
    place: Place


@dataclass(frozen=True)
class Items:
    """A sequence."""

    children: tuple[Node, ...]
    place: Place


@dataclass(frozen=True)
class Entries:
    """A mapping; the place of each key stands beside its value."""

    children: Mapping[str, tuple[Place, Node]]
    place: Place


Node: TypeAlias = Text | Items | Entries
Plain: TypeAlias = "str | list[Plain] | dict[str, Plain] | None"


def read_yaml_file(path: Path) -> Entries:
    """Read one file whose root is a mapping; raises FileProblems."""
    try:
        with path.open("rb") as file:
            content = file.read(MAXIMUM_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, f"Can't be read: {error.strerror or 'unknown reason'}.") from None
    if len(content) > MAXIMUM_BYTES:
        raise _unreadable(path, f"Is larger than {MAXIMUM_BYTES} bytes.")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileProblems([Problem(str(path), line, "This line is not UTF-8 text.")]) from None
    return read_yaml(text, str(path))


def read_yaml(text: str, file: str) -> Entries:
    """Read a text whose root is a mapping; raises FileProblems with every duplicate key, or the first other fault."""
    reader = _Reader(file, _events(text, file))
    root = reader.document()
    if reader.problems:
        raise FileProblems(reader.problems)
    if isinstance(root, Text) and root.content is None:
        raise FileProblems([Problem(file, 1, "The file is empty.")])
    if not isinstance(root, Entries):
        raise FileProblems([Problem.at(root.place, "The file must be a mapping: lines of the form `key: value`.")])
    return root


def plain(node: Node) -> Plain:
    """Drop the places."""
    if isinstance(node, Text):
        return node.content
    if isinstance(node, Items):
        return [plain(child) for child in node.children]
    return {key: plain(child) for key, (_, child) in node.children.items()}


def place_of(root: Node, path: tuple[int | str, ...]) -> Place:
    """Find the line of the key (or item) at the end of a path, or of the last part of it that exists."""
    node, place = root, root.place
    for step in path:
        if isinstance(node, Entries) and step in node.children:
            place, node = node.children[str(step)]
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.children):
            node = node.children[step]
            place = node.place
        else:
            break
    return place


def _unreadable(path: Path, sentence: str) -> FileProblems:
    return FileProblems([Problem(str(path), 1, sentence)])


def _events(text: str, file: str) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise FileProblems([Problem(file, line, "A character is not allowed in YAML.")]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        sentence = f"This is not YAML: {error.problem or 'it does not parse'}.{_hint(error.problem or '')}"
        raise FileProblems([Problem(file, mark.line + 1 if mark else 1, sentence)]) from None


def _hint(problem: str) -> str:
    if r"'\t'" in problem:
        return " Indent with spaces, not with tabs."
    if "mapping values are not allowed" in problem:
        return " A text with a colon and a space in it needs quotes."
    if "found undefined tag" in problem or "cannot start any token" in problem:
        return " Put the text in quotes."
    return ""


class _Reader:
    """Builds the tree from parser events; aliases are never followed, so nothing can grow."""

    def __init__(self, file: str, events: Iterator[yaml.Event]) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._events = events

    def document(self) -> Node:
        """Read the only document of the stream."""
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise self._refused(event, "A second document begins here: one file holds one.")
                root = self._node(next(self._events), 0)
        return root or Text(None, Place(self._file, 1))

    def _node(self, event: yaml.Event, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise self._refused(event, "Anchors and aliases (& and *) are not allowed: write it out, or use quotes.")
        if getattr(event, "tag", None):
            raise self._refused(event, "Tags (!) are not allowed: put the text in quotes.")
        if depth > MAXIMUM_DEPTH:
            raise self._refused(event, f"This is nested more than {MAXIMUM_DEPTH} levels deep.")
        if isinstance(event, yaml.ScalarEvent):
            if any("\ud800" <= character <= "\udfff" for character in event.value):
                raise self._refused(event, "This text holds half of a character (a lone surrogate).")
            empty = not event.value and event.style is None
            return Text(None if empty else event.value, self._place(event))
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(tuple(self._items(depth)), self._place(event))
        return self._entries(event, depth)

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _entries(self, start: yaml.Event, depth: int) -> Entries:
        children: dict[str, tuple[Place, Node]] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key, place = self._key(event, depth), self._place(event)
            child = self._node(next(self._events), depth + 1)
            if key in children:
                first = children[key][0].line
                self.problems.append(
                    Problem.at(place, f"The key {key[:80]!r} is written twice, first in line {first}.")
                )
            else:
                children[key] = (place, child)
        return Entries(children, self._place(start))

    def _key(self, event: yaml.Event, depth: int) -> str:
        node = self._node(event, depth + 1)
        if not isinstance(node, Text) or node.content is None:
            raise self._refused(event, "A key must be text. A value that begins with {{ must stand in quotes.")
        if node.content == "<<" and isinstance(event, yaml.ScalarEvent) and event.style is None:
            raise self._refused(event, "Merge keys (<<) are not allowed: write the lines out.")
        return node.content

    def _place(self, event: yaml.Event) -> Place:
        mark = event.start_mark
        return Place(self._file, mark.line + 1 if mark else 1)

    def _refused(self, event: yaml.Event, sentence: str) -> FileProblems:
        return FileProblems([Problem.at(self._place(event), sentence)])
