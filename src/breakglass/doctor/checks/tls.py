# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate by which the runner's own listener speaks TLS: whether it loads with its key, and until when it is good."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509

from breakglass.doctor.findings import Finding, ok, wrong
from breakglass.doctor.known import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.doctor.known import Known

ABOUT: Final = "tls"
SOON: Final = timedelta(days=3)


def look(known: Known) -> Iterator[Finding]:
    """Nothing where the listener speaks no TLS."""
    tls = known[SETTINGS].tls
    if tls is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key, password=lambda: "")
        ends = x509.load_pem_x509_certificate(tls.certificate.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or "not PEM"
        yield wrong(
            ABOUT,
            f"{tls.certificate} can't be used with {tls.key}: {why}. Both must be PEM, the key without a password",
        )
        return
    if ends - datetime.now(UTC) < SOON:
        yield wrong(ABOUT, f"{tls.certificate} ends at {ends:%Y-%m-%d %H:%M} UTC; senders refuse it then. Renew it")
    else:
        yield ok(ABOUT, f"{tls.certificate}, good until {ends:%Y-%m-%d %H:%M} UTC")
