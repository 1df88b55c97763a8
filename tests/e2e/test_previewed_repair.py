# SPDX-License-Identifier: GPL-3.0-or-later
"""Before people say yes they see what would change: found on the real host in check mode, under a lesser grant that is gone by then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from tests.support.office import open_office
from tests.support.phone import Phone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.office import Member, Office
    from tests.support.site import Site

    from breakglass.timeline import Event

pytestmark = pytest.mark.slow

TOKEN = "hvs.CAESIJ0123456789abcdefghijklmnop"
PASSWORD = "correct-horse-battery"
POLICY = """
approvals:
  one-of-dba:
    require: [{count: 1, from: [dba]}]
    notify: [on-call]
    within: 10m
"""
ROLE = {
    "meta/argument_specs.yml": """\
argument_specs:
  main:
    short_description: Write a configuration
    options:
      write_config_path: {description: The file., type: path, required: true}
      write_config_hold: {description: While it is there the role waits., type: path, required: true}
""",
    "meta/remediation.yml": "idempotent: true\nexpected_duration: 5s\ncheck_mode: full\n",
    "tasks/main.yml": f"""\
- name: Wait while somebody looks
  ansible.builtin.command: sh -c 'while [ -e "$0" ]; do sleep 0.1; done' "{{{{ write_config_hold }}}}"
  changed_when: false
  check_mode: false
- name: Write the configuration
  ansible.builtin.copy:
    dest: "{{{{ write_config_path }}}}"
    mode: "0600"
    content: |
      port = 8443
      vault = {TOKEN}
      password = {PASSWORD}
- name: Say nothing of this
  ansible.builtin.copy:
    dest: "{{{{ write_config_path }}}}.quiet"
    mode: "0600"
    content: quiet-canary
  no_log: true
""",
}


class Place:
    """The files of one office."""

    def __init__(self) -> None:
        self.scratch: Path

    @property
    def file(self) -> Path:
        """What is repaired."""
        return self.scratch / "shop.conf"

    @property
    def hold(self) -> Path:
        """While it is there the role waits."""
        return self.scratch / "hold"

    def prepare(self, site: Site) -> None:
        """A collection with the role; a trigger that asks people, with a preview; its access opens a secret, too."""
        self.scratch = site.scratch
        home = site.scratch / "collections"
        for name, text in ROLE.items():
            path = home / "ansible_collections" / "shop" / "repairs" / "roles" / "write_config" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        settings = yaml.safe_load(site.place.settings.read_text())
        site.place.settings.write_text(yaml.safe_dump({**settings, "collections": [str(home)]}))
        policy = yaml.load(site.place.policy.read_text(), yaml.BaseLoader)
        policy["access"] = {
            "web-operator": {
                "hosts": ["web"],
                "credentials": [{"kind": "ssh"}, {"kind": "secret", "path": "shop/config"}],
            },
            "web-observer": {"hosts": ["web"]},
        }
        (trigger,) = policy["triggers"]
        trigger |= {
            "approval": "one-of-dba",
            "preview": "web-observer",
            "remediation": "shop.repairs.write_config",
            "parameters": {"write_config_path": str(self.file), "write_config_hold": str(self.hold)},
        }
        site.place.policy.write_text(yaml.safe_dump(policy, sort_keys=False))
        self.file.write_text("port = 80\npassword = the-old-one\n")


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def office(place: Place) -> Iterator[Office]:
    with open_office(POLICY, place.prepare, pages=True) as made:
        yield made


@pytest.fixture
def ben(office: Office) -> Member:
    return office.hire("ben", "dba")


def wait_for_the_role(site: Site, incident: str) -> None:
    """Until the role waits on the host."""
    for count in range(1, 99):
        newest = site.wait_for(incident, "task.intent", count=count)[-1]
        if "Wait while somebody looks" in str(newest.body["name"]):
            return


def of_stream(events: list[Event], name: str) -> list[Event]:
    return [event for event in events if event.stream.endswith(name)]


def test_people_see_the_difference_and_then_exactly_that_is_done(office: Office, place: Place, ben: Member) -> None:
    """In the message, on the terminal, over the API and on the page; masked everywhere; nothing changes before the yes."""
    site = office.site
    incident = site.post(office.runner.url, site.alert())
    asked = site.wait_for(incident, "approval.asked")[0].body
    assert place.file.read_text() == "port = 80\npassword = the-old-one\n"
    previewed = site.wait_for(incident, "plan.previewed")[0].body
    assert asked["preview"] == previewed["preview"]
    assert previewed["why"] == "would change 2 things"

    office.log_in(ben)
    code = ben.code()
    phone = Phone(office)
    phone.sign_in(ben, incident)
    shown = {
        "message": site.channel.messages[-1].text,
        "api": str(office.call("GET", f"/approvals/{incident}", ben)[1]),
        "page": phone.get(f"/approvals/{incident}").text,
        "terminal": (approved := office.run(ben, "approve", incident, said=f"{code}\n")).stdout,
    }
    assert approved.returncode == 0, approved.stderr
    for where, text in shown.items():
        for words in ("write_config : Write the configuration", "-port = 80", "+port = 8443", "+vault = [masked]"):
            assert words in text, f"{words} is not in the {where}: {text}"
    site.wait_for(incident, "grant.revoked", count=2)
    assert place.file.read_text() == f"port = 8443\nvault = {TOKEN}\npassword = {PASSWORD}\n"
    site.post(office.runner.url, site.alert("resolved"))
    assert site.wait_for(incident, "incident.closed")[0].body["result"] == "repaired"

    events = site.events(incident)
    (given,) = [event for event in events if event.kind == "approval.given"]
    assert (given.body["preview"], given.body["digest"]) == (previewed["preview"], previewed["digest"])
    order = [
        event.kind
        for event in events
        if event.kind in ("grant.minted", "play.ended", "grant.revoked", "approval.asked")
    ]
    assert order == [
        "grant.minted",
        "play.ended",
        "grant.revoked",
        "approval.asked",
        "grant.minted",
        "play.ended",
        "grant.revoked",
    ]
    for name in ("play-1", "credentials-1"):
        records = of_stream(events, name)
        assert records
        assert all(event.body.get("preview") is True for event in records)
    assert not any("preview" in event.body for name in ("play-2", "credentials-2") for event in of_stream(events, name))
    first, second = (
        next(event.body for event in of_stream(events, name) if event.kind == "run.started")
        for name in ("play-1", "play-2")
    )
    assert (first["check_mode"], second["check_mode"]) == (True, False)
    assert first["plan_digest"] == second["plan_digest"] == previewed["digest"]
    accesses = [event.body["access"] for event in events if event.kind == "grant.intent"]
    assert accesses == ["web-observer", "web-operator"]

    recorded = b"".join(path.read_bytes() for path in site.place.journal.rglob("*.jsonl"))
    recorded += b"".join(path.read_bytes() for path in site.scratch.glob("breakglass.db*"))
    for secret in (TOKEN, PASSWORD, "the-old-one", "quiet-canary"):
        assert not [where for where, text in shown.items() if secret in text]
        assert secret.encode() not in recorded
    assert site.verify().exit_code == 0


def test_one_that_fails_is_told_and_people_are_asked(office: Office, place: Place, ben: Member) -> None:
    """A directory that is not there: check mode fails on the host, and the question says so."""
    site = office.site
    place.file.unlink()
    place.file.mkdir()
    (place.file / "in-the-way").touch()
    incident = site.post(office.runner.url, site.alert(labels={"fault": "other"}))
    why = str(site.wait_for(incident, "plan.previewed")[0].body["why"])
    assert why.startswith("could not be previewed: web1: ")
    site.wait_for(incident, "approval.asked")
    assert "could not be previewed" in site.channel.messages[-1].text
    assert office.answer(incident, ben, yes=False)[0] == 202
    assert site.wait_for(incident, "approval.denied")


def test_a_runner_that_is_killed_meanwhile_makes_it_again(office: Office, place: Place, ben: Member) -> None:
    """The first grant is closed and proven gone, the second preview is shown; a yes does what it says."""
    site = office.site
    place.hold.touch()
    incident = site.post(office.runner.url, site.alert())
    wait_for_the_role(site, incident)
    office.runner.kill()
    place.hold.unlink()
    office.runner.start()
    site.wait_for(incident, "approval.asked", seconds=90)
    events = site.events(incident)
    assert [event.body["preview"] for event in events if event.kind == "grant.revoked"] == [True, True]
    assert next(event.body["why"] for event in events if event.kind == "plan.previewed") == "would change 2 things"
    assert place.file.read_text().startswith("port = 80\n")
    assert office.answer(incident, ben)[0] == 202
    site.wait_for(incident, "grant.revoked", count=3)
    assert place.file.read_text().startswith("port = 8443\n")
