# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing one of the modules of a folder by its name: login methods, kinds of sink. The one place that imports by name.

The name comes from a person's option or settings, so it decides nothing but which of the files that lie in that folder is
taken: it must have the fixed form, and be in the folder's own listing. A path, a dot or a module from elsewhere can't be
named, and a file whose name begins with an underscore is none of the choices.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


def names_in(folder: Path) -> tuple[str, ...]:
    """Names of a folder's modules, sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.py") if _NAME.fullmatch(path.stem)))


def module_in(package: str, folder: Path, name: str) -> ModuleType | None:
    """The module of this name in a package's folder; None if there is none."""
    return next((import_module(f"{package}.{known}") for known in names_in(folder) if known == name), None)
