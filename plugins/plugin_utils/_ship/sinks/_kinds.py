# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kinds of sink there are: the modules of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from ..._folder import module_in, names_in

if TYPE_CHECKING:
    from ._sink import SinkModule

_FOLDER: Final = Path(__file__).parent


def known_kinds() -> tuple[str, ...]:
    """Names of the kinds, sorted."""
    return names_in(_FOLDER)


def kind_module(name: str) -> SinkModule | None:
    """Return the module of a kind; None if there is no such kind."""
    return cast("SinkModule | None", module_in(str(__package__), _FOLDER, name))
