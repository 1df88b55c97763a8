# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's own register of secrets, which ansible-core has since 2.22: what we know goes in, what it knows is masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

try:
    from ansible.module_utils import secrets as _secrets
except ImportError:
    _secrets = None

from ...module_utils.secret_shapes import MASK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def core_mask() -> Callable[[str], str] | None:
    """Return what masks the secrets that Ansible knows; None where it knows none."""
    return _mask if _secrets is not None else None


def tell_core(secrets: Iterable[str]) -> None:
    """Have Ansible mask these, too, wherever it shows something."""
    if _secrets is not None:
        _secrets.register_secrets([secret for secret in secrets if secret.strip()])


def _mask(text: str) -> str:
    return str(_secrets.mask_secrets(text, mask_placeholder=MASK))
