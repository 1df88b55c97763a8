# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of the runner; the base class is the collection's, so that one `except` serves both."""

from __future__ import annotations

from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError

__all__ = ["BreakglassError"]
