# SPDX-License-Identifier: GPL-3.0-or-later
"""Who calls too often is held back, with 429 and when to come again; others are not, though they come from the same address."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

import pytest
from tests.e2e.test_approvals import POLICY
from tests.support.office import Member, Office, open_office

from breakglass.web.pace import GUESSES, WRITES

if TYPE_CHECKING:
    from collections.abc import Iterator

FAR_MORE = 10


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all."""
    with open_office(POLICY) as made:
        yield made


@pytest.fixture(scope="module")
def ada(office: Office) -> Member:
    """She calls."""
    return office.hire("ada", "web-team", factor=False)


@pytest.fixture(scope="module")
def ben(office: Office) -> Member:
    """He calls, too."""
    return office.hire("ben", "dba", factor=False)


def send(office: Office, method: str, path: str, token: str) -> tuple[int, str]:
    """Status, and after how many seconds to come again."""
    connection = http.client.HTTPConnection(office.runner.url.removeprefix("http://"), timeout=15)
    try:
        connection.request(method, f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers.get("Retry-After", "")
    finally:
        connection.close()


def until_held_back(office: Office, method: str, path: str, token: str, at_once: int) -> tuple[list[int], str]:
    """Call until it is held back: what came before, and when to come again."""
    seen: list[int] = []
    while len(seen) < FAR_MORE * at_once:
        status, later = send(office, method, path, token)
        if status == 429:
            return seen, later
        seen.append(status)
    raise AssertionError(seen)


def held_back(office: Office, what: str) -> float:
    """The number at /metrics."""
    connection = http.client.HTTPConnection(office.runner.url.removeprefix("http://"), timeout=15)
    try:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    finally:
        connection.close()
    start = f'breakglass_calls_held_back_total{{of="{what}"}} '
    return sum(float(line.removeprefix(start)) for line in lines if line.startswith(start))


def test_who_writes_too_often_is_held_back(office: Office, ada: Member, ben: Member) -> None:
    """Reading goes on, and so does everybody else."""
    token = office.identity_token(ada)
    before = held_back(office, "writes")
    seen, later = until_held_back(office, "DELETE", "/requests/INC-NONE", token, WRITES.at_once)
    assert (set(seen), later) == ({404}, "1")
    assert len(seen) >= WRITES.at_once
    assert send(office, "GET", "/me", token)[0] == 200
    assert send(office, "DELETE", "/requests/INC-NONE", office.identity_token(ben))[0] == 404
    assert held_back(office, "writes") > before


@pytest.mark.parametrize("guess", ["", "x", "a.b.c", "e30.e30.e30"])
def test_who_guesses_is_held_back(office: Office, ada: Member, guess: str) -> None:
    """Before Vault is asked; a real token passes from the same address all the same."""
    token = office.identity_token(ada)
    before = held_back(office, "guesses")
    seen, later = until_held_back(office, "GET", "/me", guess, GUESSES.at_once)
    assert (set(seen) <= {401}, later) == (True, "1")
    assert send(office, "GET", "/me", token)[0] == 200
    assert send(office, "GET", "/me", token[:-4] + "AAAA")[0] in {401, 429}
    assert held_back(office, "guesses") > before
