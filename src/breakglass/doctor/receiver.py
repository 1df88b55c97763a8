# SPDX-License-Identifier: GPL-3.0-or-later
"""The receiver that Alertmanager needs, in its own words. The secret stays in a file on its side, too.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from breakglass.settings_addresses import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.settings import Settings
    from breakglass.settings_sources import SourceSettings

CREDENTIALS: Final = "/etc/alertmanager/breakglass.token"


def receiver(settings: Settings, name: str) -> list[str]:
    """Lines of YAML for `receivers:`, with what else must be done as comments."""
    source = settings.sources[name]
    return [
        "- name: breakglass",
        "  webhook_configs:",
        f"    - url: {url_of(settings, name)}",
        "      send_resolved: true",
        "      max_alerts: 0",
        f"      http_config: {{{', '.join(_login(source))}}}",
        *_remarks(settings, source),
    ]


def url_of(settings: Settings, name: str) -> str:
    """Where a source sends to."""
    host, port = settings.listen
    bracketed = f"[{host}]" if ":" in host else host
    base = settings.public_url or f"{'https' if settings.tls else 'http'}://{bracketed}:{port}"
    return f"{base}/webhooks/{name}"


def _login(source: SourceSettings) -> Iterator[str]:
    if source.basic:
        yield f"basic_auth: {{username: {json.dumps(source.basic.user)}, password_file: {CREDENTIALS}}}"
    elif source.bearer_token_files:
        yield f"authorization: {{credentials_file: {CREDENTIALS}}}"
    if source.client_certificates:
        yield "tls_config: {cert_file: CERTIFICATE, key_file: KEY}"


def _remarks(settings: Settings, source: SourceSettings) -> Iterator[str]:
    secrets = source.basic.password_files if source.basic else source.bearer_token_files
    if secrets:
        yield f"# {CREDENTIALS} holds what is in {secrets[0]}, and Alertmanager alone can read it."
    if settings.public_url is None and is_loopback(settings.listen.host):
        yield "# Alertmanager must run on this machine: listen is a loopback address. Else set listen, tls and public_url."
