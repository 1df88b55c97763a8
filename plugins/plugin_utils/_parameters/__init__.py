# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parameters of a remediation may look like, beyond their types."""
