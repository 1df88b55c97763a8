# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that are sent again: by a program with a key of its own, and by the client whose answer got lost."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
import uuid
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi
from tests.e2e.test_approvals import POLICY, WISH, ask, withdraw
from tests.support.cut_proxy import CutProxy
from tests.support.office import Member, Office, open_office
from tests.support.traces import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all."""
    with open_office(POLICY, hand_out=True) as made:
        yield made


@pytest.fixture(scope="module")
def ada(office: Office) -> Member:
    """She asks."""
    return office.hire("ada", "web-team", factor=False)


@pytest.fixture(scope="module")
def ben(office: Office) -> Member:
    """He may approve."""
    return office.hire("ben", "dba")


def post(office: Office, path: str, who: Member, body: object, key: str) -> tuple[int, dict[str, object], bool]:
    """A call with a key: status, answer, and whether it was given before."""
    request = urllib.request.Request(f"{office.runner.url}/api/v1{path}", json.dumps(body).encode(), method="POST")
    request.add_header("Authorization", f"Bearer {office.identity_token(who)}")
    request.add_header("Idempotency-Key", key)
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return answer.status, json.loads(answer.read() or b"{}"), "Idempotent-Replayed" in answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read()), "Idempotent-Replayed" in error.headers


def asked(office: Office, who: Member) -> list[str]:
    """Their requests that are not over."""
    items = office.call("GET", "/requests", who)[1]["items"]
    assert isinstance(items, list)
    return [str(item["request"]) for item in items]


def test_a_request_is_made_once(office: Office, ada: Member, ben: Member) -> None:
    """The same key and body give the same request, also after a restart; another body is refused, another person's key is theirs."""
    key = str(uuid.uuid4())
    status, made, again = post(office, "/requests", ada, WISH, key)
    assert (status, again) == (202, False), made
    assert post(office, "/requests", ada, WISH, key) == (202, made, True)
    assert post(office, "/requests", ada, {**WISH, "reason": "another"}, key)[0] == 422
    assert post(office, "/requests", ben, WISH, key)[::2] == (403, False)
    office.runner.kill()
    office.runner.start()
    assert post(office, "/requests", ada, WISH, key) == (202, made, True)
    assert asked(office, ada) == [made["request"]]
    withdraw(office, str(made["request"]), ada)


def test_a_yes_is_said_once(office: Office, ada: Member, ben: Member) -> None:
    """Although its code is good once, the repeated call is answered as the first was."""
    incident, key = ask(office, ada), str(uuid.uuid4())
    digest = office.call("GET", f"/approvals/{incident}", ben)[1]["digest"]
    said = {"digest": digest, "yes": True, "reason": "as agreed", "code": ben.code()}
    first = post(office, f"/approvals/{incident}", ben, said, key)
    assert first[::2] == (202, False), first
    assert post(office, f"/approvals/{incident}", ben, said, key) == (202, first[1], True)
    office.site.wait_for(incident, "approval.given")
    assert post(office, f"/approvals/{incident}", ben, said, str(uuid.uuid4()))[0] in {403, 409}
    withdraw(office, incident, ada)
    assert len([event for event in office.site.events(incident) if event.kind == "approval.given"]) == 1


def test_the_client_repeats_what_got_lost(office: Office, ada: Member) -> None:
    """The runner has obeyed, and its answer is cut off: the client asks again, and there is one request."""
    with CutProxy(office.runner.url) as proxy:
        proxy.cut_after("/api/v1/requests")
        mending = threading.Thread(
            target=lambda: (wait_until(lambda: proxy.is_cut, 20, "it is not cut"), proxy.pass_on())
        )
        mending.start()
        made = RunnerApi(office.admin.with_token(ada.token), proxy.url).call("POST", "/api/v1/requests", WISH)
        mending.join()
    assert asked(office, ada) == [made["request"]]
    withdraw(office, str(made["request"]), ada)
