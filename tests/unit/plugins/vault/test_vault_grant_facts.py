# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing a token with the grant that was asked for."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    UnexpectedAnswer,
    UnusableRequest,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.grant_facts import (
    GrantKind,
    GrantRequest,
    differences,
    facts,
    read_lookup,
)

REQUEST = GrantRequest("web", timedelta(minutes=10), "runner", {"incident": "INC-1"})
ALIVE: dict[str, object] = {
    "accessor": "TymxUvp5LDF4UOR12hrwZjRV",
    "creation_time": 1795388876,
    "creation_ttl": 600,
    "display_name": "token-runner",
    "entity_id": "",
    "expire_time": "2026-11-22T23:18:26.265748207Z",
    "explicit_max_ttl": 600,
    "id": "",
    "issue_time": "2026-11-22T23:08:26.265752523Z",
    "meta": {"incident": "INC-1"},
    "num_uses": 0,
    "orphan": False,
    "path": "auth/token/create/breakglass-child-web",
    "policies": ["breakglass-access-web", "breakglass-grant"],
    "renewable": False,
    "role": "breakglass-child-web",
    "ttl": 600,
    "type": "service",
}


def found(**other: object) -> tuple[str, ...]:
    return differences(read_lookup({"data": {**ALIVE, **other}}), REQUEST, GrantKind.CHILD)


def test_the_right_token_has_no_differences() -> None:
    """A token as OpenBao describes it passes, and its facts carry Vault's clock: the box begins with the minting."""
    lookup = read_lookup({"data": ALIVE})
    assert differences(lookup, REQUEST, GrantKind.CHILD) == ()
    assert facts(lookup, REQUEST).expires_at == datetime(2026, 11, 22, 23, 18, 26, 265752, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"creation_ttl": 599}, "life in seconds is 599, asked was 600"),
        ({"creation_ttl": 601}, "life in seconds"),
        ({"explicit_max_ttl": 0}, "explicit maximum"),
        ({"policies": ["breakglass-grant"]}, "policies"),
        ({"policies": ["breakglass-access-web", "breakglass-grant", "default"]}, "policies"),
        ({"identity_policies": ["group"]}, "policies by identity is ['group']"),
        ({"external_namespace_policies": {"ns": ["x"]}}, "policies by identity"),
        ({"role": "breakglass-orphan-web"}, "token role"),
        ({"path": "auth/token/create"}, "path"),
        ({"renewable": True}, "renewable"),
        ({"orphan": True}, "orphan"),
        ({"num_uses": 5}, "number of uses"),
        ({"type": "batch"}, "token type"),
        ({"meta": None}, "metadata"),
    ],
)
def test_each_difference_is_named(other: dict[str, object], named: str) -> None:
    """One wrong field gives one sentence that names it."""
    (sentence,) = found(**other)
    assert named in sentence


def test_the_same_token_is_no_orphan_grant() -> None:
    """Kind decides role, path and parent."""
    assert len(differences(read_lookup({"data": ALIVE}), REQUEST, GrantKind.ORPHAN)) == 3


@pytest.mark.parametrize(
    "field", [name for name in ALIVE if name not in {"creation_time", "display_name", "entity_id", "id", "ttl"}]
)
def test_a_missing_field_never_passes(field: str) -> None:
    """Every field that is compared must be there."""
    fields = {name: value for name, value in ALIVE.items() if name != field}
    if field in {"policies", "role", "meta"}:
        assert differences(read_lookup({"data": fields}), REQUEST, GrantKind.CHILD)
        return
    with pytest.raises(UnexpectedAnswer, match=field):
        read_lookup({"data": fields})


def test_a_token_without_an_end_is_no_grant() -> None:
    """A root token has no expiry, and is refused."""
    with pytest.raises(UnexpectedAnswer):
        found(expire_time=None)


def test_the_body_has_exactly_the_parameters_of_the_policy() -> None:
    """The runner's policy refuses any other parameter."""
    for kind in GrantKind:
        body = REQUEST.body(kind)
        assert set(body) == {"policies", "ttl", "explicit_max_ttl", "meta", "display_name"}
        assert body["explicit_max_ttl"] == "600s"
        assert body["ttl"] == ("120s" if kind is GrantKind.SHORT else "600s")


def test_only_a_short_grant_may_renew_itself() -> None:
    """The policy that renews is asked for by the grants of containers, and by no other."""
    common = ["breakglass-access-web", "breakglass-grant"]
    assert [REQUEST.body(kind)["policies"] for kind in (GrantKind.CHILD, GrantKind.ORPHAN)] == [common, common]
    assert REQUEST.body(GrantKind.SHORT)["policies"] == [*common, "breakglass-renewing-grant"]


def test_a_short_grant_is_never_longer_than_its_box() -> None:
    """A box of less than two minutes is the life of a short grant, too."""
    brief = GrantRequest("web", timedelta(seconds=90), "x", {})
    assert brief.body(GrantKind.SHORT)["ttl"] == brief.body(GrantKind.SHORT)["explicit_max_ttl"] == "90s"


def test_a_short_token_passes_as_a_short_grant_only() -> None:
    """It lives for two minutes, is renewable and an orphan, and the facts tell the end of the whole box."""
    short = {
        **ALIVE,
        "creation_ttl": 120,
        "orphan": True,
        "renewable": True,
        "role": "breakglass-short-web",
        "path": "auth/token/create/breakglass-short-web",
        "policies": ["breakglass-access-web", "breakglass-grant", "breakglass-renewing-grant"],
    }
    lookup = read_lookup({"data": short})
    assert differences(lookup, REQUEST, GrantKind.SHORT) == ()
    assert differences(lookup, REQUEST, GrantKind.ORPHAN)
    assert facts(lookup, REQUEST).expires_at - lookup.created_at == REQUEST.time_box


@pytest.mark.parametrize(
    "time_box", [timedelta(0), timedelta(seconds=-5), timedelta(milliseconds=1500), timedelta(days=8)]
)
def test_a_strange_time_box_is_refused(time_box: timedelta) -> None:
    """A grant lives for whole seconds, one at least, a week at most."""
    with pytest.raises(UnusableRequest):
        GrantRequest("web", time_box, "x", {})
