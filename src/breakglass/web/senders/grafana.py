# SPDX-License-Identifier: GPL-3.0-or-later
"""Grafana (12.0 or newer): HMAC-SHA256 over timestamp, colon and body. A contact point without a timestamp header is refused.

Source: https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .signatures import WRONG, is_signed, keys, staleness, unhex

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from breakglass.settings_sources import HmacSettings

SIGNATURE, TIMESTAMP = "x-grafana-alerting-signature", "x-grafana-alerting-signature-timestamp"


def refusal(headers: Mapping[str, str], body: bytes, settings: HmacSettings, now: datetime) -> str:
    """Why the signature does not prove it; empty if it does."""
    timestamp = headers.get((settings.timestamp_header or TIMESTAMP).lower(), "")
    if not timestamp:
        return (
            "The timestamp is missing: name a timestamp header in the contact point's HMAC settings "
            f"({settings.timestamp_header or 'X-Grafana-Alerting-Signature-Timestamp'})."
        )
    signature = unhex(headers.get(SIGNATURE, ""))
    if not is_signed(timestamp.encode() + b":" + body, [signature], keys(settings.secret_files)):
        return WRONG
    return staleness(timestamp, now, settings.oldest)
