# SPDX-License-Identifier: GPL-3.0-or-later
"""Redaction: what must not get into a record is masked before it gets there.

Two nets: secrets that this process knows, in every form that they commonly travel in, and texts that look like a secret
of somebody else. Neither replaces the first rule: a secret does not come near a record.
"""

from __future__ import annotations

import hmac
import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from .encodings import base64_cores

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .canonical import JsonValue

MASK = "[masked]"
MINIMUM = 4
"""Characters that a known secret must have: masking shorter ones would mask half of every text."""

_SURROGATES = re.compile(r"[\ud800-\udfff]")
_PATTERNS = re.compile(
    r"""
      (?<![A-Za-z0-9]) (?: hv[sbr] | [sbr] ) \. [A-Za-z0-9_-]{20,}                                  # Vault, OpenBao
    | -----BEGIN\ [A-Z0-9\ ]{0,40}PRIVATE\ KEY----- .*? (?: -----END\ [A-Z0-9\ ]{0,40}KEY----- | \Z )  # PEM
    | (?<![A-Za-z0-9_-]) eyJ[A-Za-z0-9_-]{5,} \. [A-Za-z0-9_-]{5,} (?: \. [A-Za-z0-9_-]* ){0,3}      # JWT, JWE
    | (?P<login> :// [^\s/:@?\#]{0,200} : ) [^\s/]+ @                                              # user:password@
    | (?P<header> (?i: authorization ["']? \s{0,5} [:=] \s{0,5} ["']? (?: bearer | basic | token | digest ) \s{1,5} ) )
      [^\s"',]+
    | (?P<vault> (?i: x-vault-token ["']? \s{0,5} [:=] \s{0,5} ["']? ) ) [^\s"',]+
    | (?P<bearer> (?<![A-Za-z0-9]) (?i: bearer \s{1,5} ) ) [A-Za-z0-9._~+/=-]{16,}
    """,
    re.VERBOSE | re.DOTALL,
)
_NOTHING = re.compile(r"(?!)")


class Redactor:
    """Masks known secrets and texts that look like secrets; shows neither in its own text."""

    def __init__(self, secrets: Iterable[str] = (), *, key: bytes) -> None:
        """Take the secrets to mask and the key of digests, so that a digest of a short text can't be guessed.

        Secrets of fewer than four characters are not masked.
        """
        self._key = key
        self._forms: set[str] = set()
        self._known = _NOTHING
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Mask these secrets too from now on."""
        for secret in secrets:
            self._forms.update(_forms(secret))
        if self._forms:
            longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
            self._known = re.compile("|".join(map(re.escape, longest_first)))

    def mask(self, text: str) -> str:
        """Return the text with secrets masked, and lone surrogates as U+FFFD, so that a record can hold it."""
        if not text.isascii():
            text = _SURROGATES.sub("\ufffd", text)
        return _PATTERNS.sub(_masked, self._known.sub(MASK, text))

    def field(self, text: str, limit: int) -> str | dict[str, JsonValue]:
        """Return the masked text for a record's field.

        A text of more than `limit` characters comes as a mapping: `text` (the beginning), `size` (characters of the
        original) and `sha256` (HMAC-SHA256 of the original in hex, under this redactor's key).
        """
        masked = self.mask(text)
        if len(masked) <= limit:
            return masked
        original = _SURROGATES.sub("\ufffd", text).encode()
        return {
            "text": masked[:limit],
            "size": len(text),
            "sha256": hmac.new(self._key, original, sha256).hexdigest(),
        }


def _masked(match: re.Match[str]) -> str:
    if match["login"] is not None:
        return f"{match['login']}{MASK}@"
    return f"{match['header'] or match['vault'] or match['bearer'] or ''}{MASK}"


def _forms(secret: str) -> Iterator[str]:
    for part in {secret, secret.strip()}:
        if len(part) >= MINIMUM:
            well_formed = _SURROGATES.sub("\ufffd", part)
            yield well_formed
            yield quote(well_formed, safe="")
            yield quote(well_formed)
            yield quote_plus(well_formed)
            yield json.dumps(well_formed)[1:-1]
            yield json.dumps(well_formed, ensure_ascii=False)[1:-1]
            yield from base64_cores(well_formed.encode())
