# SPDX-License-Identifier: GPL-3.0-or-later
"""A runner that speaks TLS by a certificate of one's own authority, operated from another machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from tests.support.certificates import Authority
from tests.support.office import PASSWORD, Office, open_office

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.site import Site

POLICY = """
people: {operators: [ops]}
"""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Whose certificate the runner has."""
    return Authority.create(tmp_path, "ours")


@pytest.fixture
def office(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """A runner that observes, by TLS."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    server = authority.server()

    def prepare(site: Site) -> None:
        site.change_policy(lambda trigger: trigger.update(mode="observe", limits={"firing_for": "0s"}))
        settings = yaml.safe_load(site.place.settings.read_text(encoding="utf-8"))
        settings["tls"] = {"certificate": str(server.certificate), "key": str(server.key)}
        site.place.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")

    with open_office(POLICY, prepare) as made:
        yield made


def test_the_commands_work_over_tls(office: Office, authority: Authority) -> None:
    """Once the authority is named at the login; without it nobody is sent an identity token."""
    otto = office.hire("otto", "ops", factor=False)
    login = ("login", "--username", "otto")
    refused = office.run(otto, *login, said=f"{PASSWORD}\n")
    assert (refused.returncode, "is not trusted, and was told nothing" in refused.stderr) == (1, True)
    done = office.run(otto, *login, "--runner-ca", str(authority.path), said=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    assert office.runner.url.startswith("https://")
    incident = office.site.post(office.runner.url, office.site.alert())
    office.site.wait_for(incident, "incident.closed")
    assert incident in office.run(otto, "incidents", "--latest", "1").stdout
    watched = office.run(otto, "watch", incident)
    assert (watched.returncode, "closed      observed" in watched.stdout) == (0, True), watched
    held = office.run(otto, "hold", "--all", "--reason", "change freeze")
    assert "everything  held by otto" in held.stdout, held.stderr
    assert "lifted: everything" in office.run(otto, "hold", "lift", "--all", "--reason", "over").stdout
