# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from breakglass.doctor.examination import CHECKS, Check, examine
from breakglass.doctor.findings import Finding, ok
from breakglass.doctor.known import POLICY, SETTINGS, Asked, Known
from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Iterator

ASKED = Asked(Path("settings.yml"), "ada")
SECRET = "s3cr3t-t0ken"
AFTER = Check("after", lambda _: [ok("after", "looked at all the same")])


def told(*checks: Check) -> list[tuple[str, str, str]]:
    return [(finding.mark.value, finding.about, finding.says) for finding in examine(ASKED, checks)]


def test_a_check_that_fails_does_not_keep_the_others_from_their_work() -> None:
    """An error for people is something wrong; a fault of ours is something unknown, told without its text."""

    def people(_known: Known) -> Iterator[Finding]:
        yield ok("first", "this was well")
        raise BreakglassError("The disk is full. Make room.")

    def ours(_known: Known) -> Iterator[Finding]:
        raise KeyError(SECRET)
        yield  # it is a generator as the others are

    found = told(Check("people", people), Check("ours", ours), AFTER)
    assert found[0][0] == "ok"
    assert found[1] == ("!!", "people", "The disk is full. Make room.")
    assert found[2][:2] == ("??", "ours")
    assert "KeyError" in found[2][2]
    assert SECRET not in found[2][2]
    assert found[3][0] == "ok"


def test_a_check_that_depends_on_a_failed_one() -> None:
    """What could not be learnt makes those unknown that need it, and they name it."""

    def learning(known: Known) -> Iterator[Finding]:
        raise BreakglassError("no settings")
        known.learn(SETTINGS, None)  # type: ignore[arg-type]

    def needing(known: Known) -> Iterator[Finding]:
        yield ok("needing", str(known[SETTINGS]))

    assert told(Check("learning", learning), Check("needing", needing))[1] == (
        "??",
        "needing",
        "not looked at: the settings must be right first, see above",
    )


def test_a_check_that_hangs_is_left_behind() -> None:
    """What it had found is told, then that it came to no end, and the others have their turn."""
    forever = threading.Event()

    def hanging(_known: Known) -> Iterator[Finding]:
        yield ok("hanging", "so far")
        forever.wait()

    found = told(Check("hanging", hanging, seconds=0.2), AFTER)
    forever.set()
    assert [mark for mark, *_ in found] == ["ok", "??", "ok"]
    assert found[1][1:] == ("hanging", "it did not come to an end within 0 s")


def test_what_was_begun_is_ended() -> None:
    """Endings are called when all checks are over, the newest first, also when nobody wants to hear the rest."""
    ended: list[str] = []

    def beginning(known: Known) -> Iterator[Finding]:
        known.endings.callback(ended.append, "login")
        known.endings.callback(ended.append, "grant")
        yield ok("beginning", "begun")

    assert len(told(Check("beginning", beginning), AFTER)) == 2
    assert ended == ["grant", "login"]

    impatient = examine(ASKED, [Check("beginning", beginning), AFTER])
    next(impatient)
    impatient.close()
    assert ended == ["grant", "login"] * 2


def test_facts_are_not_mixed_up() -> None:
    """One fact is not taken for another, whatever its name."""

    def asking(known: Known) -> Iterator[Finding]:
        known.learn(SETTINGS, "something")  # type: ignore[arg-type]
        yield ok("asking", str(known[SETTINGS]))
        yield ok("asking", str(known[POLICY]))

    assert [(mark, says) for mark, _, says in told(Check("asking", asking))] == [
        ("ok", "something"),
        ("??", "not looked at: the policy must be right first, see above"),
    ]


def test_every_check_is_in_the_examination() -> None:
    """Each file of the folder is a check that is made, once, by its function `look`."""
    import breakglass.doctor.checks as folder  # noqa: PLC0415

    files = {path.stem for path in Path(folder.__file__).parent.glob("*.py")} - {"__init__"}
    made = [check.look.__module__.rpartition(".")[2] for check in CHECKS]
    assert sorted(made) == sorted(files)


def test_the_guide_names_every_check() -> None:
    """The table of the guide says what each check looks at, in the words that doctor uses."""
    guide = (Path(__file__).parents[3] / "docs" / "guides" / "runner.md").read_text(encoding="utf-8")
    _, _, table = guide.partition("| it looks at | and finds |")
    other = {"channels": "channel …", "access": "access …", "sources": "source …", "hosts": "", "log in": ""}
    for check in CHECKS:
        if name := other.get(check.about, check.about):
            assert f"`{name}`" in table, check.about
    assert "| each host |" in table
    assert "`--log-in ACCESS`" in table


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.about)
def test_nothing_is_known(check: Check) -> None:
    """Each check alone, with no settings at all, says something sensible or nothing, and never fails for a fault of ours."""
    found = told(check)
    assert all("doctor itself failed" not in says for *_, says in found)
