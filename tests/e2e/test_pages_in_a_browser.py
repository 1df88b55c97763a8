# SPDX-License-Identifier: GPL-3.0-or-later
"""People at their phone: a real browser, Vault's own page to sign in, the lines of the terminal, and an answer."""

from __future__ import annotations

import shutil
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from tests.e2e.test_approvals import POLICY, WISH, ask, withdraw
from tests.support.browser import Browser, open_browser
from tests.support.corpus import HOSTILE
from tests.support.office import PASSWORD, Member, Office, open_office

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

ENTER = "\ue007"
SCRIPTS = [value for _, value in HOSTILE if isinstance(value, str) and "<" in value]


def needs_approval(policy: str) -> str:
    """Its alerts do, too."""
    return policy.replace("approval: automatic", "approval: dba-and-security")


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all, with pages; its alerts need approval, too."""
    with open_office(POLICY, hand_out=True, pages=True, change=needs_approval) as made:
        yield made


@pytest.fixture(scope="module")
def ada(office: Office) -> Member:
    """She asks."""
    return office.hire("ada", "web-team")


@pytest.fixture(scope="module")
def ben(office: Office) -> Member:
    """He is of both groups."""
    return office.hire("ben", "dba", "security")


@pytest.fixture
def incident(office: Office, ada: Member) -> Iterator[str]:
    """A request of hers, withdrawn afterwards."""
    made = ask(office, ada)
    yield made
    withdraw(office, made, ada)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A browser that nobody has signed in with."""
    with open_browser(tmp_path / "profile") as made:
        yield made
    shutil.rmtree(tmp_path / "profile", ignore_errors=True)


def sign_in(browser: Browser, who: Member) -> None:
    """From the page that asks for it, by Vault's own page, back to the question."""
    browser.click("main a.button")
    browser.click("select option[value=userpass]")
    browser.type("input[name=username]", who.name)
    browser.type("input[name=password]", PASSWORD)
    browser.click("#auth-submit")
    browser.find("header form")


def link(office: Office, incident: str) -> str:
    """As it stands in the message."""
    body = str(office.site.channel.messages[-1].text)
    return next(word for word in body.split() if word.endswith(f"/approvals/{incident}"))


def test_ben_approves_from_the_link_in_the_message(
    office: Office, incident: str, ben: Member, browser: Browser
) -> None:
    """He signs in at Vault's page, sees what the terminal shows, mistypes once, and approves; the page says what it came to."""
    browser.open(link(office, incident))
    browser.sees("Sign in to see this question")
    assert "locks on orders" not in browser.source
    sign_in(browser, ben)
    assert browser.url == f"{office.runner.url}/approvals/{incident}"
    shown = browser.sees("Waits for your answer")
    _, question = office.call("GET", f"/approvals/{incident}", ben)
    for label, line in question["lines"]:  # type: ignore[attr-defined]
        assert label in shown
        assert line in shown
    assert "Signed in as ben" in shown
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    browser.type("input.code", f"12345678{ENTER}")
    assert browser.property("input.code", "value") == "12345678"  # Enter has sent nothing
    browser.click("button.yes")
    browser.sees("That is not the code of this moment", "[role=alert]")
    browser.type("input.code", ben.code())
    browser.click("button.yes")
    browser.sees("You have approved this. Still needed: 1 of security.")
    assert browser.url == f"{office.runner.url}/approvals/{incident}"
    assert office.site.wait_for(incident, "approval.given")[0].body["by"] == "ben"


def test_ben_denies_with_a_reason(office: Office, incident: str, ben: Member, browser: Browser) -> None:
    """Without one he is told that it needs one, and no code is used up."""
    browser.open(f"{office.runner.url}/approvals")
    sign_in(browser, ben)
    browser.click("li a")
    code = ben.code()
    browser.type("input.code", code)
    browser.click("button.no")
    browser.sees("A no needs a reason", "[role=alert]")
    browser.type("input.code", code)
    browser.type("textarea", "not during the sale")
    browser.click("button.no")
    browser.sees("It is over: refused", ".standing")
    assert office.site.wait_for(incident, "approval.denied")[0].body["why"] == "not during the sale"
    assert not browser.all("input.code")


def test_text_of_others_does_nothing(office: Office, ada: Member, ben: Member, browser: Browser) -> None:
    """Whatever a request says is shown as it was written: no element, no script, no address comes of it."""
    reason = " ".join([*SCRIPTS, "<script>document.title='pwned'</script>", "</dd><form action=//evil.example>"])[:500]
    wish = {**WISH, "reason": reason, "ticket": '"><img src=x onerror=alert(1)>'}
    incident = str(office.call("POST", "/requests", ada, wish)[1]["request"])
    office.site.wait_for(incident, "approval.asked")
    browser.open(f"{office.runner.url}/approvals/{incident}")
    sign_in(browser, ben)
    (because,) = [
        line
        for label, line in office.call("GET", f"/approvals/{incident}", ben)[1]["lines"]  # type: ignore[attr-defined]
        if label == "because"
    ]
    assert " ".join(because.split()) == " ".join(str(browser.property("dl div:nth-child(2) dd", "textContent")).split())
    assert browser.run("return document.querySelectorAll('dd *, script, img, iframe, [onerror]').length") == 0
    assert browser.run("return document.forms.length") == 2
    assert "pwned" not in str(browser.run("return document.title"))
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    withdraw(office, incident, ada)


def test_another_site_gets_nothing_done(office: Office, incident: str, ben: Member, browser: Browser) -> None:
    """It can link to the question, where the session goes on; it can't frame it, and its forms are refused."""
    question = f"{office.runner.url}/approvals/{incident}"
    browser.open(question)
    sign_in(browser, ben)
    page = (
        f"<a id=link href={question}>a link</a><iframe src={question}></iframe>"
        f"<form method=post action={question}><input name=answer value=approve><input name=code value=12345678>"
        "<button id=forged>forged</button></form>"
    )
    with other_site(page) as elsewhere:
        browser.open(elsewhere)
        assert browser.framed() == "chrome-error://chromewebdata/"
        browser.click("#forged")
        browser.sees("This form does not come from a page of ours")
        browser.open(elsewhere)
        browser.click("#link")
        browser.find("input.code")
        assert browser.url == question
    assert not [event for event in office.site.events(incident) if event.kind.startswith("approval.give")]


def test_signing_out(office: Office, ben: Member, browser: Browser) -> None:
    """The session is over at once; its cookie was one that no script and no other site could have had."""
    browser.open(f"{office.runner.url}/approvals")
    sign_in(browser, ben)
    (cookie,) = browser.cookies()
    kept = {name: cookie[name] for name in ("name", "httpOnly", "secure", "sameSite", "path", "domain")}
    assert kept == {
        "name": "__Host-breakglass",
        "httpOnly": True,
        "secure": True,
        "sameSite": "Strict",
        "path": "/",
        "domain": "127.0.0.1",
    }
    assert browser.run("return document.cookie") == ""
    browser.click("header button")
    browser.sees("Signed out")
    assert browser.cookies() == []
    browser.open(f"{office.runner.url}/approvals")
    browser.sees("Sign in to see what waits for you")


def test_who_is_called_acknowledges(office: Office, ben: Member, browser: Browser) -> None:
    """An alert whose repair was denied calls people; one tap says that somebody has it, and his name stays there."""
    # The last one here: an incident that people were called for keeps its host.
    incident = office.site.post(office.runner.url, office.site.alert())
    office.site.wait_for(incident, "approval.asked")
    assert office.answer(incident, ben, yes=False)[0] == 202
    office.site.wait_for(incident, "escalation.delivered")
    browser.open(f"{office.runner.url}/approvals/{incident}")
    sign_in(browser, ben)
    browser.sees("People were called", ".standing")
    browser.click("form[action$=acknowledge] button")
    browser.sees("ben has it.", ".standing")
    assert not browser.all("form[action$=acknowledge]")
    assert office.site.wait_for(incident, "order.given")[0].body["by"] == "ben"


@contextmanager
def other_site(page: str) -> Iterator[str]:
    """A page of another site (`localhost` is none of 127.0.0.1's), for this block."""

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_address[1]}/"
        server.shutdown()
