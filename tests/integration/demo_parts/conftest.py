# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the demo's parts share."""

from __future__ import annotations

from tests.support.ssh_host import ssh_site

__all__ = ["ssh_site"]
