# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which certificate authorities take each other's place, and what is refused."""

from __future__ import annotations

import subprocess
from itertools import chain, combinations
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import names
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.authorities import (
    check_that_one_signs,
    fingerprint,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.authority_switch import (
    check_that_can_finish,
    moves,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    RefusedSwitch,
    UnfinishedSwitch,
    UnusableRequest,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.ssh import generate_key_pair

from breakglass.vault_authority import next_step, rotation

if TYPE_CHECKING:
    from pathlib import Path

NEXT, CURRENT, PREVIOUS = names.SSH_MOUNTS
TO_PREVIOUS, TO_CURRENT = (CURRENT, PREVIOUS), (NEXT, CURRENT)
EVERY = [
    frozenset(some)
    for some in chain.from_iterable(combinations(names.SSH_MOUNTS, n) for n in range(len(names.SSH_MOUNTS) + 1))
]


@pytest.mark.parametrize(
    ("there", "done"),
    [
        ({CURRENT, NEXT}, (TO_PREVIOUS, TO_CURRENT)),
        ({PREVIOUS, NEXT}, (TO_CURRENT,)),
        ({NEXT}, (TO_CURRENT,)),
        ({CURRENT, PREVIOUS}, ()),
    ],
)
def test_a_switch_moves_what_is_left_to_move(there: set[str], done: tuple[tuple[str, str], ...]) -> None:
    """The current one makes room first; what was broken off is gone on with; what was done is not done again."""
    assert moves(there) == done


@pytest.mark.parametrize(
    ("there", "error", "said"),
    [
        ({CURRENT}, RefusedSwitch, "breakglass vault apply --next-authority"),
        (set(), RefusedSwitch, "breakglass vault apply --next-authority"),
        ({CURRENT, NEXT, PREVIOUS}, RefusedSwitch, "breakglass vault authority finish"),
        ({PREVIOUS}, UnfinishedSwitch, "vault secrets move ssh-breakglass-previous ssh-breakglass"),
    ],
)
def test_a_switch_that_would_lose_an_authority_is_refused(there: set[str], error: type[Exception], said: str) -> None:
    """Without a next one, and where there is no room for the current one; the sentence says what to do."""
    with pytest.raises(error, match=said):
        moves(there)


@pytest.mark.parametrize("there", EVERY)
def test_after_a_switch_one_signs_and_none_is_lost(there: frozenset[str]) -> None:
    """Whatever is there: no move has a taken target or a missing source, and the end has a current one."""
    try:
        steps = moves(there)
    except (RefusedSwitch, UnfinishedSwitch):
        return
    now = set(there)
    for source, target in steps:
        assert source in now
        assert target not in now
        now = now - {source} | {target}
    assert CURRENT in now
    assert len(now) == len(there)
    assert moves(now) == () if PREVIOUS in now else True


@pytest.mark.parametrize("there", EVERY)
def test_the_previous_one_goes_only_while_another_signs(there: frozenset[str]) -> None:
    """In the middle of a switch the previous one may be needed; without one there is nothing to remove."""
    if {CURRENT, PREVIOUS} <= there:
        check_that_can_finish(there)
    else:
        with pytest.raises((RefusedSwitch, UnfinishedSwitch)):
            check_that_can_finish(there)


@pytest.mark.parametrize("there", EVERY)
def test_that_none_signs_is_told(there: frozenset[str]) -> None:
    """Where others are and the current one is not, the sentence names the way on; a bare Vault is no broken switch."""
    if CURRENT in there or not there:
        check_that_one_signs(there)
    else:
        with pytest.raises(UnfinishedSwitch, match=r"breakglass vault authority switch|vault secrets move"):
            check_that_one_signs(there)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ({CURRENT}, "One begins with: breakglass vault apply --next-authority"),
        ({CURRENT, NEXT}, "then: breakglass vault authority switch"),
        ({CURRENT, PREVIOUS}, "then: breakglass vault authority finish"),
        ({CURRENT, NEXT, PREVIOUS}, "then: breakglass vault authority finish"),
        ({NEXT, PREVIOUS}, "Finish it with: breakglass vault authority switch"),
        ({PREVIOUS}, "vault secrets move ssh-breakglass-previous ssh-breakglass"),
        (set(), "breakglass vault apply"),
    ],
)
def test_the_next_step_is_one_that_is_taken(there: set[str], said: str) -> None:
    """What people are told to do next is what is not refused then."""
    assert next_step(there).endswith(said)


def test_nothing_is_said_of_a_rotation_when_none_is_under_way() -> None:
    """And that the next one was not made is said with the reason."""
    assert rotation({CURRENT}, next_authority=False) == []
    assert rotation({CURRENT, NEXT}, next_authority=True) == [next_step({CURRENT, NEXT})]
    said = rotation({CURRENT, PREVIOUS}, next_authority=True)
    assert said == [
        "No next authority is made while ssh-breakglass-previous/ of the rotation before is there.",
        next_step({CURRENT, PREVIOUS}),
    ]


@pytest.mark.parametrize("mount", names.SSH_MOUNTS)
@pytest.mark.parametrize("below", ["", "/sign/breakglass-web", "/x"])
def test_no_access_opens_anything_of_an_authority(mount: str, below: str) -> None:
    """Neither of the one that signs nor of those that may have to."""
    with pytest.raises(UnusableRequest, match="more than a credential"):
        names.mount_point(mount + below)


def test_a_fingerprint_is_the_one_that_ssh_keygen_prints(tmp_path: Path) -> None:
    """Whatever the comment is."""
    key = generate_key_pair().public_key
    file = tmp_path / "key.pub"
    file.write_text(f"{key} a comment\n", encoding="ascii")
    shown = subprocess.run(["ssh-keygen", "-l", "-f", file], capture_output=True, text=True, check=True).stdout
    assert fingerprint(key) == fingerprint(f"{key} a comment") == shown.split()[1]
