# SPDX-License-Identifier: GPL-3.0-or-later
"""An alert whose repair people must approve: it waits, they say yes, it repairs; or nobody does, and people are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.office import open_office

if TYPE_CHECKING:
    from tests.support.office import Office

POLICY = """
approvals:
  one-of-security:
    require: [{count: 1, from: [security]}]
    notify: [on-call]
    within: WITHIN
"""


def office_with(within: str) -> object:
    """Its trigger needs somebody of security."""
    policy = POLICY.replace("WITHIN", within)
    return open_office(policy, change=lambda text: text.replace("approval: automatic", "approval: one-of-security"))


def break_and_alert(office: Office) -> str:
    """The service dies, and its alert comes."""
    office.site.service.kill()
    return office.site.post(office.runner.url, office.site.alert())


def test_a_repair_waits_for_a_yes() -> None:
    """The message says what would run; after the yes it runs, and is verified like any other."""
    with office_with("10m") as office:  # type: ignore[attr-defined]
        cy = office.hire("cy", "security")
        incident = break_and_alert(office)
        office.site.wait_for(incident, "approval.asked")
        message = office.site.channel.messages[-1]
        assert "restart_service on web1 needs a yes" in message.title
        assert "restart_service_name" in message.text
        assert not [event for event in office.site.events(incident) if event.kind == "grant.intent"]
        assert office.answer(incident, cy)[0] == 202
        office.site.wait_for(incident, "grant.revoked")
        office.site.post(office.runner.url, office.site.alert("resolved"))
        assert office.site.wait_for(incident, "incident.closed")[0].body["result"] == "repaired"


def test_nobody_says_yes_and_people_are_called() -> None:
    """Nothing was opened."""
    with office_with("4s") as office:  # type: ignore[attr-defined]
        incident = break_and_alert(office)
        begun = office.site.wait_for(incident, "escalation.begun")[0].body
        assert "nobody approved within 4 s: it still needs 1 of security" in str(begun["why"])
        office.site.wait_for(incident, "escalation.delivered")
        assert not [event for event in office.site.events(incident) if event.kind == "grant.intent"]
