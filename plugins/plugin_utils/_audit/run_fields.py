# SPDX-License-Identifier: GPL-3.0-or-later
"""Who runs what: the first record of a run."""

from __future__ import annotations

import os
import platform
import pwd
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ansible import context
from ansible.release import __version__ as ansible_version
from ansible.utils.vars import load_extra_vars

from .awx import awx_fields, is_job
from .contents import commit_of, file_digest
from .version import COLLECTION_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._journal.redaction import Redactor
    from .place import Place

AD_HOC = "__adhoc_playbook__"
TEXT = 200
NO_LOGIN_UID = 2**32 - 1
CHOICES = ("subset", "tags", "skip_tags")


class Playbook(Protocol):
    """What is read of Ansible's playbook."""

    _file_name: str


def run_fields(playbook: Playbook, place: Place, redactor: Redactor) -> dict[str, object]:
    """Everything that is known when a run starts and is no secret."""
    file = Path(playbook._file_name)  # noqa: SLF001 (there is no other way to it)
    fields = {
        **place.about,
        "user": _user(),
        "uid": os.getuid(),
        "controller": platform.node(),
        "check_mode": bool(context.CLIARGS.get("check", False)),
        "ansible_core": ansible_version,
        "collection": COLLECTION_VERSION,
        "door": _door(file, place),
    }
    if (login := _login_uid()) is not None:
        fields["login_uid"] = login
    if file.name != AD_HOC:
        fields |= _playbook(file, redactor)
    if context.CLIARGS.get("diff", False):
        fields["diff_mode"] = True
    for name in CHOICES:
        if chosen := _words(context.CLIARGS.get(name)):
            fields["limit" if name == "subset" else name] = redactor.field(chosen, TEXT)
    if job := awx_fields(os.environ, _extra_vars(), redactor, Path("/")):
        fields["awx"] = job
    return fields


def _playbook(file: Path, redactor: Redactor) -> dict[str, object]:
    fields: dict[str, object] = {"playbook": redactor.field(file.name, TEXT)}
    with suppress(OSError):
        fields["playbook_digest"] = file_digest(file)
    if commit := commit_of(file.absolute().parent):
        fields["commit"] = commit
    return fields


def _door(file: Path, place: Place) -> str:
    if place.under_runner:
        return "runner"
    if is_job(os.environ):
        return "awx"
    return "ansible" if file.name == AD_HOC else "ansible-playbook"


def _words(chosen: object) -> str:
    if isinstance(chosen, (list, tuple)):
        return ",".join(map(str, chosen))
    return str(chosen) if chosen else ""


def _extra_vars() -> Mapping[str, object]:
    """What Ansible has read already; nothing is read or templated for us."""
    return getattr(load_extra_vars, "extra_vars", None) or {}


def _user() -> str:
    """The name of the real user, which an environment variable can't change."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _login_uid() -> int | None:
    """Who logged in, which `sudo` does not change (Linux audit); None where the kernel does not know."""
    with suppress(OSError, ValueError):
        uid = int(Path("/proc/self/loginuid").read_text(encoding="ascii"))
        return None if uid == NO_LOGIN_UID else uid
    return None
