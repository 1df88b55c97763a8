# SPDX-License-Identifier: GPL-3.0-or-later
"""What people type: they log in, see what waits, and say yes or no; their token stays on their machine."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from tests.e2e.test_approvals import POLICY, ask, withdraw
from tests.integration.cli.test_cli_use import completed
from tests.support.office import PASSWORD, Member, Office, open_office

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all."""
    with open_office(POLICY, hand_out=True) as made:
        yield made


@pytest.fixture(scope="module")
def ada(office: Office) -> Member:
    """She asks."""
    return office.hire("ada", "web-team")


@pytest.fixture(scope="module")
def ben(office: Office) -> Member:
    """He is a DBA, and logged in."""
    made = office.hire("ben", "dba")
    assert "You are ben, of dba." in office.log_in(made)
    return made


def shell_of(office: Office, who: Member) -> dict[str, str]:
    """The environment of a shell of theirs, which has patience on a busy machine."""
    home = office.site.scratch / f"home-{who.name}"
    return {"PATH": os.environ["PATH"], "HOME": str(home), "BREAKGLASS_COMPLETE_WITHIN": "60"}


def test_ben_approves_what_ada_asks_for(office: Office, ada: Member, ben: Member) -> None:
    """He sees who asks for what and why, types his code, and is told what it means."""
    incident = ask(office, ada)
    assert completed("breakglass approve INC", shell_of(office, ben)) == [incident]
    listed = office.run(ben, "approvals")
    assert f"{incident}  ada asks for web-operator on web1" in listed.stdout
    approved = office.run(ben, "approve", incident, said=f"{ben.code()}\n")
    assert approved.returncode == 0, approved.stderr
    for words in (
        "locks on orders",
        "SSH as breakglass",
        "1 of dba (you count) · 1 of security",
        "this approval is void",
        "ada in 30 days",
    ):
        assert words in approved.stdout
    assert office.site.wait_for(incident, "approval.given")[0].body["by"] == "ben"
    again = office.run(ben, "approve", incident, said="00000000\n")
    assert (again.returncode, "counts once" in again.stderr) == (1, True)
    withdraw(office, incident, ada)


def test_the_shell_completes_what_may_be_asked_for(office: Office, ada: Member, ben: Member) -> None:
    """Accesses and their hosts, for those who may ask; then what they have asked for; incidents for who may see them."""
    office.log_in(ada)
    hers, his = shell_of(office, ada), shell_of(office, ben)
    for words in ("request ", "with ", "credential ssh --access ", "ssh web1 --access "):
        assert completed(f"breakglass {words}", hers) == ["web-operator"], words
        assert completed(f"breakglass {words}", his) == [], words
    for words in ("request web-operator --host ", "with web-operator --host ", "credential ssh --host ", "ssh "):
        assert completed(f"breakglass {words}", hers) == ["web1"], words
    assert completed("breakglass request nothing-of-hers --host ", hers) == []
    assert completed("breakglass ssh db", hers) == []
    incident = ask(office, ada)
    for words in ("release ", "watch INC-"):
        assert completed(f"breakglass {words}", hers) == [incident], words
    assert incident in completed("breakglass show ", hers)
    assert completed("breakglass extend ", hers) == []
    withdraw(office, incident, ada)
    assert completed("breakglass release ", hers) == []
    assert office.run(ada, "logout").returncode == 0


def test_ben_denies_with_a_reason(office: Office, ada: Member, ben: Member) -> None:
    """Without one nothing is sent."""
    incident = ask(office, ada)
    denied = office.run(ben, "deny", incident, "--reason", "not now", said=f"{ben.code()}\n")
    assert denied.returncode == 0, denied.stderr
    assert office.site.wait_for(incident, "approval.denied")[0].body["why"] == "not now"
    office.site.wait_for(incident, "incident.closed")


def test_a_wrong_code_says_what_to_do(office: Office, ada: Member, ben: Member) -> None:
    """And the question goes on."""
    incident = ask(office, ada)
    refused = office.run(ben, "approve", incident, said="00000000\n")
    assert (refused.returncode, "Wait for the next one" in refused.stderr) == (1, True)
    withdraw(office, incident, ada)


def test_the_login_is_for_its_owner_alone(office: Office, ben: Member) -> None:
    """Mode 0600; a login that others may read is refused; after logout its token is dead."""
    path = office.site.scratch / "home-ben" / ".local" / "state" / "breakglass" / "login.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert "Others may read" in office.run(ben, "whoami").stderr
    path.chmod(0o600)
    assert PASSWORD not in path.read_text(encoding="utf-8")
    assert office.run(ben, "logout").returncode == 0
    assert "not logged in" in office.run(ben, "approvals").stderr


def test_a_wrong_password_keeps_nothing(office: Office, ada: Member) -> None:
    """And says so without repeating it."""
    refused = office.run(ada, "login", "--username", "ada", said="wrong-password\n")
    assert refused.returncode == 1
    assert "wrong-password" not in refused.stderr + refused.stdout
    assert "not logged in" in office.run(ada, "whoami").stderr
