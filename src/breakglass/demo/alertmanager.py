# SPDX-License-Identifier: GPL-3.0-or-later
"""What Alertmanager posts (webhook version 4), and posting it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from breakglass.errors import BreakglassError

FIRING_SINCE = timedelta(minutes=2)
PATIENCE_SECONDS, PAUSE_SECONDS = 10.0, 0.2
LABELS = {"alertname": "ServiceDown", "name": "shop", "instance": "web1:9100", "severity": "critical"}


class RefusedWebhook(BreakglassError):
    """Raised when the runner does not answer 202."""


def webhook(status: str, starts_at: datetime) -> dict[str, object]:
    """The body of a webhook about the demo's shop; `status` is firing or resolved."""
    ended = datetime.now(UTC) if status == "resolved" else None
    alert = {
        "status": status,
        "labels": LABELS,
        "annotations": {"summary": "shop on web1 does not answer"},
        "startsAt": starts_at.isoformat(),
        "endsAt": ended.isoformat() if ended else "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example.com/graph?g0.expr=up",
        "fingerprint": "c0ffee5ca1ab1e00",
    }
    return {
        "version": "4",
        "groupKey": '{}:{alertname="ServiceDown"}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "breakglass",
        "groupLabels": {"alertname": "ServiceDown"},
        "commonLabels": LABELS,
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example.com",
        "alerts": [alert],
    }


def post(url: str, token: str, body: dict[str, object]) -> str:
    """Post a webhook as Alertmanager does, and return the incident that it reached; raises RefusedWebhook.

    A runner that says that it is busy is asked again, for some seconds.
    """
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{url}/webhooks/alertmanager", json.dumps(body).encode(), headers)  # noqa: S310
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 (the address is the demo's own)
                return str(json.load(answer)["alerts"][0]["incident"])
        except (urllib.error.URLError, OSError, ValueError) as error:
            if not _is_busy(error) or time.monotonic() > until:
                raise RefusedWebhook(f"The runner did not take the webhook: {error}.") from error
        time.sleep(PAUSE_SECONDS)


def _is_busy(error: Exception) -> bool:
    return isinstance(error, urllib.error.HTTPError) and error.code == HTTPStatus.SERVICE_UNAVAILABLE
