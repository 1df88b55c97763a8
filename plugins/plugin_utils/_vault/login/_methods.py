# SPDX-License-Identifier: GPL-3.0-or-later
"""Which login methods there are: the modules of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, cast

from ..._folder import module_in, names_in
from ..errors import UnusableOption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..client import Client
    from ._made import Login

_FOLDER: Final = Path(__file__).parent


class LoginMethod(Protocol):
    """One way to get a token, its options already checked."""

    def authenticate(self, client: Client) -> Login:
        """Return the login, proven alive. Raises VaultError, RefusedLogin if Vault does not accept it."""


class MethodModule(Protocol):
    """What a module of this folder offers."""

    def validate(self, options: Mapping[str, object], environ: Mapping[str, str]) -> LoginMethod:
        """Check the options without any request. Raises UnusableOption."""


def known_methods() -> tuple[str, ...]:
    """Names of the login methods, sorted."""
    return names_in(_FOLDER)


def method_module(name: str) -> MethodModule:
    """Return the module of a login method.

    Raises:
        UnusableOption: There is no such method.
    """
    module = module_in(str(__package__), _FOLDER, name)
    if module is not None:
        return cast("MethodModule", module)
    raise UnusableOption(f"The login method (auth_method) must be one of {', '.join(known_methods())}.")
