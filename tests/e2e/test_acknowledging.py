# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever people are called for can be acknowledged on the page that the message names, also without an approval."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.e2e.test_approvals import POLICY
from tests.support.office import Office, open_office
from tests.support.phone import Phone

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
    assert phone.post(f"{path}/acknowledge", {"token": phone.form_token(path)}).status == 303
    assert office.site.wait_for(incident, "order.given")[0].body["by"] == "ben"
    assert "ben has it." in phone.get(path).text
