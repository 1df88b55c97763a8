# SPDX-License-Identifier: GPL-3.0-or-later
"""Options and environment variables, read in one place: an option wins, then BREAKGLASS_VAULT_*, VAULT_*, BAO_*."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from .errors import UnusableOption

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIXES: Final = ("BREAKGLASS_VAULT_", "VAULT_", "BAO_")

_LARGEST: Final = 64 * 1024


def text_option(options: Mapping[str, object], name: str) -> str | None:
    """Return the text of an option; None and the empty text both count as not given.

    Raises:
        UnusableOption: It is not a text.
    """
    value = options.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise UnusableOption(f"The option {name} must be a text.")
    return str(value)


def variable(environ: Mapping[str, str], name: str) -> str | None:
    """Return the first of BREAKGLASS_VAULT_`name`, VAULT_`name`, BAO_`name` that is set and not empty."""
    for prefix in PREFIXES:
        if value := environ.get(prefix + name):
            return value
    return None


def given(options: Mapping[str, object], name: str, environ: Mapping[str, str], variable_name: str) -> str | None:
    """Return the option, else the environment variable, else None."""
    return text_option(options, name) or variable(environ, variable_name)


def secret_file(path: Path, purpose: str) -> str:
    """Read one secret (a token, a role id, a secret id) from a file.

    Raises:
        UnusableOption: The file can't be read, is empty, or holds more than one printable word.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise UnusableOption(f"The file with the {purpose}, {path}, can't be read: {error.strerror}.") from error
    try:
        word = content.decode("ascii").strip()
    except UnicodeDecodeError:
        word = ""
    return secret_word(word, f"{purpose} in {path}")


def secret_word(word: str, purpose: str) -> str:
    """Return `word` if it is one printable ASCII word, as header lines and tokens need.

    Raises:
        UnusableOption: It is not. The text does not repeat it.
    """
    if not word or len(word) > _LARGEST or not all("!" <= character <= "~" for character in word):
        raise UnusableOption(f"The {purpose} is empty or not one printable word; write it again.")
    return word


def secret_line_file(path: Path, purpose: str) -> str:
    """Read one secret that may hold blanks (a password) from a file; one newline at its end does not count.

    Raises:
        UnusableOption: The file can't be read, is empty, or holds more than one line.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise UnusableOption(f"The file with the {purpose}, {path}, can't be read: {error.strerror}.") from error
    try:
        line = content.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        line = ""
    return secret_line(line, f"{purpose} in {path}")


def secret_line(line: str, purpose: str) -> str:
    """Return `line` if it is one line of printable text, blanks allowed.

    Raises:
        UnusableOption: It is not. The text does not repeat it.
    """
    if not line or len(line) > _LARGEST or not line.isprintable():
        raise UnusableOption(f"The {purpose} is empty or not one line of text; write it again.")
    return line


def home(environ: Mapping[str, str]) -> Path:
    """Return the home directory that the environment names, else the operating system's."""
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()
