# SPDX-License-Identifier: GPL-3.0-or-later
"""Is it really this sender? One file for each way to prove it; every way that the settings name must be proven.

Secrets are compared in constant time and read anew for each webhook, so that they can rotate: there may be several at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import basic, bearer, certificate, grafana, pagerduty, standard_webhooks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from breakglass.settings_sources import SourceSettings

SIGNATURES = {
    "standard_webhooks": standard_webhooks.refusal,
    "pagerduty": pagerduty.refusal,
    "grafana": grafana.refusal,
}


def refusal_of_headers(source: SourceSettings, headers: Mapping[str, str], peer_names: frozenset[str]) -> str:
    """Why a sender is refused before its body is read; empty if it is not. Raises UnreadableSecret.

    Args:
        source: What the settings say of it.
        headers: Names in lower case.
        peer_names: The names in the sender's client certificate, which the listener has verified.
    """
    given = headers.get("authorization", "")
    return (
        (bearer.refusal(given, source.bearer_token_files) if source.bearer_token_files else "")
        or (basic.refusal(given, source.basic) if source.basic else "")
        or (certificate.refusal(peer_names, source.client_certificates) if source.client_certificates else "")
    )


def refusal_of_body(source: SourceSettings, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """Why what was sent is refused: its signature is missing, wrong or old; empty if it is not. Raises UnreadableSecret."""
    return SIGNATURES[source.hmac.scheme](headers, body, source.hmac, now) if source.hmac else ""
