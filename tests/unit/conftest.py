# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds `tests.support` also where `ansible-test units` runs these tests, which reads no pyproject.toml."""

from __future__ import annotations

import sys
from pathlib import Path

TREE = str(Path(__file__).resolve().parents[2])
if TREE not in sys.path:
    sys.path.insert(0, TREE)
