# SPDX-License-Identifier: GPL-3.0-or-later
"""Login MFA: what Vault answers instead of a token, and the confirmation with a passcode.

After https://openbao.org/api-docs/system/mfa-validate. Each constraint is satisfied by any one of its methods; one
passcode serves one of them. Nothing is asked at a terminal: the login runs where nobody sits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..answer import section, text, truth
from ..errors import DeniedByVault, InvalidRequest, RefusedLogin, UnexpectedAnswer, VaultError

if TYPE_CHECKING:
    from ..client import Client

_WAYS = "Set mfa_passcode, mfa_passcode_file or BREAKGLASS_MFA_PASSCODE to a fresh code (breakglass login asks for it with --mfa)"


@dataclass(frozen=True)
class Method:
    """One second factor that would do: its kind (totp, duo, okta, pingid), id, and whether it takes a passcode."""

    kind: str
    id: str
    takes_passcode: bool


@dataclass(frozen=True)
class Requirement:
    """The second factors that Vault wants: of each constraint any one method."""

    request_id: str
    constraints: tuple[tuple[Method, ...], ...]


def requirement(fields: Mapping[str, object]) -> Requirement | None:
    """Read from a login's `auth` what second factor Vault wants, None when it wants none. Raises UnexpectedAnswer."""
    if fields.get("mfa_requirement") is None:
        return None
    wanted = section(fields, "mfa_requirement")
    constraints = section(wanted, "mfa_constraints")
    return Requirement(text(wanted, "mfa_request_id"), tuple(_methods(constraints, name) for name in constraints))


def confirm(client: Client, wanted: Requirement, passcode: str | None) -> Mapping[str, object]:
    """Confirm a login with the second factor, and return Vault's answer with the token.

    Raises:
        RefusedLogin: No code was given, or it is wrong, was used before, or was tried too often.
        VaultError: Vault can't be asked.
    """
    payload = _payload(wanted, passcode)
    try:
        return client.post("sys/mfa/validate", {"mfa_request_id": wanted.request_id, "mfa_payload": payload})
    except (DeniedByVault, InvalidRequest) as error:
        raise _refusal(error) from None


def _methods(constraints: Mapping[str, object], name: str) -> tuple[Method, ...]:
    listed = section(constraints, name).get("any")
    if not isinstance(listed, list) or not listed or not all(isinstance(entry, Mapping) for entry in listed):
        raise UnexpectedAnswer("Vault wants a second factor but does not say which; is this a Vault that we support?")
    return tuple(Method(text(entry, "type"), text(entry, "id"), truth(entry, "uses_passcode")) for entry in listed)


def _payload(wanted: Requirement, passcode: str | None) -> dict[str, list[str]]:
    """Which method gets what: the code goes to the first that takes one; a push needs nothing sent."""
    chosen = [_chosen(methods, passcode) for methods in wanted.constraints]
    asked = [method for method in chosen if method.takes_passcode]
    if asked and passcode is None:
        kinds = " and ".join(sorted({method.kind.upper() for method in asked}))
        raise RefusedLogin(f"Vault wants a second factor ({kinds}) for this login, and no passcode was given. {_WAYS}.")
    if len({method.id for method in asked}) > 1:
        raise RefusedLogin(
            "Vault wants several passcodes for this one login, and breakglass can give one. Ask an admin of Vault for a "
            "login enforcement with one method that takes a passcode."
        )
    return {method.id: [passcode] if method.takes_passcode and passcode else [] for method in chosen}


def _chosen(methods: tuple[Method, ...], passcode: str | None) -> Method:
    wished = [method for method in methods if method.takes_passcode == (passcode is not None)]
    return (wished or list(methods))[0]


def _refusal(error: VaultError) -> RefusedLogin:
    """OpenBao calls a used code incorrect; HashiCorp Vault says that it was used."""
    said = " ".join(error.errors).lower()
    start = f"Vault at {error.url} did not accept the second factor:"
    if "already used" in said:
        sentence = (
            f"{start} this passcode was used before (or tried before). Wait for the next code, then log in again."
        )
    elif "maximum" in said and "attempt" in said:
        sentence = f"{start} too many wrong passcodes in a row. Wait a minute or two, then log in with a fresh code."
    else:
        sentence = (
            f"{start} the passcode is wrong, too old, or was used before. {_WAYS}, and compare the clocks of the device and "
            "the server."
        )
    return RefusedLogin(sentence, error.failure)
