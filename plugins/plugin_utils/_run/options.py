# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specs of the modules, for the action plugins that do their work. Documented in plugins/modules."""

from __future__ import annotations

CONNECTION: dict[str, dict[str, object]] = {
    "url": {"type": "str"},
    "namespace": {"type": "str"},
    "ca_cert": {"type": "path"},
    "validate_certs": {"type": "bool"},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path", "no_log": False},
    "timeout": {"type": "int"},
    "retries": {"type": "int"},
    "proxies": {"type": "str", "no_log": True},
    "auth_method": {"type": "str"},
    "mount_point": {"type": "str"},
    "token": {"type": "str", "no_log": True},
    "token_path": {"type": "path", "no_log": False},
    "token_file": {"type": "str", "no_log": False},
    "role_id": {"type": "str"},
    "role_id_file": {"type": "path"},
    "secret_id": {"type": "str", "no_log": True},
    "secret_id_file": {"type": "path", "no_log": False},
    "wrapped_secret_id": {"type": "str", "no_log": True},
    "wrapped_secret_id_file": {"type": "path", "no_log": False},
    "jwt": {"type": "str", "no_log": True},
    "jwt_file": {"type": "path"},
    "cert_auth_public_key": {"type": "path"},
    "cert_auth_private_key": {"type": "path", "no_log": False},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "password_file": {"type": "path", "no_log": False},
    "mfa_passcode": {"type": "str", "no_log": True},
    "mfa_passcode_file": {"type": "path", "no_log": False},
}
GRANT: dict[str, dict[str, object]] = {
    **CONNECTION,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "access": {"type": "str"},
    "time_box": {"type": "str", "default": "10m"},
    "reason": {"type": "str"},
    "ticket": {"type": "str", "default": ""},
    "expected_duration": {"type": "str", "default": ""},
    "short_lived": {"type": "bool"},
    "runner_url": {"type": "str"},
    "runner_ca_cert": {"type": "path"},
    "runner_wait": {"type": "str", "default": "15m"},
    "hosts": {"type": "list", "elements": "str"},
}
SSH_CERTIFICATE: dict[str, dict[str, object]] = {
    **CONNECTION,
    "kind": {"type": "str", "choices": ["user", "host"], "default": "user"},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "name": {"type": "str"},
    "public_key": {"type": "str"},
    "ttl": {"type": "str"},
}
DATABASE_CREDENTIAL: dict[str, dict[str, object]] = {
    **CONNECTION,
    "name": {"type": "str", "default": "database"},
    "role": {"type": "str", "required": True},
    "engine_mount_point": {"type": "str", "default": "database"},
    "format": {"type": "str", "choices": ["pgpass", "my_cnf", "environment", "plain"], "default": "pgpass"},
    "login_host": {"type": "str", "default": "*"},
    "login_port": {"type": "str", "default": "*"},
    "login_db": {"type": "str", "default": "*"},
}
PKI_CERTIFICATE: dict[str, dict[str, object]] = {
    **CONNECTION,
    "name": {"type": "str", "default": "pki"},
    "role": {"type": "str", "required": True},
    "engine_mount_point": {"type": "str", "default": "pki"},
    "common_name": {"type": "str", "required": True},
    "alt_names": {"type": "list", "elements": "str", "default": []},
    "ip_sans": {"type": "list", "elements": "str", "default": []},
    "ttl": {"type": "str"},
    "format": {"type": "str", "choices": ["pem", "pkcs12"], "default": "pem"},
    "lease_required": {"type": "bool", "default": True},
    "kind": {"type": "str", "choices": ["run", "host"], "default": "run"},
}
ROTATION: dict[str, dict[str, object]] = {
    **CONNECTION,
    "name": {"type": "str", "default": "rotation"},
    "role": {"type": "str"},
    "path": {"type": "str"},
    "engine_mount_point": {"type": "str"},
    "key": {"type": "str", "default": "password", "no_log": False},
    "format": {"type": "str", "choices": ["environment", "json", "plain"], "default": "plain"},
    "older_than": {"type": "str", "default": "1h"},
}
SECRET_FILE: dict[str, dict[str, object]] = {
    **CONNECTION,
    "name": {"type": "str", "default": "secret"},
    "path": {"type": "str", "required": True},
    "engine": {"type": "str", "choices": ["kv2", "kv1", "dynamic"], "default": "kv2"},
    "engine_mount_point": {"type": "str", "default": "kv"},
    "version": {"type": "int", "default": 0},
    "parameters": {"type": "dict", "no_log": True},
    "format": {"type": "str", "choices": ["environment", "json", "plain"], "default": "environment"},
    "key": {"type": "str", "default": "", "no_log": False},
}
CREDENTIAL_INFO: dict[str, dict[str, object]] = {**CONNECTION}
