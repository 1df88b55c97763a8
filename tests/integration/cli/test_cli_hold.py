# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass hold`, `hold lift` and `holds` where no runner works at the moment; the runner's side is in tests/e2e."""

from __future__ import annotations

import json
import os
import pwd
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from breakglass.demo.installation import Installation, write_inventory, write_settings
from breakglass.people import person_of
from breakglass.store.database import Database
from breakglass.store.journal_queue import JournalQueue

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from tests.integration.cli.conftest import Call

    Holds = Callable[..., subprocess.CompletedProcess[str]]

ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def files() -> Iterator[Installation]:
    """The files of an installation whose runner has worked once; nothing runs."""
    with TemporaryDirectory(prefix="bg-") as directory:
        place = Installation(Path(directory) / "site", Path(directory))
        place.directory.mkdir()
        write_settings(place, "http://127.0.0.1:9", "json://127.0.0.1:9/")
        write_inventory(place, 1, ["/bin/true"], ["/bin/true"], "http://127.0.0.1:9/")
        Database.open(f"sqlite:///{place.scratch}/breakglass.db").close()
        yield place


@pytest.fixture
def breakglass(call: Call, files: Installation, monkeypatch: pytest.MonkeyPatch) -> Holds:
    """The command with the settings of that installation, called by a user who did not come by sudo."""
    monkeypatch.delenv("SUDO_USER", raising=False)
    return lambda *words: call(*words, "--settings", files.settings)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--all",), "everything"),
        (("--host", "web1"), "web1"),
        (("--trigger", "web-service-failed"), "the trigger web-service-failed"),
    ],
)
def test_holding_and_lifting(breakglass: Holds, words: tuple[str, ...], what: str) -> None:
    """A hold is set with a reason, listed with who and how to lift it, and lifted with a reason."""
    made = breakglass("hold", *words, "--reason", "change freeze")
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith(f"{what}  held by {ME} since ")
    assert f"breakglass hold lift {' '.join(words)} --reason …" in made.stdout
    assert breakglass("holds").stdout == made.stdout

    lifted = breakglass("hold", "lift", *words, "--reason", "it is over")
    assert lifted.returncode == 0, lifted.stderr
    assert lifted.stdout.startswith(f"lifted: {what}  held by {ME}")
    assert "No hold is set here" in breakglass("holds").stdout


def test_a_host_by_its_name_alone(breakglass: Holds) -> None:
    """`hold lift web1` is `hold lift --host web1`."""
    breakglass("hold", "--host", "web1", "--reason", "disks")
    assert breakglass("hold", "lift", "web1", "--reason", "done").returncode == 0
    assert breakglass("holds", "--json").stdout.strip() == "[]"


def test_holds_for_programs(breakglass: Holds) -> None:
    """`holds --json` is a list of objects; what it lists is all that stands."""
    breakglass("hold", "--all", "--reason", "freeze")
    breakglass("hold", "--host", "web1", "--reason", "disks")
    everything, host = json.loads(breakglass("holds", "--json").stdout)
    assert (everything["scope"], everything["name"], everything["reason"]) == ("all", "", "freeze")
    assert (host["scope"], host["name"], host["by"], host["set_by"]) == ("host", "web1", ME, "person")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("hold", "--host", "web1"), "with a reason"),
        (("hold", "--host", "web1", "--reason", "  "), "with a reason"),
        (("hold", "--all", "--reason", "x" * 501), "501 characters"),
        (("hold", "--reason", "why"), "--host NAME, --trigger NAME, or --all"),
        (("hold", "--all", "--host", "web1", "--reason", "why"), "one of them"),
        (("hold", "--host", "", "--reason", "why"), "never means everything"),
        (("hold", "--host", "web11", "--reason", "why"), 'web11 is not in the inventory, so this would stop nothing. Did you mean "web1"?'),
        (("hold", "--host", "web1:9100", "--reason", "why"), "not in the inventory"),
        (("hold", "--host", "web*", "--reason", "why"), "not in the inventory"),
        (("hold", "--trigger", "web-servise-failed", "--reason", "why"), 'Did you mean "web-service-failed"?'),
        (("hold", "lift", "--host", "web1"), "with a reason"),
        (("hold", "lift", "--host", "web1", "--reason", "why"), "No hold is set on web1"),
        (("hold", "lift", "--all", "--reason", "why"), "No hold is set on everything"),
        (("hold", "lift", "--reason", "why"), "--host NAME"),
    ],
)  # fmt: skip
def test_what_is_refused(breakglass: Holds, words: tuple[str, ...], sentence: str) -> None:
    """Without a reason, without one target, with a name that nobody knows: a sentence, exit 1, and nothing has changed."""
    refused = breakglass(*words)
    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert json.loads(breakglass("holds", "--json").stdout) == []


def test_options_before_lift(call: Call, files: Installation) -> None:
    """`hold --host web1 lift` would look as if it lifted web1: that is wrong use."""
    refused = call("hold", "--host", "web1", "lift", "--all", "--reason", "x", "--settings", files.settings)
    assert refused.returncode == 3


def test_two_hosts_at_once(breakglass: Holds) -> None:
    """Hosts that are named together are held and lifted together, or not at all."""
    assert breakglass("hold", "--host", "web1", "--host", "web9", "--reason", "x").returncode == 1
    assert json.loads(breakglass("holds", "--json").stdout) == []


@pytest.mark.parametrize("file", ["inventory", "policy"])
def test_the_button_works_when_nobody_can_say_what_a_name_is(breakglass: Holds, files: Installation, file: str) -> None:
    """With a broken inventory or policy a hold is set without a look at the name."""
    (files.inventory if file == "inventory" else files.policy).write_text("a: [", encoding="utf-8")
    word = "--host" if file == "inventory" else "--trigger"
    assert breakglass("hold", word, "whatever", "--reason", "stop").returncode == 0


def test_the_record_waits_for_the_runner(breakglass: Holds, files: Installation) -> None:
    """Person and reason stand in the database for the journal, from the moment in which the hold does."""
    breakglass("hold", "--host", "web1", "--reason", "disks")
    breakglass("hold", "lift", "web1", "--reason", "done")
    database = Database.beside(f"sqlite:///{files.scratch}/breakglass.db")
    was_set, lifted = JournalQueue(database).waiting()
    database.close()
    assert (was_set.kind, was_set.body["by"], was_set.body["reason"]) == ("hold.set", ME, "disks")
    assert (lifted.kind, lifted.body["by"], lifted.body["why"]) == ("hold.lifted", ME, "done")


def test_where_no_runner_was(breakglass: Holds, files: Installation) -> None:
    """A path without a database is said, and none is made there."""
    for left in files.scratch.glob("breakglass.db*"):
        left.unlink()
    refused = breakglass("hold", "--all", "--reason", "stop")
    assert refused.returncode == 1
    assert "There is no database at" in refused.stderr
    assert not list(files.scratch.glob("breakglass.db"))


def test_a_reason_can_not_paint_the_terminal(breakglass: Holds) -> None:
    """What somebody wrote as a reason is shown as text, control characters and all."""
    shown = breakglass("hold", "--all", "--reason", "\x1b[2Jstop\n  lifted: web1").stdout
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 2


def test_who_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user of the process; only root can have come by sudo, and then both are named."""
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert person_of({}) == "root"
    assert person_of({"SUDO_USER": "ada"}) == "ada (as root)"
    assert person_of({"SUDO_USER": "a\x1b[2J"}) == "a\\x1b[2J (as root)"
    monkeypatch.setattr(os, "getuid", lambda: 65534)
    assert person_of({"SUDO_USER": "ada"}) == "nobody"
    monkeypatch.setattr(os, "getuid", lambda: 4_242_424)
    assert person_of({}) == "uid 4242424"
