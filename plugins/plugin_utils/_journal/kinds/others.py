# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of all other streams: credentials, shipping, ledger."""

from __future__ import annotations

from .shapes import COUNT, DIGEST, MOMENT_OR_NOTHING, OPEN, TEXT, Kind, Shape, one_of

_CREDENTIAL: dict[str, Shape] = {"credential": TEXT, "name": TEXT, "kind": TEXT, "what": TEXT}
_FATE = one_of("revoked", "lives", "read")
_HELD: dict[str, Shape] = {
    "fate": _FATE,
    "lease_id": TEXT,
    "expires_at": MOMENT_OR_NOTHING,
    "latest_end": MOMENT_OR_NOTHING,
    "facts": OPEN,
}

CREDENTIALS: dict[str, Kind] = {
    "credential.asked": Kind(
        "A credential is about to be asked for.", {**_CREDENTIAL, "latest_end": MOMENT_OR_NOTHING}
    ),
    "credential.obtained": Kind(
        "A credential was made; a lease that was given up again is told with its fate alone.",
        {**_CREDENTIAL, "fate": _FATE, "lease_id": TEXT, "latest_end": MOMENT_OR_NOTHING},
        {"expires_at": MOMENT_OR_NOTHING, "facts": OPEN},
    ),
    "credential.refused": Kind("No credential was made.", {"credential": TEXT, "why": TEXT}),
    "credential.renewed": Kind("A credential lives longer.", {"credential": TEXT, "what": TEXT, **_HELD}),
    "credential.not_renewed": Kind(
        "A credential could not be renewed.",
        {"credential": TEXT, "name": TEXT, "lives_until": MOMENT_OR_NOTHING, "why": TEXT},
    ),
}

STREAMS: dict[str, Kind] = {
    "stream.recovered": Kind(
        "A half line that a dead writer left was cut off; it had never been acknowledged.",
        {"size": COUNT, "sha256": DIGEST},
    ),
}

LEDGER: dict[str, Kind] = {
    "ledger.created": Kind("The journal begins."),
    "stream.announced": Kind("A stream is about to be made, or written again.", {"stream": TEXT, "origin": TEXT}),
    "stream.sealed": Kind(
        "A stream is complete.",
        {"stream": TEXT, "size": COUNT, "root": DIGEST, "checkpoints": {"type": "array", "items": COUNT}},
    ),
    "stream.absent": Kind("An announced stream never came to be.", {"stream": TEXT}),
    "stream.archived": Kind("A sealed stream was moved to another journal.", {"stream": TEXT, "archive": TEXT}),
}
