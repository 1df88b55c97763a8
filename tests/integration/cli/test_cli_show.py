# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass show`, `watch` and `handover`: on the real runner of this folder, and what can't be meant."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.support.journal_on_disk import write_example
from tests.support.journal_records import INCIDENT, RUN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.cli.conftest import Call, Command
    from tests.support.site import Site


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return write_example(tmp_path / "journal")


def test_an_incident_of_a_runner(breakglass: Command, site: Site) -> None:
    """With how it stands by the database, and the same without it."""
    (incident,) = site.states()
    shown = breakglass("show", incident, "--settings", site.place.settings)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[0] == f"{incident}  web-service-failed  web1   CLOSED, observed"
    assert "observed    would have run breakglass.remediation.restart_service" in shown.stdout
    assert breakglass("show", incident, "--journal", site.place.journal).stdout == shown.stdout


def test_a_database_that_is_away(call: Call, site: Site, tmp_path: Path) -> None:
    """The journal has to do; that is said, and the command does not end as if all were well."""
    (incident,) = site.states()
    text = site.place.settings.read_text(encoding="utf-8")
    settings = tmp_path / "settings.yml"
    settings.write_text(text.replace(str(site.scratch / "breakglass.db"), str(tmp_path / "none.db")), encoding="utf-8")
    shown = call("show", incident, "--settings", settings)
    assert shown.returncode == 1
    assert shown.stdout.startswith(f"{incident}  web-service-failed  web1   CLOSED, observed")
    assert "How it stands is told by the journal alone. There is no database at" in shown.stderr
    handed = call("handover", "--settings", settings)
    assert (handed.returncode, "There is no database at" in handed.stderr) == (1, True)


def test_handover_of_a_runner_that_is_down(breakglass: Command, site: Site) -> None:
    """Says what has ended, and that nothing is open."""
    handed = breakglass("handover", "--settings", site.place.settings)
    assert handed.returncode == 0, handed.stderr
    assert "OPEN: none" in handed.stdout
    assert "ENDED: 1 (1 observed)" in handed.stdout
    made = json.loads(breakglass("handover", "--settings", site.place.settings, "--json").stdout)
    assert [one["result"] for one in made["ended"]] == ["observed"]
    odd = breakglass("handover", "--settings", site.place.settings, "--since", "lately")
    assert (odd.returncode, "is not a moment" in odd.stderr) == (1, True)


def test_one_that_is_closed_is_watched_to_its_end(call: Call, journal: Path) -> None:
    """And the command ends."""
    watched = call("watch", INCIDENT, "--journal", journal)
    assert watched.returncode == 0, watched.stderr
    assert watched.stdout.splitlines()[-1].endswith("closed      repaired in 2.3 s")


def test_for_programs(call: Call, journal: Path) -> None:
    """One object; of what is watched a step a line."""
    assert json.loads(call("show", INCIDENT, "--journal", journal, "--json").stdout)["state"] == "closed"
    step = json.loads(call("watch", INCIDENT, "--journal", journal, "--json").stdout.splitlines()[-1])
    assert list(step) == ["incident", "at", "kind", "stream", "name", "text"]
    assert (step["kind"], step["name"], step["text"]) == ("incident.closed", "closed", "repaired in 2.3 s")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", RUN], f"{RUN} is not an incident"),
        (["show", "INC-NONE"], "has no incident, run or stream INC-NONE"),
        (["watch", "INC-NONE"], "has no incident, run or stream INC-NONE"),
    ],
)
def test_what_can_not_be_shown(call: Call, journal: Path, words: list[str], said: str) -> None:
    """Is said in a sentence."""
    done = call(*words, "--journal", journal)
    assert (done.returncode, said in done.stderr) == (1, True)
