# SPDX-License-Identifier: GPL-3.0-or-later
"""Login MFA: the second factor of a login with name and password, as OpenBao enforces it (TOTP)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import RefusedLogin
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import login_method
from tests.support.login_vault import refusal, works
from tests.support.login_ways import Factor, approle, userpass, with_factor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.login_vault import TlsVault


@pytest.fixture
def factor(login_vault: TlsVault, tmp_path: Path) -> Iterator[Factor]:
    """Make a person with a password and a device."""
    with userpass(login_vault, tmp_path) as way:
        yield with_factor(login_vault, way)


def test_the_code_may_come_from_file_or_environment(factor: Factor, tmp_path: Path) -> None:
    """Two codes, from file and environment, log in (an option's code does in test_login_every_way.py)."""
    path = tmp_path / "code"
    path.write_text(factor.code(0) + "\n")
    way = factor.way
    works(login_method({**way.options, "mfa_passcode_file": str(path)}, {}), way.client)
    works(login_method(way.options, {"BREAKGLASS_MFA_PASSCODE": factor.code(1)}), way.client)


def test_without_a_code_the_error_says_where_to_put_one(factor: Factor) -> None:
    """A login that lacks the code names the kind of factor and the three places for the code."""
    error = refusal(login_method(factor.way.options, {}), factor.way.client, *factor.way.secrets)
    assert isinstance(error, RefusedLogin)
    for word in ("second factor (TOTP)", "mfa_passcode", "mfa_passcode_file", "BREAKGLASS_MFA_PASSCODE"):
        assert word in str(error)


def test_a_used_code_is_refused(factor: Factor) -> None:
    """A code logs in once; the second time the error says that it may have been used before."""
    code = factor.code()
    method = login_method({**factor.way.options, "mfa_passcode": code}, {})
    works(method, factor.way.client)
    assert "used before" in str(refusal(method, factor.way.client, code, *factor.way.secrets))


def test_too_many_wrong_codes_say_to_wait(factor: Factor) -> None:
    """After the tries that Vault allows, a right code is refused too, and the error says to wait."""
    right = factor.code()
    for step in range(1, 5):
        wrong = f"{(int(right) + 111_111 * step) % 1_000_000:06d}"
        error = refusal(login_method({**factor.way.options, "mfa_passcode": wrong}, {}), factor.way.client, wrong)
    assert "too many wrong passcodes" in str(error)
    error = refusal(login_method({**factor.way.options, "mfa_passcode": right}, {}), factor.way.client, right)
    assert "Wait" in str(error)


def test_a_wrong_password_never_asks_for_a_code(factor: Factor) -> None:
    """With a wrong password the error is about the password, whatever the code."""
    options = {**factor.way.options, **factor.way.wrong, "mfa_passcode": factor.code()}
    assert "Check name and password" in str(refusal(login_method(options, {}), factor.way.client))


def test_a_method_without_a_passcode_says_so(login_vault: TlsVault, tmp_path: Path) -> None:
    """When Vault wants a second factor of an AppRole, the login is refused with a sentence, not with an odd answer."""
    with approle(login_vault, tmp_path) as way:
        role_id = str(way.options["role_id"])
        with_factor(login_vault, type(way)({**way.options, "username": role_id}, {}, way.client, ()))
        error = refusal(login_method(way.options, {}), way.client, *way.secrets)
        assert isinstance(error, RefusedLogin)
        assert "second factor" in str(error)
