# SPDX-License-Identifier: GPL-3.0-or-later
"""Outside text into Ansible as data: the one form of extra variables that no version of ansible-core executes.

Measured on ansible-core 2.16, 2.19, 2.21 and 2.22: JSON in which every text is marked `__ansible_unsafe`. A key that
starts with `__ansible_` makes the loader give up and read the file as trusted YAML, in which every text executes; so
such keys are refused, and the file begins with a TAB, which is legal JSON and illegal YAML: the fall-back can't succeed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from breakglass.errors import BreakglassError

RESERVED = "__ansible_"
FIRST_SURROGATE, LAST_SURROGATE = 0xD800, 0xDFFF


class UnfitVariable(BreakglassError):
    """Raised when a value can't be handed to Ansible as data."""


def inert_json(variables: Mapping[str, object]) -> str:
    """The text of an extra-vars file that holds exactly these values; raises UnfitVariable."""
    try:
        return "\t" + json.dumps({_key(name): _marked(value) for name, value in variables.items()}, allow_nan=False)
    except (ValueError, RecursionError):
        raise UnfitVariable("A parameter holds a number that is none, or nests too deeply to be handed over.") from None


def _marked(value: object) -> object:
    match value:
        case str():
            return {"__ansible_unsafe": _text(value)}
        case Mapping():
            return {_key(name): _marked(item) for name, item in value.items()}
        case list() | tuple():
            return [_marked(item) for item in value]
        case None | bool() | int() | float():
            return value
    raise UnfitVariable(f"A parameter holds a value of the kind {type(value).__name__}, which can't be handed over.")


def _key(name: object) -> str:
    if not isinstance(name, str) or name.startswith(RESERVED):
        raise UnfitVariable(
            f"A parameter holds a name that starts with {RESERVED} or is no text; Ansible would read it as an order."
        )
    return _text(name)


def _text(text: str) -> str:
    if any(FIRST_SURROGATE <= ord(character) <= LAST_SURROGATE for character in text):
        raise UnfitVariable("A parameter holds half a character (a lone surrogate), which can't be handed over.")
    return text
