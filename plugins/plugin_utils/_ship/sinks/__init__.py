# SPDX-License-Identifier: GPL-3.0-or-later
"""Sinks: one file each, found by their names in this folder. Files that begin with `_` are not sinks."""
