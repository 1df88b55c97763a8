# SPDX-License-Identifier: GPL-3.0-or-later
"""Who acts on this machine: users as the kernel knows them, by their names."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_NAME = 64


def person_of(environment: Mapping[str, str]) -> str:
    """Who acts: the user of this process; behind sudo also who called it."""
    return user_named(os.getuid(), environment.get("SUDO_USER", ""))


def user_named(user: int, caller: str = "") -> str:
    """A user by name, and who called root. Only root is believed about that, and could say anything anyway."""
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:
        name = f"uid {user}"
    return f"{printable(caller)[:LONGEST_NAME]} (as {name})" if user == 0 and caller else name
