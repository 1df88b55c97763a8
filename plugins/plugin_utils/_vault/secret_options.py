# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a login: each secret from the option, else its file (`NAME_file`), else VAULT_NAME, else VAULT_NAME_FILE."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .environment import given, secret_file, secret_line, secret_line_file, secret_word, text_option, variable
from .errors import UnusableOption

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOUNT: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_USER: Final = re.compile(r"[A-Za-z0-9_@+=-][A-Za-z0-9._@+=-]{0,127}")
_ROLE: Final = re.compile(r"[A-Za-z0-9._:@-]{1,256}")
_PASSCODE_VARIABLE: Final = "BREAKGLASS_MFA_PASSCODE"


def needed_word(name: str, options: Mapping[str, object], environ: Mapping[str, str], login: str) -> str:
    """Return a secret of one printable word.

    Raises:
        UnusableOption: It is not given, its file can't be read, or it is not one word.
    """
    return _needed(optional_word(name, options, environ, login), name, login)


def optional_word(name: str, options: Mapping[str, object], environ: Mapping[str, str], login: str) -> str | None:
    """Return a secret of one printable word, or None when it is not given. Raises UnusableOption as `needed_word`."""
    return _found(name, options, environ, _Form(f"{login} {name}"))


def password(options: Mapping[str, object], environ: Mapping[str, str], login: str) -> str:
    """Return the password, which may hold blanks and any letters.

    Raises:
        UnusableOption: It is not given, its file can't be read, or it is more than one line.
    """
    found = _found("password", options, environ, _LineForm(f"{login} password"))
    return _needed(found, "password", login)


def passcode(options: Mapping[str, object], environ: Mapping[str, str]) -> str | None:
    """Return the passcode of the second factor (`mfa_passcode`, its file, BREAKGLASS_MFA_PASSCODE), if there is one.

    Raises:
        UnusableOption: Its file can't be read, or it is not one word.
    """
    purpose = "passcode of the second factor"
    found = _found("mfa_passcode", options, {}, _Form(purpose))
    if found is None and (word := environ.get(_PASSCODE_VARIABLE)):
        return secret_word(word, purpose)
    return found


def username(options: Mapping[str, object], environ: Mapping[str, str], login: str) -> str:
    """Return the user name, which becomes part of the login's path. Raises UnusableOption."""
    name = given(options, "username", environ, "USERNAME")
    if name is None:
        raise UnusableOption(f"The {login} login needs a username: set username or VAULT_USERNAME.")
    if _USER.fullmatch(name):
        return name
    raise UnusableOption(f"The username of the {login} login may hold letters, digits and . _ @ + = - only.")


def role(options: Mapping[str, object], environ: Mapping[str, str], login: str) -> str | None:
    """Return the name of the login's role (`role_id`, VAULT_ROLE_ID), or None. Raises UnusableOption."""
    name = given(options, "role_id", environ, "ROLE_ID")
    if name is None or _ROLE.fullmatch(name):
        return name
    raise UnusableOption(f"The role (role_id) of the {login} login may hold letters, digits and . _ : @ - only.")


def mount_point(options: Mapping[str, object], environ: Mapping[str, str], usual: str) -> str:
    """Return where the login method is mounted (`mount_point`, VAULT_MOUNT_POINT). Raises UnusableOption."""
    path = (given(options, "mount_point", environ, "MOUNT_POINT") or usual).strip("/").removeprefix("auth/")
    if _MOUNT.fullmatch(path):
        return path
    raise UnusableOption(f"The mount point of the {usual} login may hold letters, digits, dot, dash and slash only.")


@dataclass(frozen=True)
class _Form:
    """How a secret must look, one word, and what it is called in an error."""

    purpose: str

    def check(self, text: str) -> str:
        return secret_word(text, self.purpose)

    def read(self, path: str) -> str:
        return secret_file(Path(path).expanduser(), self.purpose)


@dataclass(frozen=True)
class _LineForm(_Form):
    """The same for one line, in which blanks may be."""

    def check(self, text: str) -> str:
        return secret_line(text, self.purpose)

    def read(self, path: str) -> str:
        return secret_line_file(Path(path).expanduser(), self.purpose)


def _found(name: str, options: Mapping[str, object], environ: Mapping[str, str], form: _Form) -> str | None:
    if text := text_option(options, name):
        return form.check(text)
    if path := text_option(options, f"{name}_file"):
        return form.read(path)
    if text := variable(environ, name.upper()):
        return form.check(text)
    if path := variable(environ, f"{name.upper()}_FILE"):
        return form.read(path)
    return None


def _needed(found: str | None, name: str, login: str) -> str:
    if found is None:
        raise UnusableOption(f"The {login} login needs {name}: set {name}, {name}_file or VAULT_{name.upper()}.")
    return found
