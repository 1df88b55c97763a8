# SPDX-License-Identifier: GPL-3.0-or-later
"""What a runner says before it looks at a call: to what is no HTTP, and when there are too many at once."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tests.support.site import Site

from breakglass.web.headers import ALWAYS
from breakglass.web.peers import MOST_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.demo.serving import Serving


@pytest.fixture(scope="module")
def runner() -> Iterator[Serving]:
    """One for all."""
    with Site() as site, site.runner() as made:
        yield made


def connect(runner: Serving) -> socket.socket:
    """A connection."""
    parts = urlsplit(runner.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=30)


def said(connection: socket.socket) -> tuple[int, dict[str, str], dict[str, object]]:
    """All that is answered until the other side hangs up: status, headers, problem."""
    content = b""
    while part := connection.recv(65_536):
        content += part
    head, _, body = content.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(first.split()[1]), {name.lower(): value for name, value in headers.items()}, json.loads(body)


def assert_problem(answer: tuple[int, dict[str, str], dict[str, object]], status: int, words: str) -> None:
    """As every other refusal is."""
    found, headers, problem = answer
    assert (found, problem["status"], headers["content-type"]) == (status, status, "application/problem+json")
    assert words in str(problem["detail"])
    assert {name.lower(): value for name, value in ALWAYS.items()}.items() <= headers.items()


@pytest.mark.parametrize(
    "words",
    [
        b"GIBBERISH\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: \0\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01" * 9 + b"\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(runner: Serving, words: bytes) -> None:
    """With problem details, and the headers of every answer."""
    with connect(runner) as connection:
        connection.sendall(words)
        assert_problem(said(connection), 400, "RFC 9112")


def test_too_many_at_once_are_told_to_come_again(runner: Serving) -> None:
    """With a problem like others, and when."""
    ask = b"GET /healthz HTTP/1.1\r\nHost: runner\r\nConnection: close\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(MOST_AT_ONCE):
            stack.enter_context(connect(runner))
        late = stack.enter_context(connect(runner))
        late.sendall(ask)
        answer = said(late)
        assert_problem(answer, 503, f"takes {MOST_AT_ONCE} calls at once")
        assert answer[1]["retry-after"] == "5"
