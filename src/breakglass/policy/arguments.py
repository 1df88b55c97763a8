# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's argument spec, and values typed by it.

Ansible's own validator is not used here: it costs 55 ms and 8 MB to import, splits texts at commas, reads texts as
Python literals and expands `~` and `$HOME` in paths. Here a text that came out of an alert stays that text.
Source: https://docs.ansible.com/ansible/latest/dev_guide/developing_program_flow_modules.html#argument-spec
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from breakglass.domain.routing import BadParameter
from breakglass.errors import BreakglassError

from .scalars import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MAXIMUM_INTEGER = 2**53 - 1
MAXIMUM_DEPTH = 16
_WHOLE = re.compile(r"[+-]?[0-9]{1,16}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?[0-9]{1,16}(\.[0-9]{1,16})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_TRUE = ("true", "yes", "on", "1", "y", "t")
_FALSE = ("false", "no", "off", "0", "n", "f")


class BadArgumentSpec(BreakglassError):
    """Raised when a role's argument spec is not one that we read."""


@dataclass(frozen=True)
class Argument:
    """One variable of a role.

    Attributes:
        kind: Ansible's type: str, int, float, bool, list, dict, path, raw, json, bytes, bits.
        required: Whether it must be given.
        choices: The values it may have; empty when any.
        elements: The argument that each item of a list is; None when any.
        options: The arguments of a dict; None when any key may stand there.
    """

    kind: str = "str"
    required: bool = False
    choices: tuple[object, ...] = ()
    elements: Argument | None = None
    options: Mapping[str, Argument] | None = field(default=None)


def read_arguments(options: object) -> Mapping[str, Argument]:
    """Read `options:` of an argument spec; raises BadArgumentSpec."""
    if options is None:
        return MappingProxyType({})
    if not isinstance(options, dict):
        raise BadArgumentSpec("Its options are not a mapping.")
    return MappingProxyType({str(name): _read_argument(str(name), option) for name, option in options.items()})


def missing_arguments(arguments: Mapping[str, Argument], given: Mapping[str, object]) -> list[str]:
    """Name the required arguments that are not given."""
    return sorted(name for name, argument in arguments.items() if argument.required and name not in given)


def typed_arguments(arguments: Mapping[str, Argument], given: Mapping[str, object], where: str) -> dict[str, object]:
    """Type every value; raises BadParameter for an unknown name, a missing one, or a value that does not fit."""
    return _typed(arguments, given, where, "")


def _typed(
    arguments: Mapping[str, Argument], given: Mapping[str, object], where: str, prefix: str
) -> dict[str, object]:
    for name in given:
        if name not in arguments:
            raise BadParameter(f"{where} has no parameter {name[:80]!r}.{did_you_mean(name, arguments)}")
    if missing := missing_arguments(arguments, given):
        raise BadParameter(f"{where} needs the parameter {missing[0]}.")
    return {name: typed_value(arguments[name], value, f"{prefix}{name}") for name, value in given.items()}


def typed_value(argument: Argument, value: object, where: str) -> object:
    """Type one value; raises BadParameter."""
    typed = _KINDS[argument.kind](argument, value, where)
    if argument.choices:
        chosen = typed if isinstance(typed, list) else [typed]
        for item in chosen:
            if not any(item == choice and type(item) is type(choice) for choice in argument.choices):
                known = ", ".join(str(choice) for choice in argument.choices)
                raise BadParameter(f"{where}: {str(item)[:80]!r} is not one of: {known}.")
    return typed


def _read_argument(name: str, option: object) -> Argument:
    if not isinstance(option, dict):
        raise BadArgumentSpec(f"The option {name[:80]!r} is not a mapping.")
    kind, choices = option.get("type", "str"), option.get("choices") or []
    if kind not in _KINDS:
        raise BadArgumentSpec(f"The type {str(kind)[:80]!r} of the option {name[:80]!r} is not known.")
    if not isinstance(choices, list | dict):
        raise BadArgumentSpec(f"The choices of the option {name[:80]!r} are not a list.")
    options = read_arguments(option["options"]) if option.get("options") else None
    elements = _read_elements(name, option, options)
    single = elements if kind == "list" and elements else Argument(kind)
    return Argument(
        kind=kind,
        required=option.get("required") is True,
        choices=tuple(_choice(single, choice) for choice in choices),
        elements=elements,
        options=options if kind == "dict" else None,
    )


def _read_elements(name: str, option: dict[str, object], options: Mapping[str, Argument] | None) -> Argument | None:
    kind = option.get("elements")
    if kind is None:
        return None
    if kind not in _KINDS:
        raise BadArgumentSpec(f"The elements {str(kind)[:80]!r} of the option {name[:80]!r} are not known.")
    return Argument(str(kind), options=options if kind == "dict" else None)


def _choice(argument: Argument, choice: object) -> object:
    try:
        return _KINDS[argument.kind](argument, choice, "choices")
    except BadParameter:
        return str(choice)


def _str(_argument: Argument, value: object, where: str) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _inert_text(value, where)


def _path(_argument: Argument, value: object, where: str) -> object:
    text = _inert_text(value, where)
    if "\0" in text:
        raise BadParameter(f"{where}: a path can't hold a null character.")
    return text


def _int(_argument: Argument, value: object, where: str) -> object:
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAXIMUM_INTEGER:
        return value
    raise _misfit(where, value, "a whole number")


def _float(_argument: Argument, value: object, where: str) -> object:
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise _misfit(where, value, "a number")


def _bool(_argument: Argument, value: object, where: str) -> object:
    if isinstance(value, bool):
        return value
    word = value.lower() if isinstance(value, str) else str(value) if type(value) is int else ""
    if word not in _TRUE + _FALSE:
        raise _misfit(where, value, "true or false")
    return word in _TRUE


def _list(argument: Argument, value: object, where: str) -> object:
    if not isinstance(value, list):
        raise _misfit(where, value, "a list")
    if argument.elements is None:
        return [_inert(item, where, 0) for item in value]
    return [typed_value(argument.elements, item, f"{where}[{number}]") for number, item in enumerate(value)]


def _dict(argument: Argument, value: object, where: str) -> object:
    if not isinstance(value, dict):
        raise _misfit(where, value, "a mapping")
    if argument.options is None:
        return _inert(value, where, 0)
    return _typed(argument.options, value, where, f"{where}.")


def _raw(_argument: Argument, value: object, where: str) -> object:
    return _inert(value, where, 0)


def _inert(value: object, where: str, depth: int) -> object:
    """Copy plain JSON shapes; keys that Ansible would take as type marks are refused, in whatever depth."""
    if depth > MAXIMUM_DEPTH:
        raise BadParameter(f"{where}: nested more than {MAXIMUM_DEPTH} levels deep.")
    if isinstance(value, list):
        return [_inert(item, where, depth + 1) for item in value]
    if isinstance(value, dict):
        return {_key(key, where): _inert(item, where, depth + 1) for key, item in value.items()}
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return _int(Argument("int"), value, where)
    if isinstance(value, float):
        return _float(Argument("float"), value, where)
    return _inert_text(value, where)


def _key(key: object, where: str) -> str:
    text = _inert_text(key, where)
    if text.startswith("__ansible_"):
        raise BadParameter(f"{where}: the key {text[:80]!r} is not allowed: Ansible would read it as a mark.")
    return text


def _inert_text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise _misfit(where, value, "a text")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise BadParameter(f"{where}: the text holds half of a character (a lone surrogate).")
    return value


def _misfit(where: str, value: object, wanted: str) -> BadParameter:
    found = {str: "the text ", list: "a list", dict: "a mapping", bool: "the truth value "}.get(type(value), "")
    shown = "" if isinstance(value, list | dict) else repr(value)[:80]
    return BadParameter(f"{where}: {found}{shown} is not {wanted}.")


def _kinds() -> Iterator[tuple[str, Callable[[Argument, object, str], object]]]:
    yield from {"str": _str, "bytes": _str, "bits": _str, "path": _path, "int": _int, "float": _float}.items()
    yield from {"bool": _bool, "list": _list, "dict": _dict, "raw": _raw, "json": _raw, "jsonarg": _raw}.items()


_KINDS: Mapping[str, Callable[[Argument, object, str], object]] = dict(_kinds())
