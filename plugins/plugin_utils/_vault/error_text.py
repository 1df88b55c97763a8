# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes text that came from a server safe to show: one line, capped, without tokens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

LIMIT: Final = 300
"""Characters that are kept of one error text."""

MOST: Final = 5
"""Error texts that are kept of one answer."""

_SHORTEST_SECRET: Final = 4
_TOKEN: Final = re.compile(r"\b(?:hv[sbr]|[sbr])\.[A-Za-z0-9_-]{16,}(?:\.[A-Za-z0-9_-]+)?")


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` on one line, printable, at most `LIMIT` characters, with tokens and `secrets` taken out."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "[hidden]")
    line = " ".join(_TOKEN.sub("[hidden]", text).split())
    shown = "".join(character if character.isprintable() else "?" for character in line)
    return shown if len(shown) <= LIMIT else shown[: LIMIT - 1] + "…"


def clean_all(texts: object, secrets: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the cleaned texts of Vault's `errors` list; anything else than a list gives none."""
    if not isinstance(texts, list):
        return ()
    hidden = tuple(secrets)
    return tuple(clean(str(text), hidden) for text in texts[:MOST])
