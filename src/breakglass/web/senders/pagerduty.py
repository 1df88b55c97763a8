# SPDX-License-Identifier: GPL-3.0-or-later
"""PagerDuty: HMAC-SHA256 over the body, several signatures while a secret rotates. It signs no time.

So an old webhook can be sent again: it says nothing that was not taken in already, since what an alert is, and when it
began, are in it. Source: https://developer.pagerduty.com/docs/verifying-webhook-signatures
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .signatures import WRONG, is_signed, keys, unhex

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from breakglass.settings_sources import HmacSettings

_PREFIX = "v1="


def refusal(headers: Mapping[str, str], body: bytes, settings: HmacSettings, _now: datetime) -> str:
    """Why the signature does not prove it; empty if it does."""
    given = [one.strip() for one in headers.get("x-pagerduty-signature", "").split(",")]
    signatures = [unhex(one.removeprefix(_PREFIX)) for one in given if one.startswith(_PREFIX)]
    return "" if is_signed(body, signatures, keys(settings.secret_files)) else WRONG
