# SPDX-License-Identifier: GPL-3.0-or-later
"""Login methods: one file each, `validate` (options in, method out, no request) apart from `authenticate`.

A module in this folder whose name does not begin with an underscore is a login method of that name; `_methods.py` has
the rule. Nothing else needs to know of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..environment import given
from ._made import Login
from ._methods import LoginMethod, known_methods, method_module

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Login", "LoginMethod", "known_methods", "login_method"]


def login_method(options: Mapping[str, object], environ: Mapping[str, str]) -> LoginMethod:
    """Choose by the option `auth_method` (or VAULT_AUTH_METHOD) and check that method's options.

    `token` takes the option `token`, else VAULT_TOKEN or BAO_TOKEN, else the token file. Without `auth_method` it is
    `approle` where a role id is given or in the environment and no token is, as AWX hands it over; else `token`.

    Raises:
        UnusableOption: An unknown method, or one whose options can't be used.
    """
    chosen = given(options, "auth_method", environ, "AUTH_METHOD") or _usual(options, environ)
    return method_module(chosen).validate(options, environ)


def _usual(options: Mapping[str, object], environ: Mapping[str, str]) -> str:
    has_token = given(options, "token", environ, "TOKEN") is not None
    role = given(options, "role_id", environ, "ROLE_ID") or given(options, "role_id_file", environ, "ROLE_ID_FILE")
    return "approle" if role and not has_token else "token"
