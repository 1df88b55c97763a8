# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX without AWX: its jobs are prepared, sent and run as it does that, by the same ansible-runner."""
