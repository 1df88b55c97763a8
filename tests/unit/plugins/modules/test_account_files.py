# SPDX-License-Identifier: GPL-3.0-or-later
"""What the files of a system say of an account."""

from __future__ import annotations

import pytest
from ansible_collections.breakglass.remediation.plugins.module_utils import account_files
from ansible_collections.breakglass.remediation.plugins.module_utils.account_files import Account

MALLORY = Account("mallory", 1001, "/home/mallory")


@pytest.mark.parametrize(
    "text",
    [
        "mallory ALL=(ALL) NOPASSWD: ALL\n",
        "# a word of alice\n\nmallory ALL=(ALL) \\\n  NOPASSWD: ALL\nDefaults:mallory !requiretty\n",
        "#1001 ALL=ALL\n",
        "mallory web1 = /bin/ls : web2 = /bin/cat",
    ],
)
def test_a_file_of_the_user_alone(text: str) -> None:
    """Every line that says something is of this user; comments are not counted, numbers of users are."""
    assert account_files.names_only(text, MALLORY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# mallory ALL=(ALL) ALL\n",
        "mallory, bob ALL=(ALL) ALL\n",
        "mallory,bob ALL=(ALL) ALL\n",
        "mallory , bob ALL=(ALL) ALL\n",
        "mallory ALL=ALL\nbob ALL=ALL\n",
        "mallory ALL=ALL\n%wheel ALL=ALL\n",
        "mallory ALL=ALL\nDefaults !requiretty\n",
        "mallory ALL=ALL\n@includedir /etc/more\n",
        "mallory ALL=ALL\n#include /etc/more\n",
        "User_Alias EVIL = mallory\nEVIL ALL=ALL\n",
        "mallory2 ALL=ALL\n",
    ],
)
def test_a_file_of_others_too(text: str) -> None:
    """Anybody else, a group, an alias, a default for all or an included file makes it not the user's alone."""
    assert not account_files.names_only(text, MALLORY)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mallory, bob ALL=ALL", True),
        ("User_Alias EVIL = bob,mallory", True),
        ("bob ALL=(mallory) ALL", True),
        ("* * * * * mallory /bin/true", True),
        ("# mallory", False),
        ("%mallory ALL=ALL", False),
        ("bob ALL=/home/mallory/run", False),
        ("mallory-two ALL=ALL", False),
    ],
)
def test_a_line_that_names_the_user(text: str, *, said: bool) -> None:
    """The name as a word, not as a part of another, a group or a path."""
    assert account_files.mentions(text, MALLORY) is said


@pytest.mark.parametrize(
    ("field", "state"), [("!", "locked"), ("!$y$j", "locked"), ("", "empty"), ("$y$j", "set"), ("*", "set")]
)
def test_the_password_is_locked_empty_or_set(field: str, state: str) -> None:
    """A mark at the beginning locks it; an account that has no line has no password that anybody could use."""
    assert account_files.password_state(f"root:*:1::::::\nmallory:{field}:1:0:9:7:::\n", "mallory") == state
    assert account_files.password_state("root:*:1::::::\n", "mallory") == "locked"


def test_fields_are_found_by_the_whole_name() -> None:
    """A name that begins alike is another account, or another group."""
    assert account_files.expiry("mallory2:x:1:0:9:7::5:\nmallory:x:1:0:9:7::77:\n", "mallory") == "77"
    assert account_files.members("sudoers:x:1:bob\nsudo:x:27:bob,mallory\n", "sudo") == ["bob", "mallory"]
    assert account_files.members("sudo:x:27:\n", "sudo") == []
    assert account_files.members("sudo:x:27:\n", "wheel") is None
    assert account_files.account("mallory:x:1001:1001:,,,:/home/mallory:/bin/sh\n", "mallory") == MALLORY


def test_files_of_keys_are_those_that_sshd_reads() -> None:
    """Below the home unless absolute; tokens are filled in; a file that many share is not the user's own."""
    said = "authorizedkeysfile .ssh/authorized_keys /etc/ssh/keys/%u /etc/ssh/everybody %h/.k%%h\n"
    own, shared = account_files.key_files(said, MALLORY)
    assert own == ["/home/mallory/.ssh/authorized_keys", "/etc/ssh/keys/mallory", "/home/mallory/.k%h"]
    assert shared == ["/etc/ssh/everybody"]
    assert account_files.key_files("authorizedkeysfile none\n", MALLORY) == ([], [])
