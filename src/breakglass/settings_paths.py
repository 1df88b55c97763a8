# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths in the settings: relative ones are relative to the settings' own file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema

from breakglass.policy.scalars import sentence


def absolute_path(value: object, info: ValidationInfo) -> Path:
    """Take a relative path from the directory of the settings file."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise sentence("Write the path of a file or directory.")
    directory = Path((info.context or {})["directory"])
    return Path(os.path.normpath(directory / value))


_SCHEMA = WithJsonSchema({"type": "string", "minLength": 1})
FilePath = Annotated[Path, BeforeValidator(absolute_path), _SCHEMA]
MaybeFilePath = Annotated[Path | None, BeforeValidator(absolute_path), _SCHEMA]
