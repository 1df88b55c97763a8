# SPDX-License-Identifier: GPL-3.0-or-later
"""Any JSON, whose fields the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..message import Message, UnreadableMessage
from ..strict_json import read_object

if TYPE_CHECKING:
    from ..message import Delivery


def parse(delivery: Delivery) -> Message:
    """Read one webhook; raises UnreadableMessage."""
    fields = delivery.fields
    if fields is None:
        raise UnreadableMessage("The settings do not say where this source's fields are (`fields:`).")
    items = fields.items(read_object(delivery.body))
    return Message(tuple(fields.alert(item, delivery.source) for item in items), 0, "")
