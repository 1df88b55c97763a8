# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhook dialects: verified bytes in, alerts out; pure. Each is a file of `kinds`; the files here are what they share."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from ansible_collections.breakglass.remediation.plugins.plugin_utils._folder import module_in, names_in

from .fields import FieldMap
from .message import Delivery, Message, UnreadableMessage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .message import Parse, SourceModule

__all__ = ["PARSERS", "Delivery", "FieldMap", "Message", "UnreadableMessage"]

_FOLDER = Path(__file__).parent / "kinds"

PARSERS: Mapping[str, Parse] = MappingProxyType(
    {name: cast("SourceModule", module_in(f"{__package__}.kinds", _FOLDER, name)).parse for name in names_in(_FOLDER)}
)
"""By the `kind` of a source in the settings."""
