# SPDX-License-Identifier: GPL-3.0-or-later
"""One file per webhook dialect: verified bytes in, alerts out; pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from . import alertmanager
from .message import Message, UnreadableMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["PARSERS", "Message", "UnreadableMessage"]

PARSERS: Mapping[str, Callable[[bytes, str], Message]] = MappingProxyType({"alertmanager": alertmanager.parse})
"""By the `kind` of a source in the settings: a webhook's body and the source's name to its message."""
