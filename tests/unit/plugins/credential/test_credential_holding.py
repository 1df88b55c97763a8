# SPDX-License-Identifier: GPL-3.0-or-later
"""What a grant holds, told from the records of its credentials alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.holding import (
    ASKED,
    LEFT,
    OBTAINED,
    REFUSED,
    RENEWED,
    Fate,
    holdings,
    leases,
    remains,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.chain import GENESIS
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import Record
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.corpus import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Mapping

EARLY, NOW, LATE = "2026-11-22T03:00:00Z", "2026-11-22T03:05:00Z", "2026-11-22T03:10:00Z"
ASK = {"credential": "db-1", "name": "db", "kind": "database", "what": "a database user", "latest_end": LATE}
GOT = {"credential": "db-1", "what": "database user v-1", "fate": "revoked", "lease_id": "database/creds/r/1"}


def record(what: str, /, **body: object) -> Record:
    return Record("o", 1, "i", "2026-11-22T03:00:00.000000Z", what, json.loads(json.dumps(body)), GENESIS)


def asked(**other: object) -> Record:
    return record(ASKED, **{**ASK, **other})


def obtained(**other: object) -> Record:
    return record(OBTAINED, **{**GOT, "latest_end": LATE, **other})


def test_an_intent_without_an_answer_is_unknown() -> None:
    """It has no fate and no lease, and closing says that it may live, and until when."""
    (held,) = holdings([asked()])
    assert (held.fate, leases([held])) == (None, ())
    (sentence,) = remains([held], NOW)
    said = "a database user was asked for and nobody knows whether it was made; it may live until"
    assert sentence == f"{said} {LATE}, or as long as its role in Vault lets it"


@pytest.mark.parametrize("kind", ["ssh", "ssh_host", "pki"])
def test_a_certificate_has_the_end_that_was_asked_for(kind: str) -> None:
    """Its life is ours to choose, so an unknown one has a latest end."""
    (sentence,) = remains(holdings([asked(kind=kind)]), NOW)
    assert sentence.endswith(f"it may live until {LATE}")


def test_what_was_refused_was_never_made() -> None:
    """A refused request leaves nothing to revoke and nothing to tell."""
    assert holdings([asked(), record(REFUSED, credential="db-1", why="no")]) == []


def test_a_refusal_of_another_takes_nothing_away() -> None:
    """Each answer belongs to the intent of the same id."""
    assert len(holdings([asked(), record(REFUSED, credential="db-2", why="no")])) == 1


def test_what_was_obtained_is_revoked_by_its_lease() -> None:
    """The lease of the answer is the one that closing revokes, after which nothing remains."""
    held = holdings([asked(), obtained()])
    assert leases(held) == ("database/creds/r/1",)
    assert remains(held, NOW) == []


def test_a_renewal_moves_the_end_and_keeps_the_lease() -> None:
    """The fact of a renewal is the newest fact, and what it does not name stays."""
    later = "2026-11-22T04:00:00Z"
    renewal = record(RENEWED, credential="db-1", fate="revoked", latest_end=later)
    (held,) = holdings([asked(), obtained(), renewal])
    assert (held.latest_end, held.lease_id, held.what) == (later, "database/creds/r/1", "database user v-1")


def test_a_failed_renewal_changes_nothing() -> None:
    """It is told for people; lease and end are those that were known before."""
    before = holdings([asked(), obtained()])
    assert holdings([asked(), obtained(), record(LEFT, credential="db-1", why="no", lives_until=NOW)]) == before


@pytest.mark.parametrize("fate", ["", "gone", "REVOKED", None, 1, ["revoked"], {}])
def test_an_unknown_fate_counts_as_unknown(fate: object) -> None:
    """A word that this version does not know says nothing, so the credential may live; its lease is revoked all the same."""
    held = holdings([asked(), obtained(fate=fate)])
    assert held[0].fate is None
    assert leases(held) == ("database/creds/r/1",)
    assert "nobody knows" in remains(held, NOW)[0]


def test_an_answer_without_an_intent_is_no_credential() -> None:
    """Facts of something that was never asked for are not believed."""
    assert holdings([obtained(), record(RENEWED, **GOT)]) == []


def test_two_credentials_of_one_name_are_two() -> None:
    """A certificate that was signed anew stands beside the old one, which lives on."""
    first = [asked(credential="ssh-1"), obtained(credential="ssh-1", fate="lives", lease_id="")]
    second = [asked(credential="ssh-2"), obtained(credential="ssh-2", fate="lives", lease_id="")]
    assert len(remains(holdings([*first, *second]), NOW)) == 2


def test_what_remains_is_told_by_its_fate() -> None:
    """What lives ends by itself, what was read stays read, and what is over is not told."""
    lives = holdings([asked(), obtained(fate="lives", lease_id="", what="SSH certificate 1")])
    read = holdings([asked(), obtained(fate="read", lease_id="", what="the secret x", latest_end="")])
    assert remains(lives, NOW) == [f"SSH certificate 1 expires at {LATE}"]
    assert remains(lives, LATE) == []
    assert remains(read, NOW) == ["the secret x was read, which nothing undoes"]


def test_an_unknown_one_is_told_even_after_its_end() -> None:
    """Nobody knows whether it was made, so nobody knows that it is over."""
    assert len(remains(holdings([asked(latest_end=EARLY)]), NOW)) == 1


def test_an_unknown_end_is_never_over() -> None:
    """What has no readable end is told for ever."""
    assert remains(holdings([asked(latest_end=7)]), NOW)


def test_each_holding_is_told_once_in_the_order_of_asking() -> None:
    """Closing revokes in the order in which the run asked."""
    records = [asked(credential=f"c-{n}") for n in (3, 1, 2)]
    records += [obtained(credential=f"c-{n}", lease_id=f"l/{n}") for n in (1, 2, 3)]
    assert leases(holdings(records)) == ("l/3", "l/1", "l/2")


@pytest.mark.parametrize(("name", "value"), HOSTILE)
def test_hostile_text_stays_text(name: str, value: object) -> None:
    """Whatever stands in a record, it is told as it is or left out, and nothing of it is obeyed."""
    held = holdings([asked(what=value, name=value, kind=value), obtained(what=value, lease_id=value, fate=value)])
    assert len(held) == 1, name
    assert held[0].what == (value if isinstance(value, str) and value else held[0].what)
    assert all(isinstance(sentence, str) for sentence in remains(held, NOW))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
FIELDS = st.sampled_from(["credential", "name", "kind", "what", "latest_end", "fate", "lease_id"])
KINDS = st.sampled_from([ASKED, OBTAINED, REFUSED, RENEWED, LEFT, "task.result"])


def told(kind: str, body: Mapping[str, object]) -> Record:
    return Record("o", 1, "i", "2026-11-22T03:00:00.000000Z", kind, body, GENESIS)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.builds(told, KINDS, st.dictionaries(FIELDS, ANYTHING | st.sampled_from(["a", "revoked"])))))
def test_no_record_breaks_the_fold(records: list[Record]) -> None:
    """Whatever records a stream holds: the fold ends, every lease is a text, and no intent is lost without an answer."""
    held = holdings(records)
    assert all(isinstance(lease, str) and lease for lease in leases(held))
    answered = {str(one.body.get("credential")) for one in records if one.kind == REFUSED}
    wanted = {str(one.body.get("credential")) for one in records if one.kind == ASKED} - answered
    assert wanted <= {one.id for one in held}
    assert all(one.fate in {None, *Fate} for one in held)
    remains(held, NOW)
