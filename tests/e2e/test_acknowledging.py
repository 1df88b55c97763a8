# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever people are called for can be acknowledged on the page that the message names, also without an approval."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.e2e.test_approvals import POLICY
from tests.support.office import Office, open_office
from tests.support.phone import Phone
from tests.support.traces import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def office() -> Iterator[Office]:
    with open_office(POLICY, pages=True) as made:
        yield made


def test_who_is_called_follows_the_link_and_has_it(office: Office) -> None:
    """An alert that nobody had to approve anything for; a stranger sees nothing of it, and acknowledges nothing."""
    ben, eve = office.hire("ben", "dba"), office.hire("eve")
    incident = office.site.post(office.runner.url, office.site.alert(labels={"instance": "nobody-knows"}))
    office.site.wait_for(incident, "escalation.delivered")
    link = re.search(r"ACK +(\S+)", office.site.channel.messages[-1].text)
    assert link
    assert link[1] == f"{office.runner.url}/approvals/{incident}"
    path = f"/approvals/{incident}"

    stranger = Phone(office)
    stranger.sign_in(eve)
    assert stranger.get(path).status == 404
    assert stranger.post(f"{path}/acknowledge", {"token": stranger.form_token("/approvals")}).status == 404

    phone = Phone(office)
    assert phone.get(path).status == 401
    phone.sign_in(ben, incident)
    assert incident in phone.get("/approvals").text
    page = phone.get(path).text
    assert "unknown-host" in page
    assert "people were called" in page
    assert 'name="code"' not in page
    assert phone.post(f"{path}/acknowledge", {"token": phone.form_token(path)}).status in {
        202,
        303,
    }  # 202: a busy runner has stored it
    assert office.site.wait_for(incident, "order.given")[0].body["by"] == "ben"
    wait_until(lambda: "ben has it." in phone.get(path).text, 30, "the page does not say who has it")


def test_the_journal_says_who_came_and_left(office: Office) -> None:
    """Who signed in and out, and that somebody could not; neither a code nor a cookie of theirs."""
    ben, phone = office.hire("ben", "dba"), Phone(office)
    way = phone.back_from_vault(ben, phone.begin())
    assert Phone(office).get(way).status == 403, "another browser's"
    assert phone.get(way).status == 200
    secrets = [*phone.cookies.values(), way.partition("code=")[2].partition("&")[0]]
    assert phone.post("/sign-out", {"token": phone.form_token("/approvals")}).status == 200
    refused, accepted, ended = _of_the_day(office, 3)
    assert refused["kind"] == "sign_in.refused"
    assert "begun in another browser" in refused["body"]["why"]
    who = {"by": "ben", "entity": ben.entity, "from": "this machine"}
    assert (accepted["kind"], accepted["body"]) == ("sign_in.accepted", who)
    assert (ended["kind"], ended["body"]) == ("sign_in.ended", who)
    recorded = "".join(path.read_text() for path in office.site.place.journal.rglob("*.jsonl"))
    assert not [secret for secret in secrets if len(secret) > 8 and secret in recorded]


def _of_the_day(office: Office, count: int) -> list[dict[str, Any]]:
    """So many records of signing in, once they are there."""
    until = time.monotonic() + 30
    while True:
        lines = [
            line
            for path in office.site.place.journal.glob("*/*/*/runner.jsonl")
            for line in path.read_text().splitlines()
        ]
        found = [record for record in map(json.loads, lines) if record["kind"].startswith("sign_in.")]
        if len(found) >= count or time.monotonic() > until:
            assert len(found) == count, found
            return found
        time.sleep(0.1)
