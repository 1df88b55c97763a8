# SPDX-License-Identifier: GPL-3.0-or-later
"""The webhook of Grafana's unified alerting, version 1; its shape is Alertmanager's with some more keys.

Source: https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
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
    if content.get("version") != "1" or "orgId" not in content:
        raise UnreadableMessage(
            'The message is not of Grafana\'s webhook version "1" with an orgId. A contact point with a payload of its own '
            "is a source of the kind json."
        )
    return read_group(content, delivery.source)
