# SPDX-License-Identifier: GPL-3.0-or-later
"""The second factor of a person: a code of Vault's TOTP engine, fresh for each decision, counted, and good once.

The key is called like the person (metadata `person` of their entities); an admin makes it: breakglass vault enrol PERSON.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, truth
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import InvalidRequest, MissingPath
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import TOTP_MOUNT

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client

    from breakglass.store.factors import Factors

CODE = re.compile(r"[0-9]{6,8}", re.ASCII)


class WrongCode(BreakglassError):
    """Raised when a code is not the one of this moment."""


@dataclass(frozen=True)
class SecondFactor:
    """Checks codes.

    Attributes:
        client: Gives Vault, with a login that may ask about codes (update on `totp/code/*`, and no more: reading gives codes out).
        factors: What was tried and used.
    """

    client: Callable[[], Client]
    factors: Factors

    def check(self, person: str, code: str) -> None:
        """Return when the code is this person's of this moment, and was not used before.

        Raises:
            WrongCode: It is not.
            LockedFactor: Too many were not.
            UsedCode: It was used before.
            BreakglassError: Vault or the database can't be asked; the try does not count.
        """
        if not CODE.fullmatch(code):
            raise WrongCode("A code has six to eight digits; it is in your authenticator.")
        self.factors.begin_try(person)
        try:
            valid = self._is_valid(person, code)
        except BreakglassError as error:
            if not isinstance(error, WrongCode):
                self.factors.was_not_tried(person)
            raise
        if not valid:
            raise WrongCode(
                "That is not the code of this moment. Wait for the next one, and check your device's clock."
            )
        self.factors.use(person, code)

    def _is_valid(self, person: str, code: str) -> bool:
        try:
            answer = self.client().ask(f"{TOTP_MOUNT}/code/{person}", {"code": code})
        except MissingPath:
            raise _unknown(person) from None
        except InvalidRequest as error:
            if "unknown key" in str(error):
                raise _unknown(person) from None
            raise WrongCode("That code is wrong, or was used before. Wait for the next one.") from None
        return truth(section(answer, "data"), "valid")


class NoFactor(BreakglassError):
    """Raised when a person has no second factor yet."""


def _unknown(person: str) -> NoFactor:
    return NoFactor(f"{person} has no second factor in Vault yet: an admin makes it (breakglass vault enrol {person}).")
