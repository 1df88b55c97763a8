# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specs of the modules, for the action plugins that do their work. Documented in plugins/modules."""

from __future__ import annotations

CONNECTION: dict[str, dict[str, object]] = {
    "url": {"type": "str"},
    "namespace": {"type": "str"},
    "ca_cert": {"type": "path"},
    "validate_certs": {"type": "bool"},
    "timeout": {"type": "int"},
    "retries": {"type": "int"},
    "proxies": {"type": "str", "no_log": True},
    "auth_method": {"type": "str", "choices": ["token", "approle"]},
    "token": {"type": "str", "no_log": True},
    "token_path": {"type": "path"},
    "token_file": {"type": "str"},
    "role_id": {"type": "str"},
    "secret_id": {"type": "str", "no_log": True},
    "mount_point": {"type": "str"},
}
GRANT: dict[str, dict[str, object]] = {
    **CONNECTION,
    "access": {"type": "str", "required": True},
    "time_box": {"type": "str", "default": "10m"},
    "reason": {"type": "str", "required": True},
    "ticket": {"type": "str", "default": ""},
}
SSH_CERTIFICATE: dict[str, dict[str, object]] = {
    **CONNECTION,
    "hosts": {"type": "list", "elements": "str", "required": True},
}
