# SPDX-License-Identifier: GPL-3.0-or-later
"""What people try with approvals: a second account, a token of their own making, a yes and a no at once, leaving in the middle. Real OpenBao."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import jwt
import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, text
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import (
    IDENTITY_NAME,
    IDENTITY_ROLE_PATH,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.e2e.test_approvals import POLICY, ask, withdraw
from tests.support.office import Member, Office, open_office

from breakglass.identity import CLOCK_SLACK_SECONDS, KEYS_PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

pytestmark = pytest.mark.slow

OTHER_ROLE: Final = "identity/oidc/role/other"


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all."""
    with open_office(POLICY, hand_out=True) as made:
        yield made


@pytest.fixture(scope="module")
def ada(office: Office) -> Member:
    """She asks."""
    return office.hire("ada", "web-team", factor=False)


@pytest.fixture(scope="module")
def ben(office: Office) -> Member:
    """A DBA."""
    return office.hire("ben", "dba")


@pytest.fixture(scope="module")
def cy(office: Office) -> Member:
    """Security."""
    return office.hire("cy", "security")


@pytest.fixture(scope="module")
def expired(office: Office, ben: Member) -> tuple[str, float]:
    """A token of his that is good for a second, and when it is expired also for a clock that is a little wrong."""
    role = section(office.admin.get(IDENTITY_ROLE_PATH), "data")
    office.admin.post(IDENTITY_ROLE_PATH, {**role, "ttl": "1s"})
    token = office.identity_token(ben)
    office.admin.post(IDENTITY_ROLE_PATH, role)
    return token, time.monotonic() + 1 + CLOCK_SLACK_SECONDS + 1


def kinds(office: Office, incident: str) -> list[str]:
    """What was recorded of it."""
    return [event.kind for event in office.site.events(incident)]


def test_one_person_with_two_accounts_in_two_groups_counts_once(office: Office, ada: Member, ben: Member) -> None:
    """His other account has another group, another login, the same person: it can't add the second yes; nor its code."""
    other = office.hire("ben-ldap", "security", person="ben", factor=False)
    incident = ask(office, ada)
    assert office.answer(incident, ben)[0] == 202
    office.site.wait_for(incident, "approval.given")
    status, said = office.answer(incident, other, code="00000000")
    assert (status, "counts once" in str(said["detail"])) == (409, True)
    office.admin.post(f"identity/entity/id/{ben.entity}", {"metadata": {"person": "benjamin"}})
    try:  # nor does it help that an admin calls him otherwise now
        status, said = office.answer(incident, ben, code="00000000")
    finally:
        office.admin.post(f"identity/entity/id/{ben.entity}", {"metadata": {"person": "ben"}})
    assert (status, "counts once" in str(said["detail"])) == (409, True)
    assert kinds(office, incident).count("approval.given") == 1
    withdraw(office, incident, ada)


@pytest.mark.parametrize("how", ["disabled", "another group", "another person"])
def test_who_asked_and_is_gone_gets_nothing(office: Office, ben: Member, cy: Member, how: str) -> None:
    """Although both approve after that: the grant is not opened, and the record says why."""
    name = f"gil-{how.partition(' ')[2] or how}"
    gil = office.hire(name, "web-team", factor=False)
    incident = ask(office, gil)
    assert office.answer(incident, ben)[0] == 202
    office.site.wait_for(incident, "approval.given")
    if how == "another group":
        office.leave(gil, "web-team")
    else:
        change = {"disabled": True} if how == "disabled" else {"metadata": {"person": "somebody-else"}}
        office.admin.post(f"identity/entity/id/{gil.entity}", change)
    assert office.answer(incident, cy)[0] == 202
    closed = office.site.wait_for(incident, "incident.closed")[0].body
    assert closed["result"] == "failed"
    assert "grant.minted" not in kinds(office, incident)
    assert f"{name} asked for it, and is disabled in Vault or no longer in web-team" in str(
        [event.body for event in office.site.events(incident)]
    )


def test_a_yes_and_a_no_at_the_same_moment(office: Office, ada: Member) -> None:
    """Whoever is told that their answer is taken is right: either a no ends it, or it comes too late and is told so."""
    rounds = 4
    people = [[office.hire(f"{name}{number}", group) for name, group in TRIO] for number in range(rounds)]
    for first, second, against in people:
        incident = ask(office, ada)
        assert office.answer(incident, first)[0] == 202
        office.site.wait_for(incident, "approval.given")
        digest = str(office.call("GET", f"/approvals/{incident}", against)[1]["digest"])
        said = {"digest": digest, "reason": "at once"}
        answers = [
            (second, {**said, "yes": True, "code": second.code()}),
            (against, {**said, "yes": False, "code": against.code()}),
        ]
        path = f"/approvals/{incident}"
        with ThreadPoolExecutor(2) as both:
            yes, no = both.map(lambda one, path=path: office.call("POST", path, *one)[0], answers)  # type: ignore[misc]
        if no == 202:
            assert office.site.wait_for(incident, "incident.closed")[0].body["result"] == "refused"
            assert "grant.intent" not in kinds(office, incident)
        else:
            assert (yes, no) == (202, 409)
            office.site.wait_for(incident, "play.intent")
            withdraw(office, incident, ada)
            assert "approval.denied" not in kinds(office, incident)
    assert office.site.verify().exit_code == 0


TRIO: Final = (("dba-", "dba"), ("sec-", "security"), ("no-", "dba"))


def parts(token: str) -> tuple[dict[str, object], dict[str, object]]:
    """Head and claims of a token."""
    head, claims, _ = (json.loads(_decoded(part)) if number < 2 else {} for number, part in enumerate(token.split(".")))
    return head, claims


def unsigned(head: Mapping[str, object], claims: Mapping[str, object]) -> str:
    """Both as a token has them."""
    return ".".join(_encoded(json.dumps(part).encode()) for part in (head, claims))


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def without_a_signature(_office: Office, token: str) -> str:
    """`alg: none`, as RFC 7519 has it."""
    head, claims = parts(token)
    return unsigned({**head, "alg": "none"}, claims) + "."


def with_vaults_key_as_a_secret(office: Office, token: str) -> str:
    """Signed by who knows only the public key, as if it were one that both sides know (HS256)."""
    head, claims = parts(token)
    (key,) = (one for one in office.admin.get(KEYS_PATH)["keys"] if one["kid"] == head["kid"])  # type: ignore[union-attr,index]
    signed = unsigned({**head, "alg": "HS256"}, claims)
    return f"{signed}.{_encoded(hmac.new(_decoded(key['x']), signed.encode(), hashlib.sha256).digest())}"


def with_a_key_of_their_own(_office: Office, token: str) -> str:
    """Which calls itself like Vault's."""
    head, claims = parts(token)
    return jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers={"kid": head["kid"]})


def with_a_key_that_it_brings_along(_office: Office, token: str) -> str:
    """In its head, where nobody may look for it."""
    key = Ed25519PrivateKey.generate()
    public = _encoded(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    brought = {"kty": "OKP", "crv": "Ed25519", "x": public, "kid": "mine", "use": "sig", "alg": "EdDSA"}
    return jwt.encode(parts(token)[1], key, algorithm="EdDSA", headers={"kid": "mine", "jwk": brought})


def of_somebody_else(office: Office, token: str) -> str:
    """The claims say another entity, the signature is the old one's."""
    head, claims = parts(token)
    entity = section(office.admin.get("identity/entity/name/ada"), "data")["id"]
    return f"{unsigned(head, {**claims, 'sub': entity})}.{token.rpartition('.')[2]}"


def of_another_role(office: Office, _token: str) -> str:
    """Vault has signed it, for the same person, with the same key; the audience is another one's."""
    office.admin.post(OTHER_ROLE, {"key": IDENTITY_NAME, "ttl": "5m"})
    client = text(section(office.admin.get(OTHER_ROLE), "data"), "client_id")
    key = section(office.admin.get(f"identity/oidc/key/{IDENTITY_NAME}"), "data")
    allowed = [*key["allowed_client_ids"], client]  # type: ignore[misc]
    office.admin.post(f"identity/oidc/key/{IDENTITY_NAME}", {**key, "allowed_client_ids": allowed})
    office.admin.post("sys/policies/acl/others", {"policy": 'path "identity/oidc/token/*" { capabilities = ["read"] }'})
    office.admin.post("auth/userpass/users/ben", {"password": "not-a-secret", "token_policies": ["others"]})
    login = section(office.admin.post("auth/userpass/login/ben", {"password": "not-a-secret"}), "auth")
    own = office.admin.with_token(text(login, "client_token"))
    made = text(section(own.get("identity/oidc/token/other"), "data"), "token")
    assert parts(made)[1]["aud"] == client
    return made


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (without_a_signature, "not one of Vault's role"),
        (with_vaults_key_as_a_secret, "not one of Vault's role"),
        (with_a_key_of_their_own, "not one of Vault's role"),
        (with_a_key_that_it_brings_along, "none of Vault's keys signed it"),
        (of_somebody_else, "not one of Vault's role"),
        (of_another_role, "not one of Vault's role"),
    ],
)
def test_a_token_that_is_not_vaults_for_us_says_nobody(
    office: Office, ada: Member, ben: Member, made: Callable[[Office, str], str], says: str
) -> None:
    """It approves nothing, and shows nothing; the genuine one does."""
    incident = ask(office, ada)
    genuine = office.identity_token(ben)
    forged = made(office, genuine)
    for method, body in (("GET", None), ("POST", {"digest": "0" * 64, "yes": True, "reason": "", "code": "00000000"})):
        status, said = office.call(method, f"/approvals/{incident}", forged, body)
        assert (status, says in str(said["detail"])) == (401, True), said
    assert office.call("GET", f"/approvals/{incident}", genuine)[0] == 200
    withdraw(office, incident, ada)


def test_keys_that_are_rotated_in_the_middle(office: Office, ada: Member, ben: Member, cy: Member) -> None:
    """Who has a token goes on with it while Vault still publishes its key, and the new key is good at once; then the old one is over."""
    incident = ask(office, ada)
    rotate, before = f"identity/oidc/key/{IDENTITY_NAME}/rotate", office.identity_token(ben)
    office.admin.post(rotate, {})
    after = office.identity_token(ben)
    assert parts(before)[0]["kid"] != parts(after)[0]["kid"]
    for token in (before, after, before):
        assert office.call("GET", f"/approvals/{incident}", token)[0] == 200
    assert office.answer(incident, ben)[0] == 202
    office.admin.post(rotate, {"verification_ttl": "1s"})
    until = time.monotonic() + 60
    while (answer := office.call("GET", f"/approvals/{incident}", after))[0] == 200 and time.monotonic() < until:
        office.admin.post(rotate, {"verification_ttl": "1s"})
        time.sleep(1)
    assert (answer[0], "none of Vault's keys signed it; get a new one" in str(answer[1]["detail"])) == (401, True)
    assert office.answer(incident, cy)[0] == 202
    office.site.wait_for(incident, "play.intent")
    withdraw(office, incident, ada)


def test_a_token_that_has_expired_says_nobody(office: Office, expired: tuple[str, float]) -> None:
    """However genuine it was."""
    token, over = expired
    while time.monotonic() < over:
        time.sleep(0.5)
    status, said = office.call("GET", "/approvals", token)
    assert (status, "it has expired; get a new one" in str(said["detail"])) == (401, True), said
