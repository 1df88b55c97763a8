# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass login` with a browser: OpenBao is the provider, too, and a person signs in there; strangers on the machine get nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import OPERATOR_POLICY
from tests.e2e.test_approvals import POLICY
from tests.support.login_vault import LoginVault
from tests.support.login_ways import device_of
from tests.support.office import Member, Office, open_office
from tests.support.oidc_login import MOUNT, REDIRECT, ROLE, Browser, known_to_provider, offer_browser_login
from tests.support.passcode import passcode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FREE = "http://localhost:0/oidc/callback"
LOGIN = ("login", "--auth-method", "oidc", "--mount-point", MOUNT)


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """A runner, and a Vault that lets people in by a provider."""
    with open_office(POLICY) as made:
        yield made


@pytest.fixture(scope="module")
def accessor(office: Office) -> str:
    """Of the method's mount."""
    return offer_browser_login(office.admin, [OPERATOR_POLICY])


@pytest.fixture(scope="module")
def ada(office: Office, accessor: str) -> Member:
    """The provider knows her, and Vault knows that it is she."""
    made = office.hire("ada", "web-team")
    known_to_provider(office.admin, made.entity, accessor)
    return made


class Terminal:
    """A terminal of a member in which a login waits for the browser; what it says comes to `said`."""

    def __init__(self, office: Office, who: Member, *more: str, typed: str = "") -> None:
        home = office.site.scratch / f"home-{who.name}"
        home.mkdir(mode=0o700, exist_ok=True)
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("VAULT_", "BAO_", "BREAKGLASS_"))
        }
        kept |= {"HOME": str(home), "VAULT_ADDR": office.site.vault.url, "BREAKGLASS_RUNNER": office.runner.url}
        command = [sys.executable, "-m", "breakglass.cli.main", *LOGIN, "--redirect-uri", FREE, "--no-browser", *more]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=kept, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert self.process.stdin is not None
        self.process.stdin.write(typed)
        self.process.stdin.flush()
        assert self.process.stderr is not None
        self.said = self.process.stderr.readline()

    @property
    def link(self) -> str:
        """What the person opens."""
        found = re.search(r"http://localhost:\d+/\S{20,}", self.said)
        assert found, self.said
        return found[0]

    def end(self) -> tuple[int, str, str]:
        """Status, output and errors, when it has ended."""
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, self.said + err


def test_who_signs_in_with_the_browser_is_logged_in(
    office: Office, ada: Member, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The browser of the desktop is opened; neither its arguments nor the terminal have anything of the login."""
    token, seen = tmp_path / "token", tmp_path / "seen"
    token.write_text(ada.token, encoding="utf-8")
    monkeypatch.setenv("BROWSER", f"{sys.executable} -m tests.support.oidc_login {token} {seen} %s")
    done = office.run(ada, *LOGIN, "--redirect-uri", FREE)
    assert done.returncode == 0, done.stderr
    assert "You are ada, of web-team." in done.stdout
    until = time.monotonic() + 30
    while not seen.exists() and time.monotonic() < until:
        time.sleep(0.05)
    browser = json.loads(seen.read_text(encoding="utf-8"))
    assert (browser["status"], "Vault has let you in" in browser["text"]) == (200, True)
    (link,) = browser["arguments"]
    assert link in done.stderr
    for name in ("state", "nonce", "code", "authorize", "hvs."):
        assert name not in link + done.stdout + done.stderr.replace("/oidc/callback", "")
    assert "You are ada" in office.run(ada, "whoami").stdout
    assert office.run(ada, "logout").returncode == 0


def test_an_answer_counts_once_and_from_the_browser_that_opened_the_link(office: Office, ada: Member) -> None:
    """Others on the machine who see the state, or open the link second, change nothing; the login goes on."""
    terminal = Terminal(office, ada)
    hers, other = Browser(ada.token), Browser(office.hire("mal", "web-team", factor=False).token)
    back = hers.allow(hers.open(terminal.link))
    assert other.get(terminal.link).status == 409
    assert other.get(back).status == 400
    assert hers.get(re.sub("state=[^&]*", "state=st_other", back)).status == 400
    assert hers.get(back).status == 200
    status, out, _ = terminal.end()
    assert (status, "You are ada" in out) == (0, True)
    office.run(ada, "logout")


def test_a_code_of_somebody_else_is_refused(office: Office, ada: Member) -> None:
    """A code that was made for another login is not redeemed: Vault compares what it was made for, and nothing is kept."""
    first, second = Terminal(office, ada), Terminal(office, ada)
    one, other = Browser(ada.token), Browser(ada.token)
    stolen = re.search("code=[^&]*", one.allow(one.open(first.link)))
    assert stolen
    back = re.sub("code=[^&]*", stolen[0], other.allow(other.open(second.link)))
    assert "You are not logged in" in other.get(back).text
    status, out, err = second.end()
    assert (status, out) == (1, "")
    assert "refused the OIDC login" in err
    assert stolen[0].removeprefix("code=") not in err
    first.process.kill()
    first.end()
    assert "not logged in" in office.run(ada, "whoami").stderr


def test_what_the_provider_refuses_is_said(office: Office, ada: Member) -> None:
    """In its words, and nothing that could move the cursor."""
    terminal, browser = Terminal(office, ada), Browser(ada.token)
    state = re.search("state=([^&]*)", browser.open(terminal.link))
    assert state
    where = terminal.link.rpartition("/")[0]
    page = browser.get(f"{where}/oidc/callback?state={state[1]}&error=access_denied&error_description=not%1b%5b2Jtoday")
    assert "the terminal says why" in page.text
    status, _, err = terminal.end()
    assert (status, "The provider did not let you in. It said: access_denied: not [2Jtoday." in err) == (1, True)


def test_who_vault_does_not_know_by_the_provider_is_another_person(office: Office, ada: Member) -> None:
    """Without an alias it is an entity of its own, in no group, who can't approve."""
    gil = office.hire("gil", "dba")
    terminal = Terminal(office, gil)
    Browser(gil.token).sign_in(terminal.link)
    status, out, err = terminal.end()
    assert (status, "of no group" in out, "You can't approve" in out) == (0, True, True), err
    assert ada.entity != gil.entity
    office.run(gil, "logout")


def test_the_second_factor_of_vault_is_asked_for_when_the_browser_is_done(office: Office, accessor: str) -> None:
    """Login MFA holds for this way, too."""
    eve = office.hire("eve", "web-team", factor=False)
    known_to_provider(office.admin, eve.entity, accessor)
    device = device_of(LoginVault(office.admin, ""), eve.entity)
    without = Terminal(office, eve)
    Browser(eve.token).sign_in(without.link)
    status, _, err = without.end()
    assert (status, "no passcode was given" in err) == (1, True)
    terminal = Terminal(office, eve, "--mfa", typed=f"{passcode(device, time.time())}\n")
    assert "Go on in the terminal" in Browser(eve.token).sign_in(terminal.link).text
    status, out, err = terminal.end()
    assert (status, "You are eve" in out) == (0, True), err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--redirect-uri", "http://127.0.0.1:0/oidc/callback"), "adds it to allowed_redirect_uris of the role"),
        (("--redirect-uri", "https://example.com/x"), "an address of this machine alone"),
        (("--role", "nobody"), "Check the role (--role)."),
        (("--mount-point", "elsewhere"), "offers no login by browser at auth/elsewhere"),
        (("--role", "direct"), "callback_mode client"),
    ],
)
def test_what_can_not_begin_is_a_sentence(office: Office, ada: Member, words: tuple[str, str], sentence: str) -> None:
    """It says what to do, before any browser is opened."""
    direct = {"role_type": "oidc", "user_claim": "sub", "allowed_redirect_uris": [REDIRECT], "callback_mode": "direct"}
    office.admin.post(f"auth/{MOUNT}/role/direct", direct)
    refused = office.run(ada, *LOGIN, "--redirect-uri", FREE, *words)
    assert (refused.returncode, sentence in refused.stderr, "Log in with" in refused.stderr) == (1, True, False)


def test_a_role_that_gives_tokens_without_an_identity_keeps_nothing(office: Office, ada: Member) -> None:
    """The runner does not know who that is; the token is ended at once."""
    office.admin.post(f"auth/{MOUNT}/role/{ROLE}", {"token_policies": ["default"], "token_no_default_policy": True})
    try:
        terminal = Terminal(office, ada)
        Browser(ada.token).sign_in(terminal.link)
        status, _, err = terminal.end()
        assert (status, "denied" in err) == (1, True), err
        assert "not logged in" in office.run(ada, "whoami").stderr
    finally:
        office.admin.post(f"auth/{MOUNT}/role/{ROLE}", {"token_policies": [OPERATOR_POLICY]})
