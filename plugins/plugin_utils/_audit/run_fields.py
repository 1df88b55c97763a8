# SPDX-License-Identifier: GPL-3.0-or-later
"""Who runs what: the first record of a run."""

from __future__ import annotations

import getpass
import os
import platform
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
        "user": getpass.getuser() if os.environ.get("USER") or os.environ.get("LOGNAME") else str(os.getuid()),
        "uid": os.getuid(),
        "controller": platform.node(),
        "check_mode": bool(context.CLIARGS.get("check", False)),
        "ansible_core": ansible_version,
        "collection": COLLECTION_VERSION,
        "door": "runner" if place.under_runner else "ansible-playbook",
    }
