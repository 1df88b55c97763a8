# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file carries beside owner, permissions and text: access lists, the label of SELinux (xattr(7)), kept when it is replaced.

A file that is written beside another one and renamed over it has the label of its directory. Where an administrator has given the old one another
label (semanage-fcontext(8), chcon(1)), its service could not read the new one.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ansible.module_utils.basic import AnsibleModule

LABEL = "security.selinux"


def copy(source: str, target: str) -> None:
    """Give a file what another one carries, as far as that is permitted: some belong to the kernel alone."""
    for name in os.listxattr(source, follow_symlinks=False):
        with suppress(OSError):
            os.setxattr(target, name, os.getxattr(source, name, follow_symlinks=False), follow_symlinks=False)


def require_label_of(source: str, target: str) -> None:
    """Raise OSError when a file that is to take the place of another one has not got its label; of hosts without labels it is fine."""
    if _label(source) not in (None, _label(target)):
        raise OSError(errno.EPERM, "the SELinux label of the file that is there can't be given to the new one", source)


def read(descriptor: int) -> dict[str, bytes]:
    """All that an open file carries, by name; raises OSError."""
    return {name: os.getxattr(descriptor, name) for name in os.listxattr(descriptor)}


def give(descriptor: int, attributes: Mapping[str, bytes]) -> None:
    """Give an open file what was read of one, as far as that is permitted."""
    for name, value in attributes.items():
        with suppress(OSError):
            os.setxattr(descriptor, name, value)


def label_of_policy(module: AnsibleModule) -> Callable[[str, str], None]:
    """What gives a new file, its first argument, the label that the host's policy wants at a place, its second; nothing without SELinux."""

    def label(file: str, place: str) -> None:
        if module.selinux_enabled():
            module.set_context_if_different(file, module.selinux_default_context(place), False)

    return label


def _label(path: str) -> bytes | None:
    try:
        return os.getxattr(path, LABEL, follow_symlinks=False)
    except OSError:
        return None
