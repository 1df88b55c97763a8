# SPDX-License-Identifier: GPL-3.0-or-later
"""Checking the parameters of a role against the kinds that its `meta/remediation.yml` declares. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

MOST_ITEMS = 200


class UnusableParameter(BreakglassError):
    """Raised when a parameter is not what its role takes; the text does not repeat the value."""


class UndeclaredKind(BreakglassError):
    """Raised when a role declares its parameters in a form that we don't read, or names a kind that there is not."""


def declared_kinds(remediation: object) -> dict[str, str]:
    """Return the kind of each parameter, out of the content of `meta/remediation.yml`; raises UndeclaredKind."""
    declared = remediation.get("parameters") if isinstance(remediation, Mapping) else None
    if declared is None:
        return {}
    if not isinstance(declared, Mapping):
        raise UndeclaredKind("In meta/remediation.yml, parameters is not a mapping from names to kinds.")
    for name, kind in declared.items():
        if not isinstance(kind, str) or kind not in KINDS:
            raise UndeclaredKind(
                f"In meta/remediation.yml, {str(name)[:80]} has no kind that there is. Known: {', '.join(sorted(KINDS))}."
            )
    return {str(name): str(kind) for name, kind in declared.items()}


def lists_of(options: object) -> frozenset[str]:
    """The parameters that are lists, out of the options of an argument spec: what their type says, whatever their defaults are."""
    described = options.items() if isinstance(options, Mapping) else ()
    return frozenset(str(name) for name, one in described if isinstance(one, Mapping) and one.get("type") == "list")


def check(
    kinds: Mapping[str, str], values: Mapping[str, object], defaults: Mapping[str, object], lists: Collection[str]
) -> None:
    """Check each value against its kind; one that is its own default says nothing, and a list is checked by item.

    Args:
        kinds: The kind of each parameter.
        values: What is given.
        defaults: What stands for a parameter that nobody gives.
        lists: Which parameters take a list, and nothing else.

    Raises:
        UnusableParameter: for the first that does not fit.
    """
    for name, kind in kinds.items():
        if name not in values or _is_default(values[name], defaults.get(name)):
            continue
        if fault := _fault(kind, values[name], name in lists):
            raise UnusableParameter(f"{name} {fault}")


def _is_default(value: object, default: object) -> bool:
    """A number may come as text; `None`, which nobody has declared, is no default."""
    return default is not None and (value == default or (str(value) == str(default) and not isinstance(default, list)))


def _fault(kind: str, value: object, takes_list: bool) -> str:  # noqa: FBT001 (one caller, above)
    if not takes_list:
        return KINDS[kind].fault(value)
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        return "is not a list."
    if len(value) > MOST_ITEMS:
        return f"is too long a list: it takes at most {MOST_ITEMS} items."
    return _first(KINDS[kind].fault(item) for item in value)


def _first(faults: Iterable[str]) -> str:
    fault = next(filter(None, faults), "")
    return fault and f"has an item that {fault}"
