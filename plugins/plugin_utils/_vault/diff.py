# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares what stands in Vault with what is wanted, field by field. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .objects import Wanted


@dataclass(frozen=True)
class Difference:
    """One field that stands otherwise than wanted.

    Attributes:
        field: Its name.
        there: What stands, as text.
        wanted: What is wanted, as text.
    """

    field: str
    there: str
    wanted: str

    def __str__(self) -> str:
        """Return one line for people."""
        if "\n" in self.there or "\n" in self.wanted:
            return f"{self.field}: the text differs"
        return f"{self.field}: {self.there or 'nothing'} -> {self.wanted or 'nothing'}"


def differences(wanted: Wanted, there: Mapping[str, object]) -> tuple[Difference, ...]:
    """Return the fields of `wanted.body` that stand otherwise in `there`; other fields of it are not ours to judge.

    A field that this Vault does not tell, and that is wanted off, zero or empty, counts as equal: it does not know it.
    """
    told = ((name, value) for name, value in sorted(wanted.body.items()) if name in there or value)
    pairs = ((name, there.get(name), value) for name, value in told)
    return tuple(
        Difference(name, _shown(now), _shown(value)) for name, now, value in pairs if _plain(now) != _plain(value)
    )


def _plain(value: object) -> object:
    """Return a form in which Vault's ways to write the same thing are equal: null and empty, order, `0` and `[0]`."""
    if value is None or value in ("", [], {}):
        return None
    if isinstance(value, list):
        return _plain(value[0]) if len(value) == 1 and isinstance(value[0], int) else sorted(map(str, value))
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    return value.strip() if isinstance(value, str) else value


def _shown(value: object) -> str:
    plain = _plain(value)
    if plain is None:
        return ""
    return ", ".join(plain) if isinstance(plain, list) else str(plain)
