# SPDX-License-Identifier: GPL-3.0-or-later
"""These tests also run where only the collection is installed, on each ansible-core and Python that it supports (tools/support_matrix.py)."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

OF_THE_RUNNER = re.compile(
    r"^\s*(from|import) (breakglass|tests\.support\.(incidents|receivers\.rsyslog))\b", re.MULTILINE
)
"""What needs the runner, too: left out where it is not."""

HERE = Path(__file__).parent
collect_ignore = [
    str(path.relative_to(HERE))
    for path in HERE.rglob("test_*.py")
    if importlib.util.find_spec("breakglass") is None and OF_THE_RUNNER.search(path.read_text(encoding="utf-8"))
]
