# SPDX-License-Identifier: GPL-3.0-or-later
"""Redaction: what must not get into a record is masked before it gets there.

Two nets: secrets that this process knows, in every form that they commonly travel in (also broken over lines), and texts
that look like a secret of somebody else. Neither replaces the first rule: a secret does not come near a record.
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from typing import TYPE_CHECKING

from ...module_utils.secret_shapes import MASK, mask_shapes
from .encodings import forms
from .lines import Squeezed, has_break, squeeze

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .canonical import JsonValue

MINIMUM = 4
"""Characters that a known secret must have: masking shorter ones would mask half of every text."""
MINIMUM_OVER_LINES = 8
"""Characters that a known secret must have to be looked for across the ends of lines."""
REMEMBERED = 1024
"""Short texts whose masked form is kept: a play says the same names for each host."""
SHORT = 300

_SURROGATES = re.compile(r"[\ud800-\udfff]")
_NOTHING = re.compile(r"(?!)")


class Redactor:
    """Masks known secrets and texts that look like secrets; shows neither in its own text."""

    def __init__(self, secrets: Iterable[str] = (), *, key: bytes, also: Callable[[str], str] | None = None) -> None:
        """Take the secrets to mask and the key of digests, so that a digest of a short text can't be guessed.

        Secrets of fewer than four characters are not masked. `also` masks what somebody else knows of.
        """
        self._key = key
        self._also = also
        self._forms: set[str] = set()
        self._known = _NOTHING
        self._known_over_lines = _NOTHING
        self._remembered: dict[str, str] = {}
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Mask these secrets too from now on."""
        for secret in secrets:
            for part in dict.fromkeys((secret, secret.strip())):
                if len(part) >= MINIMUM:
                    self._forms.update(forms(_SURROGATES.sub("\ufffd", part)))
        self._remembered.clear()
        if self._forms:
            self._known = _any_of(self._forms)
            squeezed = {squeeze(form) for form in self._forms}
            self._known_over_lines = _any_of({form for form in squeezed if len(form) >= MINIMUM_OVER_LINES})

    def mask(self, text: str) -> str:
        """Return the text with secrets masked, and lone surrogates as U+FFFD, so that a record can hold it."""
        known = self._remembered.get(text)
        if known is None:
            known = self._mask(str.__str__(text))  # of a string that only behaves like one, the plain text
            if len(text) <= SHORT:
                if len(self._remembered) >= REMEMBERED:
                    self._remembered.clear()
                self._remembered[str.__str__(text)] = known
        return known

    def _mask(self, text: str) -> str:
        if not text.isascii():
            text = _SURROGATES.sub("\ufffd", text)
        text = self._known.sub(MASK, text)
        if self._forms and has_break(text):
            for squeezed in (Squeezed.plain, Squeezed.marked):
                text = squeezed(text).mask(text, self._known_over_lines, MASK)
        text = mask_shapes(text)
        return self._also(text) if self._also else text

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


def _any_of(forms_of_secrets: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(forms_of_secrets, key=lambda form: (-len(form), form))
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else _NOTHING
