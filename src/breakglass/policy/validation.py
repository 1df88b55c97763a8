# SPDX-License-Identifier: GPL-3.0-or-later
"""From a tree of texts to a model, and from pydantic's errors to sentences with file and line."""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from .problems import Problem
from .scalars import did_you_mean
from .yaml_text import Entries, Items, Text, place_of, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

    from .problems import Place
    from .yaml_text import Node

Model = TypeVar("Model", bound=BaseModel)
Path = tuple[int | str, ...]

_SHAPES = {
    "string_type": "must be a text",
    "dict_type": "must be a mapping: lines of the form `key: value`",
    "model_type": "must be a mapping: lines of the form `key: value`",
    "list_type": "must be a list: lines that begin with `- `, or [a, b]",
    "tuple_type": "must be a list: lines that begin with `- `, or [a, b]",
    "too_short": "must not be empty",
}


class Mismatch(Exception):
    """Raised when a tree does not fit its model; holds each fault's path and problem."""

    def __init__(self, faults: list[tuple[Path, Problem]]) -> None:
        self.faults = faults
        super().__init__(len(faults))


def validate(model: type[Model], root: Entries, context: Mapping[str, object] | None = None) -> Model:
    """Type the tree by its model; raises Mismatch."""
    try:
        return model.model_validate(plain(root), context=dict(context or {}))
    except ValidationError as error:
        raise Mismatch([_fault(model, root, detail) for detail in error.errors(include_url=False)]) from None


def validate_plain(model: type[Model], content: object) -> Model:
    """Type what is known to fit (parts that did not were taken out)."""
    return model.model_validate(content)


def _fault(model: type[BaseModel], root: Entries, detail: ErrorDetails) -> tuple[Path, Problem]:
    path = detail["loc"]
    place: Place = place_of(root, path)
    return path, Problem.at(place, _sentence(model, root, path, detail))


def _sentence(model: type[BaseModel], root: Entries, path: Path, detail: ErrorDetails) -> str:
    where = _named(root, path)
    if detail["type"] == "extra_forbidden":
        known = _model_at(model, path[:-1])
        return f"{where[:200]!r} is not known.{did_you_mean(str(path[-1]), known.model_fields if known else ())}"
    if detail["type"] == "missing":
        known = _model_at(model, path[:-1])
        field = known.model_fields.get(str(path[-1])) if known else None
        return f"{where}: this key is missing. {field.description or '' if field else ''}".rstrip()
    if detail["type"] == "sentence":
        return f"{where}: {detail['msg']}" if where else detail["msg"]
    return f"{where}: {_SHAPES.get(detail['type'], detail['msg'])}."


def _named(root: Entries, path: Path) -> str:
    """Give the path as people say it: an item of a list by its name, else by its number from 1."""
    node: Node = root
    words: list[str] = []
    for step in path:
        if isinstance(node, Items) and isinstance(step, int):
            node = node.children[step]
            name = node.children.get("name") if isinstance(node, Entries) else None
            words.append(name[1].content or "" if name and isinstance(name[1], Text) else str(step + 1))
        elif step != "[key]":
            words.append(str(step))
            node = node.children[str(step)][1] if isinstance(node, Entries) and step in node.children else node
    return ".".join(word[:80] if word.isprintable() else repr(word[:80]) for word in words)


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """Follow a path through the models' annotations."""
    current: Any = model
    for step in path:
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(str(step))
            current = _bare(field.annotation) if field else None
        else:
            arguments = get_args(current)
            current = _bare(arguments[-1 if get_origin(current) is dict else 0]) if arguments else None
    return current if isinstance(current, type) and issubclass(current, BaseModel) else None


def _bare(annotation: Any) -> Any:
    """Take `Annotated` and `| None` off."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return _bare(next(part for part in get_args(annotation) if part is not type(None)))
    return annotation
