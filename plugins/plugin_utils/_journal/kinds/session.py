# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of sessions of people on hosts, `session-N` of an incident: what a terminal showed, as asciicast v2 has it."""

from __future__ import annotations

from .shapes import COUNT, FIELD, MOMENT_OR_NOTHING, NUMBER, TEXT, TEXTS, TRUTH, WHOLE, Kind, Shape, one_of

_SECONDS: dict[str, Shape] = {"seconds": NUMBER}

SESSION: dict[str, Kind] = {
    "session.opened": Kind(
        "A person's session on a host is about to begin: in a terminal of this size, or with a command without one.",
        {
            "person": TEXT,
            "entity": TEXT,
            "host": TEXT,
            "user": TEXT,
            "access": TEXT,
            "columns": COUNT,
            "rows": COUNT,
            "terminal": TEXT,
            "until": MOMENT_OR_NOTHING,
        },
        {"command": FIELD, "continues": TEXT},
    ),
    "session.output": Kind(
        "The terminal shows this, so many seconds after the session's beginning; nothing in it is masked.",
        {**_SECONDS, "channel": one_of("out", "error"), "text": TEXT},
    ),
    "session.resized": Kind("The terminal has another size.", {**_SECONDS, "columns": COUNT, "rows": COUNT}),
    "session.told": Kind("The runner has written this into the terminal.", {**_SECONDS, "text": TEXT}),
    "session.continued": Kind(
        "The session goes on under an extension of its grant, in the record of this stream; nothing follows here.",
        {**_SECONDS, "bytes": COUNT, "stream": TEXT, "until": MOMENT_OR_NOTHING},
    ),
    "session.ended": Kind(
        "The session is over: why, and whether it is proven that nothing of it goes on there; if not, what is known.",
        {**_SECONDS, "bytes": COUNT, "why": TEXT, "proven": TRUTH},
        {"status": WHOLE, "left": TEXT, "dropped": TEXTS},
    ),
}
