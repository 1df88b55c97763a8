# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP endpoint: batches of CloudEvents or JSON lines; any 2xx is the acknowledgement.

Proof of who we are: a bearer token, a client certificate, or a signature by Standard Webhooks 1.0 (webhook-id,
webhook-timestamp, webhook-signature). `webhook-id` follows from the records, so a batch that comes twice has the same.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..._journal_forms.cloudevents import BATCH_CONTENT_TYPE, DEFAULT_SOURCE, to_cloudevent
from ..secret_file import read_secret
from ._http import HttpWay, Poster
from ._lines import json_lines
from ._sink import Unacknowledged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..options import Options
    from ..parcel import Parcel

CLOUDEVENTS = "cloudevents"
JSON_LINES = "json_lines"
_SECRET_PREFIX = "whsec_"  # noqa: S105 (what such a secret begins with)


@dataclass(frozen=True)
class HttpSink:
    """Posts batches."""

    way: HttpWay
    poster: Poster
    form: str
    source: str
    webhook_secret_file: Path | None
    most: int

    @property
    def is_remote(self) -> bool:
        """Whether the endpoint is on another machine."""
        return self.way.is_remote

    def send(self, parcels: Sequence[Parcel]) -> int:
        """Post the records; raises Unacknowledged or RefusedRecords."""
        if self.form == JSON_LINES:
            body, content_type = json_lines(parcels), "application/x-ndjson"
        else:
            events = [to_cloudevent(parcel.record, self.source) for parcel in parcels]
            body, content_type = json.dumps(events, separators=(",", ":")).encode(), BATCH_CONTENT_TYPE
        headers = {"Content-Type": content_type}
        if self.webhook_secret_file is not None:
            key = webhook_key(read_secret(self.webhook_secret_file), self.webhook_secret_file)
            headers |= signature_headers(key, batch_id(parcels), int(time.time()), body)
        self.poster.accepted("", body, headers)
        return len(parcels)

    def close(self) -> None:
        """Close the connections."""
        self.poster.close()


def batch_id(parcels: Sequence[Parcel]) -> str:
    """Return what a batch is known by: the same for the same records."""
    ids = "\n".join(parcel.record.id for parcel in parcels)
    return f"msg_{hashlib.sha256(ids.encode()).hexdigest()[:32]}"


def signature_headers(key: bytes, message_id: str, now: int, body: bytes) -> dict[str, str]:
    """Return the three headers of Standard Webhooks; `now` is in seconds since 1970."""
    signed = f"{message_id}.{now}.".encode() + body
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(now), "webhook-signature": f"v1,{signature}"}


def webhook_key(secret: str, path: Path) -> bytes:
    """Return the key of a secret `whsec_BASE64`; raises Unacknowledged."""
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise Unacknowledged(f"The secret file {path} holds no webhook secret: whsec_ and 24 to 64 bytes in base64.")
    return key


def make(options: Options) -> HttpSink:
    """Take url, format, batch, source, bearer_token_file, webhook_secret_file, ca_cert, client_cert and _key, timeout."""
    way = HttpWay.of(options)
    return HttpSink(
        way=way,
        poster=Poster(way),
        form=options.choice("format", (CLOUDEVENTS, JSON_LINES), CLOUDEVENTS),
        source=options.words("source", DEFAULT_SOURCE),
        webhook_secret_file=options.file("webhook_secret_file"),
        most=options.count("batch", 500, 10_000),
    )
