# SPDX-License-Identifier: GPL-3.0-or-later
"""Bodies of the API: one JSON object with known fields; whatever else is refused with 400 and a sentence, never a fault of ours."""

from __future__ import annotations

import pytest

from breakglass.web.fields import read_fields
from breakglass.web.problems import Problem


def fields_of(body: bytes) -> dict[str, object]:
    """What is read of a body."""
    return read_fields(body, {"reason", "hosts"}, "A request")


def test_known_fields_are_read() -> None:
    """As they are."""
    assert fields_of('{"reason": "größer", "hosts": ["web1"]}'.encode()) == {"reason": "größer", "hosts": ["web1"]}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"[]", "not an object"),
        (b"[" * 50_000, "levels deep"),
        (b'{"reason": ' + b"[" * 5000 + b"]" * 5000 + b"}", "levels deep"),
        (b'{"reason": "a", "reason": "b"}', "twice"),
        (b'{"reason": NaN}', "NaN"),
        (b'{"reason": "\\ud800"}', "half of a character"),
        (b'{"hosts": ["\\udfff"]}', "half of a character"),
        (b'{"hosts": ["a\\u0000b"]}', "character NUL"),
        (b'{"reason": "\xff"}', "not UTF-8"),
        (b'{"more": 1}', "with the fields hosts, reason"),
    ],
)
def test_anything_else_is_refused(body: bytes, words: str) -> None:
    """With a sentence that says what it is."""
    with pytest.raises(Problem, match=words) as refused:
        fields_of(body)
    assert (refused.value.status, str(refused.value).startswith("A request is one JSON object")) == (400, True)
