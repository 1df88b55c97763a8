# SPDX-License-Identifier: GPL-3.0-or-later
"""A record as a CloudEvent in the JSON event format (CloudEvents 1.0.2, sections 2 and 3 of the JSON format)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from .about import as_mapping, story_of

if TYPE_CHECKING:
    from .._journal.record import JsonValue, Record

CONTENT_TYPE = "application/cloudevents+json"
"""Of one event."""
BATCH_CONTENT_TYPE = "application/cloudevents-batch+json"
"""Of a JSON array of events."""
DEFAULT_SOURCE = "/breakglass"
"""Where the events are said to come from when nobody says it better."""
_TYPE_PREFIX = "breakglass."


def to_cloudevent(record: Record, source: str = DEFAULT_SOURCE) -> dict[str, JsonValue]:
    """Return the event: `id` is the record's, so that one that comes twice is known; `data` is the record, unchanged.

    Args:
        record: What happened.
        source: The installation, a URI reference such as its public address.
    """
    return {
        "specversion": "1.0",
        "id": record.id,
        "source": quote(source, safe=":/?#[]@!$&'()*+,;=%~") or DEFAULT_SOURCE,
        "type": f"{_TYPE_PREFIX}{record.kind}",
        "subject": story_of(record.origin),
        "time": record.at,
        "datacontenttype": "application/json",
        "data": as_mapping(record),
    }
