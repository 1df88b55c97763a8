# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the login tests."""

from __future__ import annotations

from tests.support.login_vault import login_vault

__all__ = ["login_vault"]
