# SPDX-License-Identifier: GPL-3.0-or-later
"""An object that must stand in Vault, as data. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

OURS: Final = "breakglass.remediation"
"""What the mounts that we make say of themselves."""


class Kind(Enum):
    """How an object is read, compared and written."""

    SECRETS_MOUNT = "secrets engine"
    LOGIN_MOUNT = "login method"
    MADE_ONCE = "made once"
    POLICY = "policy"
    ROLE = "role"


@dataclass(frozen=True)
class Wanted:
    """One object that must stand in Vault.

    Attributes:
        kind: How it is handled.
        title: What people call it, as in `token role breakglass-child-web-operator`.
        path: Where it is read and written.
        body: What is written; for the kinds that can change, what is compared.
        must_be: Fields of an object that is made once, which can't be changed afterwards.
    """

    kind: Kind
    title: str
    path: str
    body: Mapping[str, object]
    must_be: tuple[tuple[str, object], ...] = ()
