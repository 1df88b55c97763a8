# SPDX-License-Identifier: GPL-3.0-or-later
"""The webhook-driven runner of breakglass.remediation, and the `breakglass` command."""

__version__ = "0.1.0"
