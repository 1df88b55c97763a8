# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs over OTLP/HTTP in JSON (OpenTelemetry Protocol 1.x): to a collector, or to a vendor's endpoint.

A partial success says how many were rejected and not which, and that they must not come again as they are: the shipper
then finds out which of them it is, so the others come a second time, with the same `log.record.uid`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from ..secret_file import read_secret
from ._http import HttpWay, Poster
from ._sink import RefusedRecords

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..options import Options
    from ..parcel import Parcel

LOGS = "/v1/logs"
_INFO = 9  # SeverityNumber INFO
_SCOPE = "breakglass.journal"


@dataclass(frozen=True)
class OtlpSink:
    """Posts batches of log records."""

    way: HttpWay
    poster: Poster
    service: str
    key_header: str
    key_file: Path | None
    most: int

    @property
    def is_remote(self) -> bool:
        """Whether the collector is on another machine."""
        return self.way.is_remote

    def send(self, parcels: Sequence[Parcel]) -> int:
        """Post the records; raises Unacknowledged or RefusedRecords."""
        headers = {"Content-Type": "application/json"}
        if self.key_file is not None:
            headers[self.key_header] = read_secret(self.key_file)
        body = json.dumps(request_of(parcels, self.service), separators=(",", ":")).encode()
        reply = self.poster.accepted(LOGS, body, headers)
        if rejected := _rejected(reply.content):
            raise RefusedRecords(f"{self.way.url} rejected {rejected} of {len(parcels)} records.")
        return len(parcels)

    def close(self) -> None:
        """Close the connections."""
        self.poster.close()


def request_of(parcels: Sequence[Parcel], service: str) -> dict[str, object]:
    """Return the ExportLogsServiceRequest of some records."""
    resource = {"attributes": [_attribute("service.name", service)]}
    records = [_log_record(parcel) for parcel in parcels]
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": {"name": _SCOPE}, "logRecords": records}]}]}


def _log_record(parcel: Parcel) -> dict[str, object]:
    record = parcel.record
    return {
        "timeUnixNano": _nanoseconds(record.at),
        "observedTimeUnixNano": _nanoseconds(record.at),
        "severityNumber": _INFO,
        "severityText": "INFO",
        "eventName": f"breakglass.{record.kind}",
        "body": {"stringValue": parcel.line.decode()},
        "attributes": [
            _attribute("log.record.uid", record.id),
            _attribute("breakglass.stream", record.origin),
            {"key": "breakglass.seq", "value": {"intValue": str(record.seq)}},
        ],
    }


def _attribute(key: str, value: str) -> dict[str, object]:
    return {"key": key, "value": {"stringValue": value}}


def _nanoseconds(at: str) -> str:
    """Nanoseconds since 1970 as text, as protobuf's JSON has 64-bit numbers; exact, without floats."""
    moment = datetime.fromisoformat(at.replace("Z", "+00:00"))
    since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return str(((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000)


def _rejected(content: bytes) -> int:
    try:
        answer = json.loads(content or b"{}")
        partial = answer.get("partialSuccess") or {}
        return int(partial.get("rejectedLogRecords", 0))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return 0


def make(options: Options) -> OtlpSink:
    """Take url, service, key_header and key_file (a vendor's API key), bearer_token_file, batch, ca_cert, timeout."""
    way = HttpWay.of(options)
    header = options.words("key_header", "api-key")
    if not header.replace("-", "").isalnum() or not header.isascii():
        raise options.wrong("key_header", "Write the name of an HTTP header, such as api-key.")
    return OtlpSink(
        way=way,
        poster=Poster(way),
        service=options.words("service", "breakglass"),
        key_header=header,
        key_file=options.file("key_file"),
        most=options.count("batch", 500, 10_000),
    )
