# SPDX-License-Identifier: GPL-3.0-or-later
"""The kept login: for its owner alone, read as it was written, and whose token it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from breakglass.client.login_file import KeptLogin, NoLogin, keep_login, kept_login

if TYPE_CHECKING:
    from pathlib import Path

WORDS = {"runner": "https://r", "runner_ca": "", "vault": "https://v", "vault_ca": "", "namespace": "", "token": "t"}


def written(path: Path, content: object) -> Path:
    """A file for its owner alone."""
    path.write_text(json.dumps(content), encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("supplied", [True, False])
def test_it_is_read_as_it_was_written(tmp_path: Path, supplied: bool) -> None:  # noqa: FBT001 (a parameter of the test)
    """Also whether the person had the token before."""
    login = KeptLogin(**WORDS, supplied=supplied)
    keep_login(tmp_path / "breakglass" / "login.json", login)
    assert kept_login(tmp_path / "breakglass" / "login.json") == login


def test_one_of_before_is_still_good(tmp_path: Path) -> None:
    """It does not say whose the token is: then it is ended at logout, as it always was."""
    assert kept_login(written(tmp_path / "login.json", WORDS)) == KeptLogin(**WORDS, supplied=False)


@pytest.mark.parametrize(
    "content",
    [
        {**WORDS, "supplied": "yes"},
        {**WORDS, "more": ""},
        {**WORDS, "token": 7},
        {name: word for name, word in WORDS.items() if name != "token"},
        [],
    ],
    ids=str,
)
def test_what_is_none_is_refused(tmp_path: Path, content: object) -> None:
    """With what to do."""
    with pytest.raises(NoLogin, match="breakglass login"):
        kept_login(written(tmp_path / "login.json", content))
