# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing an installation: all of it or nothing, and never over anything that is there.

Everything is written into a directory beside its place, checked there as the commands will check it, and brought to the
disk. Then that directory gets the name that says that it is whole, and its parts are moved out. Whoever is killed before
leaves nothing but a draft, which the next one takes away; whoever is killed after is finished by the next one.
"""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.durable import sync_directory

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

WHOLE: Final = ".breakglass-init"
DRAFT: Final = ".breakglass-init.draft-"
SETTINGS: Final = "settings.yml"
PARTS: Final = ("secrets", "policy", SETTINGS)
"""What is moved out, in this order: what is named before what names it."""

_OPEN_FILE, _CLOSED_FILE = 0o644, 0o600
_OPEN_DIRECTORY, _CLOSED_DIRECTORY = 0o755, 0o700


class UnwrittenInstallation(BreakglassError):
    """Raised when an installation can't be written; nothing was, unless the text says otherwise."""


def refuse_what_is_there(directory: Path) -> None:
    """Look before anybody is asked anything. Raises UnwrittenInstallation."""
    if there := [name for name in PARTS if os.path.lexists(directory / name)]:
        raise UnwrittenInstallation(
            f"{directory / there[0]} is there already, and nothing is ever overwritten. Go on with it (breakglass doctor), "
            "or name another directory: breakglass init DIRECTORY"
        )


def finish(directory: Path) -> bool:
    """Move out what an interrupted one had written whole, and take drafts away; tells whether there was one.

    Raises:
        UnwrittenInstallation: Something stands in its way.
    """
    try:
        for draft in directory.glob(f"{DRAFT}*"):
            shutil.rmtree(draft)
        if not (directory / WHOLE).is_dir():
            return False
        _move_out(directory)
    except OSError as error:
        raise _unwritten(directory, error) from None
    return True


def write(
    directory: Path, texts: Mapping[str, str], secret_texts: Mapping[str, str], check: Callable[[Path], None]
) -> None:
    """Write an installation.

    Args:
        directory: Where it goes; made if it is not there.
        texts: Relative paths with what is in them, for everybody to read.
        secret_texts: The same of secrets, which lie in 0600 files of a 0700 directory.
        check: Looks at the settings in the place where they are written first; raises BreakglassError.

    Raises:
        UnwrittenInstallation: Something is there already, or the disk does not take it.
        BreakglassError: What `check` raised; nothing was written.
    """
    refuse_what_is_there(directory)
    draft = directory / f"{DRAFT}{secrets.token_hex(4)}"
    try:
        missing = [path for path in (directory, *directory.parents) if not path.exists()]
        directory.mkdir(parents=True, exist_ok=True)
        draft.mkdir(mode=_CLOSED_DIRECTORY)
        try:
            _write_all(draft, texts, _OPEN_DIRECTORY, _OPEN_FILE)
            _write_all(draft, secret_texts, _CLOSED_DIRECTORY, _CLOSED_FILE)
            check(draft / SETTINGS)
            draft.rename(directory / WHOLE)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            _take_away(missing)
            raise
        sync_directory(directory)
        _move_out(directory)
    except OSError as error:
        raise _unwritten(directory, error) from None


def _take_away(directories: Iterable[Path]) -> None:
    """Remove directories that were made, the innermost first; one that holds something stays."""
    for path in directories:
        with suppress(OSError):
            path.rmdir()


def _write_all(draft: Path, texts: Mapping[str, str], directory_mode: int, file_mode: int) -> None:
    for name, text in texts.items():
        path = draft / name
        if path.parent != draft:
            path.parent.mkdir(mode=directory_mode, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, file_mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        sync_directory(path.parent)


def _move_out(directory: Path) -> None:
    whole = directory / WHOLE
    for name in PARTS:
        if not os.path.lexists(whole / name):
            continue  # moved before it was interrupted
        if os.path.lexists(directory / name):
            raise UnwrittenInstallation(
                f"{directory / name} has come to be meanwhile, and nothing is ever overwritten. What was to be written is in "
                f"{whole}: move one of the two away."
            )
        (whole / name).rename(directory / name)
    whole.rmdir()
    sync_directory(directory)


def _unwritten(directory: Path, error: OSError) -> UnwrittenInstallation:
    return UnwrittenInstallation(f"{error.filename or directory} can't be written: {error.strerror}. Nothing was made.")
