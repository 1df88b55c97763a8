# SPDX-License-Identifier: GPL-3.0-or-later
"""Splunk's HTTP Event Collector with indexer acknowledgement: settled is what the indexers have written.

Source: Splunk documentation, "HTTP Event Collector REST API endpoints", "Enable HEC indexer acknowledgement" and
"Troubleshoot HEC" (the codes in an answer). A token without acknowledgement needs `acknowledge: false`, and then "taken"
means only that Splunk answered 200.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ..secret_file import read_secret
from ._http import HttpWay, Poster
from ._sink import Unacknowledged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..options import Options
    from ..parcel import Parcel
    from ._http import Reply

EVENTS = "/services/collector/event"
ACKNOWLEDGEMENTS = "/services/collector/ack"
_FIRST_LOOK_SECONDS = 0.02
_LONGEST_LOOK_SECONDS = 2.0
_REFUSED_CODES = frozenset({5, 6, 12, 13, 15})  # no data, invalid format, event missing, event blank, indexed fields
_BAD_REQUEST = 400


@dataclass(frozen=True)
class SplunkSink:
    """Posts batches, and asks until the indexers have them."""

    way: HttpWay
    poster: Poster
    token_file: Path
    channel: str
    index: str
    sourcetype: str
    acknowledge: bool
    acknowledge_seconds: float
    most: int

    @property
    def is_remote(self) -> bool:
        """Whether Splunk is on another machine."""
        return self.way.is_remote

    def send(self, parcels: Sequence[Parcel]) -> int:
        """Post the records and wait for the acknowledgement; raises Unacknowledged or RefusedRecords."""
        body = "\n".join(json.dumps(self._event(parcel), separators=(",", ":")) for parcel in parcels).encode()
        answer = _fields(self._taken(self.poster.post(EVENTS, body, self._headers())))
        if self.acknowledge:
            number = answer.get("ackId")
            if not isinstance(number, int) or isinstance(number, bool):
                raise Unacknowledged(
                    f"{self.way.url} gives no ackId. Enable indexer acknowledgement for this token, or write "
                    "`acknowledge: false`."
                )
            self._await(number)
        return len(parcels)

    def close(self) -> None:
        """Close the connections."""
        self.poster.close()

    def _event(self, parcel: Parcel) -> dict[str, object]:
        record = parcel.record
        event: dict[str, object] = {
            "time": datetime.fromisoformat(record.at.replace("Z", "+00:00")).timestamp(),
            "source": record.origin,
            "sourcetype": self.sourcetype,
            "event": json.loads(parcel.line),
            "fields": {"record_id": record.id},
        }
        return {**event, "index": self.index} if self.index else event

    def _headers(self) -> dict[str, str]:
        authorization = f"Splunk {read_secret(self.token_file)}"
        return {"Authorization": authorization, "X-Splunk-Request-Channel": self.channel}

    def _taken(self, reply: Reply) -> Reply:
        """A 400 may be about these events, or about the token or the channel, which no record is to blame for."""
        if reply.status == _BAD_REQUEST and (code := _fields(reply).get("code")) not in _REFUSED_CODES:
            raise Unacknowledged(f"{self.way.url} answered 400, code {code if isinstance(code, int) else 'unknown'}.")
        return self.poster.judged(reply)

    def _await(self, number: int) -> None:
        deadline, look = time.monotonic() + self.acknowledge_seconds, _FIRST_LOOK_SECONDS
        question = json.dumps({"acks": [number]}).encode()
        while True:
            reply = self.poster.accepted(f"{ACKNOWLEDGEMENTS}?channel={self.channel}", question, self._headers())
            answers = _fields(reply).get("acks")
            if isinstance(answers, dict) and answers.get(str(number)) is True:
                return
            if time.monotonic() + look > deadline:
                raise Unacknowledged(f"{self.way.url} has not acknowledged for {self.acknowledge_seconds:.0f} s.")
            time.sleep(look)
            look = min(look * 2, _LONGEST_LOOK_SECONDS)


def _fields(reply: Reply) -> dict[str, object]:
    try:
        fields = json.loads(reply.content)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def make(options: Options) -> SplunkSink:
    """Take url, token_file, index, sourcetype, acknowledge, acknowledge_within, batch, ca_cert, client_cert, timeout."""
    way = HttpWay.of(options)
    return SplunkSink(
        way=way,
        poster=Poster(way),
        token_file=options.needed_file("token_file"),
        channel=str(uuid.uuid4()),
        index=options.words("index", ""),
        sourcetype=options.words("sourcetype", "breakglass:journal"),
        acknowledge=options.flag("acknowledge", "true"),
        acknowledge_seconds=options.seconds("acknowledge_within", "60s"),
        most=options.count("batch", 500, 10_000),
    )
