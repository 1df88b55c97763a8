# SPDX-License-Identifier: GPL-3.0-or-later
"""Frozen values and pure decisions; imports nothing of ours, does no I/O."""
