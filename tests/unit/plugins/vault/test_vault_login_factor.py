# SPDX-License-Identifier: GPL-3.0-or-later
"""What Vault's MFA requirement is read as."""

from __future__ import annotations

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import RefusedLogin, UnexpectedAnswer
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login._mfa import (
    Method,
    Requirement,
    _payload,
    confirm,
    requirement,
)

TOTP, TOTP_TOO, DUO = Method("totp", "id-1", True), Method("totp", "id-2", True), Method("duo", "id-3", False)


def test_a_requirement_is_read() -> None:
    """Each constraint's methods are read in their order; an answer without a requirement has none."""
    listed = [
        {"type": "totp", "id": "id-1", "uses_passcode": True},
        {"type": "duo", "id": "id-3", "uses_passcode": False},
    ]
    wanted = {"mfa_request_id": "request", "mfa_constraints": {"all": {"any": listed}}}
    assert requirement({"mfa_requirement": wanted}) == Requirement("request", ((TOTP, DUO),))
    assert requirement({"mfa_requirement": None}) is None
    assert requirement({}) is None


@pytest.mark.parametrize(
    "wanted",
    [
        "text",
        {},
        {"mfa_request_id": "x"},
        {"mfa_request_id": "x", "mfa_constraints": {"all": {}}},
        {"mfa_request_id": "x", "mfa_constraints": {"all": {"any": []}}},
        {"mfa_request_id": "x", "mfa_constraints": {"all": {"any": ["totp"]}}},
        {"mfa_request_id": "x", "mfa_constraints": {"all": {"any": [{"type": "totp"}]}}},
    ],
)
def test_an_odd_requirement_is_an_unexpected_answer(wanted: object) -> None:
    """A requirement without what it must have is our error, never a KeyError."""
    with pytest.raises(UnexpectedAnswer):
        requirement({"mfa_requirement": wanted})


def test_a_code_goes_to_the_method_that_takes_one() -> None:
    """With a code the method with passcodes is chosen, without one the push, and of several constraints each gets one."""
    assert _payload(Requirement("x", ((DUO, TOTP),)), "123456") == {"id-1": ["123456"]}
    assert _payload(Requirement("x", ((TOTP, DUO),)), None) == {"id-3": []}
    assert _payload(Requirement("x", ((TOTP,), (DUO,))), "123456") == {"id-1": ["123456"], "id-3": []}


def test_what_cannot_be_satisfied_is_refused_before_any_request() -> None:
    """No code where one is wanted, and two codes where we have one, are sentences; the second factor is not tried."""
    nowhere = Client(Connection("http://127.0.0.1:1"), None)
    with pytest.raises(RefusedLogin, match="BREAKGLASS_MFA_PASSCODE"):
        confirm(nowhere, Requirement("x", ((TOTP,),)), None)
    with pytest.raises(RefusedLogin, match="several passcodes"):
        confirm(nowhere, Requirement("x", ((TOTP,), (TOTP_TOO,))), "123456")
