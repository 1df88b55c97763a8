# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of operators and auditors on their own machine: nothing but a login, and the runner's API."""

from __future__ import annotations

import json
import shlex
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.support.command_blocks import blocks
from tests.support.office import PASSWORD, Member, Office, open_office

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.support.site import Site

pytestmark = pytest.mark.slow

POLICY = """
people: {operators: [ops], auditors: [revision]}
"""


def prepare(site: Site) -> None:
    """A service that can't be repaired, and a trigger that tries once."""
    limits = {"attempts": "1", "firing_for": "0s", "cooldown": "0s", "repairs_per_day": "100"}
    site.change_policy(lambda trigger: trigger.update(limits=limits))
    site.broken.touch()
    site.service.stop()


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all."""
    with open_office(POLICY, prepare) as made:
        yield made


@pytest.fixture(scope="module")
def otto(office: Office) -> Member:
    """He operates, and has logged in."""
    made = office.hire("otto", "ops", factor=False)
    office.log_in(made)
    return made


@pytest.fixture(scope="module")
def rita(office: Office) -> Member:
    """She audits, and has logged in."""
    made = office.hire("rita", "revision", factor=False)
    office.log_in(made)
    return made


@pytest.fixture
def escalated(office: Office) -> str:
    """An incident that people were called for."""
    office.site.service.stop()
    incident = office.site.post(office.runner.url, office.site.alert())
    office.site.wait_for(incident, "escalation.delivered")
    return incident


def said(done: subprocess.CompletedProcess[str], code: int = 0) -> str:
    """What a command printed, when it ended so."""
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def test_an_incident_is_read_acknowledged_tried_again_and_closed(
    office: Office, otto: Member, rita: Member, escalated: str
) -> None:
    """The auditor reads the same, and changes nothing: she is told who may."""
    assert escalated in said(office.run(otto, "incidents"))
    assert [one["id"] for one in json.loads(said(office.run(rita, "incidents", "--json")))] == [escalated]
    assert "may do this (the policy's operators: ops)" in said(office.run(rita, "ack", escalated), 1)
    assert "acknowledged by otto" in said(office.run(otto, "ack", escalated))
    assert "already" in said(office.run(otto, "ack", escalated), 1)
    page = said(office.run(rita, "show", escalated))
    assert f"{escalated}  web-service-failed  web1   ESCALATED, acknowledged by otto" in page
    as_json = json.loads(said(office.run(rita, "show", escalated, "--json")))
    assert (as_json["id"], as_json["state"]) == (escalated, "escalated")
    assert "lines" not in as_json
    assert "Retry with a reason" in said(office.run(otto, "retry", escalated), 1)
    assert escalated in said(office.run(otto, "retry", escalated, "--reason", "the disk was full"))
    office.site.wait_for(escalated, "escalation.delivered", count=2)
    closed = said(office.run(otto, "close", escalated, "--reason", "done by hand"))
    assert f"{escalated}  closed, failed" in closed
    assert said(office.run(otto, "incidents")) == "No incident is open.\n"
    assert escalated in said(office.run(otto, "incidents", "--latest", "5"))


def test_what_was_read_there_is_what_is_read_on_the_runners_machine(
    office: Office, rita: Member, escalated: str
) -> None:
    """The same lines, whichever way they came."""
    there = said(office.run(rita, "show", escalated))
    here = said(office.run(rita, "show", escalated, "--settings", str(office.site.place.settings)))
    assert there == here
    listed = ("incidents", "--latest", "3", "--json")
    assert json.loads(said(office.run(rita, *listed))) == json.loads(
        said(office.run(rita, *listed, "--settings", str(office.site.place.settings)))
    )
    office.run(rita, "close", escalated, "--reason", "x", "--settings", str(office.site.place.settings))
    office.site.wait_for(escalated, "incident.closed")


def test_the_panic_button_is_pressed_from_afar(office: Office, otto: Member, rita: Member) -> None:
    """What is open is listed; then its play ends, the proof is waited for, and everything is held until it is lifted."""
    office.site.service.stop()
    incident = office.site.post(office.runner.url, office.site.alert())
    office.site.wait_for(incident, "task.started")
    assert f"{incident}  running  web-operator on web1  by web-service-failed" in said(office.run(rita, "grants"))
    assert "operators: ops" in said(office.run(rita, "revoke", "--all", "--reason", "x"), 1)
    pressed = said(office.run(otto, "revoke", "--all", "--reason", "stolen laptop"))
    assert f"{incident}  grant gone, proven at " in pressed
    assert "everything  held by otto" in said(office.run(rita, "holds"))
    assert json.loads(said(office.run(rita, "grants", "--json"))) == []
    assert "operators: ops" in said(office.run(rita, "hold", "lift", "--all", "--reason", "x"), 1)
    assert "lifted: everything" in said(office.run(otto, "hold", "lift", "--all", "--reason", "found again"))
    assert said(office.run(rita, "holds")).startswith("No hold is set here.")
    office.site.wait_for(incident, "incident.closed")


def test_a_host_is_held_and_lifted(office: Office, otto: Member) -> None:
    """A name that nobody knows stops nothing, and is refused."""
    assert 'Did you mean "web1"?' in said(office.run(otto, "hold", "--host", "web2", "--reason", "new disks"), 1)
    assert "lift it with: breakglass hold lift --host web1" in said(
        office.run(otto, "hold", "--host", "web1", "--reason", "new disks")
    )
    (hold,) = json.loads(said(office.run(otto, "holds", "--json")))
    assert (hold["name"], hold["by"], "line" in hold) == ("web1", "otto", False)
    assert "lifted: web1" in said(office.run(otto, "hold", "lift", "web1", "--reason", "they are in"))
    assert "No hold is set on web1" in said(office.run(otto, "hold", "lift", "web1", "--reason", "x"), 1)


def test_an_incident_is_watched_to_its_end(office: Office, otto: Member, escalated: str) -> None:
    """Each step on a line, the last one being its end; then the command is over."""
    office.run(otto, "close", escalated, "--reason", "done by hand")
    lines = said(office.run(otto, "watch", escalated)).splitlines()
    assert all(escalated in line for line in lines)
    assert lines[-1].split()[2:4] == ["closed", "failed"]
    assert any("grant" in line for line in lines)
    assert "that you may see" in said(office.run(otto, "watch", "INC-NONE00"), 1)


def test_the_commands_of_the_guide_do_what_they_are_there_for(office: Office, escalated: str) -> None:
    """Those of operating.md, in their order and as they stand there, by somebody who has nothing but a name and a password.

    `watch` goes on beside the others until its incident is closed.
    """
    olga = office.hire("olga", "ops", factor=False)
    other = office.site.post(office.runner.url, {**office.site.alert(fingerprint="0ddba11"), "groupKey": "another"})
    office.site.wait_for(other, "incident.opened")
    words = {
        "https://breakglass.example.com": office.runner.url,
        "INC-7K3M": escalated,
        "INC-9QX2": other,
    }
    (block,) = [one for one in blocks() if one.page == "docs/guides/operating.md"]
    shown = {text: [words.get(word, word) for word in shlex.split(text)[1:]] for text in block.commands}
    with ThreadPoolExecutor(1) as aside:
        watching = None
        for text, given in shown.items():
            if given[0] == "watch":
                watching = aside.submit(office.run, olga, *given)
                continue
            done = office.run(olga, *given, said=f"{olga.name}\n{PASSWORD}\n" if given[0] == "login" else "")
            assert done.returncode == 0, (text, done.stdout, done.stderr)
        assert watching is not None
        assert "everything  held by olga" in said(office.run(olga, "holds"))
        assert office.site.states()[other] == "closed"
        said(office.run(olga, "hold", "lift", "--all", "--reason", "found again"))
        said(office.run(olga, "close", escalated, "--reason", "done by hand"))
        assert said(watching.result(60)).splitlines()[-1].split()[2:4] == ["closed", "failed"]


def test_without_a_login_or_without_vault_the_other_way_is_named(office: Office, otto: Member) -> None:
    """On the runner's machine it works by its settings."""
    nobody = office.hire("nobody", factor=False)
    refused = said(office.run(nobody, "holds"), 1)
    assert ("breakglass login" in refused, "--settings FILE" in refused) == (True, True)
    home = office.site.scratch / f"home-{nobody.name}"
    kept = office.site.scratch / f"home-{otto.name}" / ".local" / "state" / "breakglass" / "login.json"
    to = home / ".local" / "state" / "breakglass" / "login.json"
    to.parent.mkdir(parents=True, mode=0o700)
    shutil.copy(kept, to)
    login = json.loads(to.read_text(encoding="utf-8"))
    to.write_text(json.dumps({**login, "vault": "http://127.0.0.1:9"}), encoding="utf-8")
    assert "--settings FILE" in said(office.run(nobody, "holds"), 1)
    assert said(office.run(nobody, "holds", "--settings", str(office.site.place.settings))).startswith("No hold")
