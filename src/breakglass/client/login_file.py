# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's login on their own machine: which runner, which Vault, and a token of Vault that ends by itself.

The token stays here. A runner is only ever shown identity tokens, which give no right in Vault.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "login.json"
SUPPLIED = "supplied"


class NoLogin(BreakglassError):
    """Raised when nobody is logged in here, or the login can't be read."""


@dataclass(frozen=True)
class KeptLogin:
    """What `breakglass login` keeps.

    Attributes:
        runner: Address of the runner.
        runner_ca: File of CA certificates for it; empty for the system's.
        vault: Address of Vault.
        vault_ca: File of CA certificates for it; empty for the system's.
        namespace: Vault's namespace; empty for none.
        token: Of Vault; never shown.
        supplied: Whether the person had that token already: it is theirs, and not ended by us.
    """

    runner: str
    runner_ca: str
    vault: str
    vault_ca: str
    namespace: str
    token: str = field(repr=False)
    supplied: bool = False


def login_path(environ: Mapping[str, str]) -> Path:
    """Where it is kept: beside other state of this user (XDG base directories)."""
    state = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".local" / "state")
    return Path(state) / "breakglass" / NAME


def keep_login(path: Path, login: KeptLogin) -> None:
    """Keep it, for this user alone. Raises NoLogin when it can't be written."""
    beside = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileNotFoundError):
            beside.unlink()
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(login), file)
        beside.replace(path)
    except OSError as error:
        raise NoLogin(f"The login can't be kept in {path}: {error.strerror}.") from error


def kept_login(path: Path) -> KeptLogin:
    """The login of this user. Raises NoLogin."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with os.fdopen(descriptor, encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise NoLogin(f"Others may read {path}: log in again (breakglass login), and find out who has read it.")
            content = json.load(file)
    except FileNotFoundError:
        raise NoLogin("You are not logged in: breakglass login --runner https://…") from None
    except (OSError, ValueError) as error:
        raise NoLogin(f"The login in {path} can't be read ({type(error).__name__}): breakglass login") from None
    if not _is_one(content):
        raise NoLogin(f"The login in {path} is of another version: breakglass login")
    return KeptLogin(**content)


def _is_one(content: object) -> bool:
    """Whether it has the fields of a login; older ones do not say whose the token is."""
    if not isinstance(content, dict) or not isinstance(content.get(SUPPLIED, False), bool):
        return False
    names = {one.name for one in fields(KeptLogin)} - {SUPPLIED}
    words = {name: value for name, value in content.items() if name != SUPPLIED}
    return words.keys() == names and all(isinstance(value, str) for value in words.values())


def forget_login(path: Path) -> None:
    """Remove it, if there is one."""
    with suppress(FileNotFoundError):
        path.unlink()
