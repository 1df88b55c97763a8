# SPDX-License-Identifier: GPL-3.0-or-later
"""Who runs what: the first record of a run."""

from __future__ import annotations

import os
import platform
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ansible import context
from ansible.release import __version__ as ansible_version

from .version import COLLECTION_VERSION

if TYPE_CHECKING:
    from .._journal.redaction import Redactor
    from .place import Place


class Playbook(Protocol):
    """What is read of Ansible's playbook."""

    _file_name: str


def run_fields(playbook: Playbook, place: Place, redactor: Redactor) -> dict[str, object]:
    """Everything that is known when a run starts and is no secret."""
    return {
        **place.about,
        "playbook": redactor.field(Path(playbook._file_name).name, 200),  # noqa: SLF001 (there is no other way to it)
        "user": _user(),
        "uid": os.getuid(),
        "controller": platform.node(),
        "check_mode": bool(context.CLIARGS.get("check", False)),
        "ansible_core": ansible_version,
        "collection": COLLECTION_VERSION,
        "door": "runner" if place.under_runner else "ansible-playbook",
    }


def _user() -> str:
    """The name of the real user, which an environment variable can't change."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
