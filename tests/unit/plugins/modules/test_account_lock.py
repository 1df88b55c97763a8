# SPDX-License-Identifier: GPL-3.0-or-later
"""Which accounts are locked, and which undo is whose."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.breakglass.remediation.plugins.modules import account_lock

PASSWD = """root:x:0:0:root:/root:/bin/bash
toor:x:0:0::/root:/bin/bash
www-data:x:33:33::/var/www:/usr/sbin/nologin
breakglass:x:1000:1000::/home/breakglass:/bin/sh
operator:x:1001:1001::/home/operator:/bin/sh
mallory:x:1002:1002::/home/mallory:/bin/sh
"""


@pytest.fixture(autouse=True)
def _accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with these accounts, into which nobody has come by sudo."""
    monkeypatch.setattr(account_lock, "_read", lambda _: PASSWD)
    monkeypatch.delenv("SUDO_UID", raising=False)


@pytest.mark.parametrize("name", ["root", "toor", "breakglass", "operator", "www-data", "nobody-here"])
def test_some_accounts_are_refused(name: str) -> None:
    """Root under any name, our own, the one that the run came in as, the system's, and those that are not there."""
    with pytest.raises(account_lock.Shortfall):
        account_lock.account_of(name, 1001, system=False)


def test_an_account_of_people_is_locked_and_one_of_the_system_when_that_is_said() -> None:
    """Below 1000 only on demand; root and our own not even then."""
    assert account_lock.account_of("mallory", 1001, system=False).uid == 1002
    assert account_lock.account_of("www-data", 1001, system=True).uid == 33
    for name in ("toor", "breakglass", "operator"):
        with pytest.raises(account_lock.Shortfall):
            account_lock.account_of(name, 1001, system=True)


def test_who_came_by_sudo_is_not_locked_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where no SSH connection is known."""
    monkeypatch.setenv("SUDO_UID", "1002")
    with pytest.raises(account_lock.Shortfall, match="lock itself out"):
        account_lock.account_of("mallory", None, system=False)


@pytest.mark.parametrize(
    ("record", "found", "anew"),
    [
        ({"password": ["set"], "expiry": [""]}, {"password": ["set"], "expiry": [""]}, True),
        ({"password": ["set"], "expiry": [""]}, {"password": [], "expiry": [""]}, False),
        ({"password": ["set"], "expiry": [""]}, {"password": [], "expiry": []}, False),
        ({"password": [], "expiry": [""]}, {"password": [], "expiry": ["77"]}, True),
        ({"password": [], "expiry": []}, {"password": ["set"], "expiry": [""]}, False),
    ],
)
def test_an_account_that_was_opened_by_hand_is_locked_anew(
    record: dict[str, Any], found: dict[str, Any], *, anew: bool
) -> None:
    """Only when every door that was shut is open again; a lock that broke off half way goes on with its own undo."""
    assert account_lock._reopened(record, found) is anew


def test_an_expiry_that_was_never_set_is_something_to_take() -> None:
    """An empty field is a value that must come back, and counts."""
    assert account_lock._counted({"expiry": [""], "keys": [], "processes": 3, "uid": 5, "later": [{}]}) == [
        *("expiry 1", "processes 3")
    ]
