# SPDX-License-Identifier: GPL-3.0-or-later
"""What others try with the pages: forged forms, frames, sign-ins of somebody else, sessions that are over. Nothing comes of it."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, text
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import PERSON_POLICY
from tests.e2e.test_approvals import POLICY, ask, withdraw
from tests.support.office import PASSWORD, Member, Office, open_office
from tests.support.phone import BEGUN, SESSION, Phone

if TYPE_CHECKING:
    from collections.abc import Iterator

FOREIGN = "https://evil.example"


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all, with pages."""
    with open_office(POLICY, hand_out=True, pages=True) as made:
        yield made


@pytest.fixture(scope="module")
def ada(office: Office) -> Member:
    """She asks."""
    return office.hire("ada", "web-team", factor=False)


@pytest.fixture(scope="module")
def ben(office: Office) -> Member:
    """He may approve."""
    return office.hire("ben", "dba")


@pytest.fixture(scope="module")
def eve(office: Office) -> Member:
    """She may log in, and nothing else."""
    return office.hire("eve", factor=False)


@pytest.fixture(scope="module")
def incident(office: Office, ada: Member) -> Iterator[str]:
    """What waits."""
    made = ask(office, ada)
    yield made
    withdraw(office, made, ada)


@pytest.fixture
def phone(office: Office, ben: Member) -> Phone:
    """Ben's, signed in."""
    made = Phone(office)
    seen = made.sign_in(ben)
    assert seen.status == 200, seen.text
    return made


@pytest.fixture
def form(phone: Phone, office: Office, ben: Member, incident: str) -> dict[str, str]:
    """What ben's browser would send; the code is never asked of Vault where the form is refused."""
    digest = str(office.call("GET", f"/approvals/{incident}", ben)[1]["digest"])
    token = phone.form_token(f"/approvals/{incident}")
    return {"token": token, "digest": digest, "code": "no code", "reason": "", "answer": "approve"}


def test_a_form_of_ours_reaches_the_code(phone: Phone, incident: str, form: dict[str, str]) -> None:
    """The control of what follows: with every sign in order it is the code that is looked at."""
    seen = phone.post(f"/approvals/{incident}", form)
    assert (seen.status, "A code has six to eight digits" in seen.text) == (403, True)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": FOREIGN, "sec_fetch_site": "cross-site"},
        {"origin": FOREIGN, "sec_fetch_site": ""},
        {"origin": FOREIGN},
        {"origin": "null"},
        {"origin": "", "sec_fetch_site": "cross-site"},
        {"origin": "", "sec_fetch_site": "same-site"},
        {"origin": "", "sec_fetch_site": "none"},
        {"origin": "", "sec_fetch_site": ""},
    ],
    ids=str,
)
def test_a_form_from_elsewhere_is_refused(
    phone: Phone, incident: str, form: dict[str, str], headers: dict[str, str]
) -> None:
    """Although cookie and token are right."""
    for path in (f"/approvals/{incident}", f"/approvals/{incident}/acknowledge", "/sign-out"):
        seen = phone.post(path, form, **headers)
        assert (seen.status, "does not come from a page of ours" in seen.text) == (403, True)
    assert phone.get("/approvals").status == 200


def test_a_form_without_its_token_is_refused(
    office: Office, phone: Phone, incident: str, form: dict[str, str], eve: Member
) -> None:
    """Also one with the token of somebody else's session, or of an earlier one."""
    other = Phone(office)
    other.sign_in(eve)
    for token in ("", "0" * 64, "\udcff", other.form_token("/approvals")):
        seen = phone.post(f"/approvals/{incident}", {**form, "token": token.encode(errors="replace").decode()})
        assert (seen.status, "Nothing was sent" in seen.text) == (403, True)


def test_a_form_without_the_cookie_is_refused(office: Office, incident: str, form: dict[str, str]) -> None:
    """As it comes from another site, whatever it knows."""
    for cookies in ({}, {SESSION: "guessed"}, {SESSION: ""}, {SESSION: "a" * 3000}):
        seen = Phone(office, dict(cookies)).post(f"/approvals/{incident}", form)
        assert (seen.status, "Sign in" in seen.text) == (401, True)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"answer": "approve"}', "application/json"),
        (b"token=a&token=b", "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % number for number in range(20)), "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"token=%FF", "application/x-www-form-urlencoded"),
        (b"token", "application/x-www-form-urlencoded"),
        (b"token=1", "text/plain"),
        (b"token=1", ""),
    ],
)
def test_what_is_no_form_is_refused(
    phone: Phone, office: Office, incident: str, body: bytes, content_type: str
) -> None:
    """With a sentence, and nothing else."""
    headers = {"origin": office.runner.url, "content_type": content_type}
    assert phone.send("POST", f"/approvals/{incident}", body, headers).status == 400


def test_a_huge_form_is_refused(phone: Phone, incident: str, form: dict[str, str]) -> None:
    """Before it is read."""
    assert phone.post(f"/approvals/{incident}", {**form, "reason": "a" * 9000}).status == 413


def test_nobody_frames_or_scripts_a_page(office: Office, phone: Phone, incident: str) -> None:
    """Every answer says so, whatever it is; and none lets a script of another site read it."""
    paths = (
        "/approvals",
        f"/approvals/{incident}",
        "/sign-in",
        "/signed-in",
        "/healthz",
        "/metrics",
        "/api/v1/me",
        "/nothing",
    )
    for path in paths:
        headers = phone.get(path, origin=FOREIGN).headers
        policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert "script-src" not in policy
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"
        assert not [name for name in headers if name.startswith("access-control")]
    page = phone.get("/approvals").text
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in phone.get("/approvals").headers["content-security-policy"]
    assert "<script" not in page


def test_a_sign_in_belongs_to_the_browser_that_began_it(office: Office, ben: Member, eve: Member) -> None:
    """Eve can't have ben's browser sign in as her, nor use a code of his in her own."""
    hers, his = Phone(office), Phone(office)
    told = hers.begin()
    for_her = hers.back_from_vault(eve, told)
    for cookies in ({}, {BEGUN: "other.INC-1"}):
        assert "begun in another browser" in Phone(office, dict(cookies)).get(for_her).text
    his_code = his.back_from_vault(ben, his.begin())
    code = his_code.partition("code=")[2].partition("&")[0]
    stolen = hers.get(
        f"/signed-in?code={code}&state={told['state']}"
    )  # with her own state: the verifier is another one
    assert (stolen.status, "Vault does not take its code" in stolen.text) == (403, True)
    assert SESSION not in hers.cookies


def test_a_code_signs_in_once(office: Office, ben: Member) -> None:
    """Whoever sees it later, as in a history, can do nothing with it."""
    phone = Phone(office)
    back = phone.back_from_vault(ben, phone.begin())
    begun = phone.cookies[BEGUN]
    assert phone.get(back).status == 200
    assert BEGUN not in phone.cookies
    again = Phone(office, {BEGUN: begun}).get(back)
    assert (again.status, "Vault does not take its code" in again.text) == (403, True)


@pytest.mark.parametrize(
    "query", ["", "?code=x", "?state=x", "?code=&state=", "?error=access_denied", f"?code={'a' * 600}"]
)
def test_a_broken_return_signs_nobody_in(office: Office, query: str) -> None:
    """It says what to do."""
    phone = Phone(office)
    phone.begin()
    seen = phone.get(f"/signed-in{query}")
    assert (seen.status, "Start again" in seen.text, SESSION in phone.cookies) == (403, True, False)


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "INC-1%0d%0aSet-Cookie:a=b", "..%2f..", "x" * 100]
)
def test_a_sign_in_leads_to_our_own_pages_alone(office: Office, ben: Member, wanted: str) -> None:
    """Whatever the link said."""
    seen = Phone(office).sign_in(ben, wanted)
    assert 'content="0; url=/approvals"' in seen.text


def test_the_policy_of_people_lets_them_sign_in(office: Office) -> None:
    """Also where their logins do not have Vault's default policy."""
    fay = office.hire("fay", "dba", factor=False)
    narrow = {"token_policies": [PERSON_POLICY], "token_no_default_policy": True}
    office.admin.post("auth/userpass/users/fay", {"password": PASSWORD, **narrow})
    login = office.admin.post("auth/userpass/login/fay", {"password": PASSWORD})
    fay.token = text(section(login, "auth"), "client_token")
    phone = Phone(office)
    phone.sign_in(fay)
    assert "Signed in as <b>fay</b>" in phone.get("/approvals").text


def test_strangers_see_nothing(office: Office, eve: Member, incident: str) -> None:
    """Who may neither ask nor approve is told of no question, and answers none."""
    phone = Phone(office)
    phone.sign_in(eve)
    assert "Nothing waits for you" in phone.get("/approvals").text
    assert phone.get(f"/approvals/{incident}").status == 404
    token = phone.form_token("/approvals")
    assert phone.post(f"/approvals/{incident}", {"token": token, "answer": "approve", "code": "12345678"}).status == 404
    assert phone.post(f"/approvals/{incident}/acknowledge", {"token": token}).status == 404


def test_who_asked_sees_it_and_can_not_answer(office: Office, ada: Member, incident: str) -> None:
    """The page has no form for her, and the runner takes none."""
    phone = Phone(office)
    phone.sign_in(ada)
    page = phone.get(f"/approvals/{incident}").text
    assert "nobody approves themselves" in page
    assert 'name="code"' not in page
    form = {"token": phone.form_token("/approvals"), "answer": "approve", "code": "12345678"}
    assert phone.post(f"/approvals/{incident}", form).status == 409


def test_a_question_that_was_not_escalated_has_nothing_to_acknowledge(
    phone: Phone, incident: str, form: dict[str, str]
) -> None:
    """It says so."""
    seen = phone.post(f"/approvals/{incident}/acknowledge", {"token": form["token"]})
    assert (seen.status, "there is nothing to acknowledge" in seen.text) == (409, True)


def test_who_is_disabled_is_out_at_once(office: Office) -> None:
    """Although the session goes on for a quarter of an hour: Vault is asked each time."""
    dan = office.hire("dan", "dba", factor=False)
    phone = Phone(office)
    phone.sign_in(dan)
    assert phone.get("/approvals").status == 200
    office.admin.post(f"identity/entity/id/{dan.entity}", {"disabled": True})
    seen = phone.get("/approvals")
    assert (seen.status, "disabled" in seen.text) == (401, True)


def test_who_leaves_the_group_sees_the_question_no_more(office: Office, incident: str) -> None:
    """Groups are as they are now, too."""
    cy = office.hire("cy", "dba", factor=False)
    phone = Phone(office)
    phone.sign_in(cy)
    assert phone.get(f"/approvals/{incident}").status == 200
    office.leave(cy, "dba")
    assert phone.get(f"/approvals/{incident}").status == 404


def test_signing_out_ends_the_session_itself(phone: Phone) -> None:
    """A copy of the cookie is worth nothing afterwards."""
    copied = Phone(phone.office, dict(phone.cookies))
    assert phone.post("/sign-out", {"token": phone.form_token("/approvals")}).status == 200
    assert SESSION not in phone.cookies
    assert copied.get("/approvals").status == 401


def test_the_database_opens_no_session(office: Office, phone: Phone, ben: Member) -> None:
    """It knows digests; neither the cookie nor what the forms carry stands in it, in the journal or in the log."""
    secret, token = phone.cookies[SESSION], phone.form_token("/approvals")
    with sqlite3.connect(f"file:{office.site.scratch / 'breakglass.db'}?mode=ro", uri=True) as database:
        rows = database.execute("SELECT digest, entity FROM browser_session").fetchall()
    assert (hashlib.sha256(secret.encode()).hexdigest(), ben.entity) in rows
    for path in office.site.scratch.rglob("*"):
        if path.is_file() and "openbao" not in path.parts:
            content = path.read_bytes()
            assert secret.encode() not in content, path
            assert token.encode() not in content, path


def test_from_another_site_s_link_the_page_is_opened_once_more(office: Office, incident: str) -> None:
    """The session's cookie does not come along by such a link; from our own page it does. It happens once, not for ever."""
    phone = Phone(office)
    seen = phone.get(f"/approvals/{incident}", sec_fetch_site="cross-site")
    assert f'content="0; url=/approvals/{incident}"' in seen.text
    assert phone.get(f"/approvals/{incident}", sec_fetch_site="same-origin").status == 401


def test_a_trouble_is_told_as_a_page(office: Office, phone: Phone) -> None:
    """Not as JSON."""
    seen = phone.get("/approvals/INC-NONE")
    assert (seen.status, seen.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is no question INC-NONE for you." in seen.text
