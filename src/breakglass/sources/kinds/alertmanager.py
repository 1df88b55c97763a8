# SPDX-License-Identifier: GPL-3.0-or-later
"""Alertmanager's webhook, version 4.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..groups import read_group
from ..message import UnreadableMessage
from ..strict_json import read_object

if TYPE_CHECKING:
    from ..message import Delivery, Message


def parse(delivery: Delivery) -> Message:
    """Read one webhook; raises UnreadableMessage."""
    content = read_object(delivery.body)
    if content.get("version") != "4":
        raise UnreadableMessage('The message is not of Alertmanager\'s webhook version "4".')
    return read_group(content, delivery.source)
