# SPDX-License-Identifier: GPL-3.0-or-later
"""The libraries of others that a controller must have. Our modules can be imported without them, so that one sentence says what is missing.

They import them below `with suppress(ImportError)`; `requests` and `urllib3` come with hvac.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ._errors import BreakglassError

REQUIREMENTS = Path(__file__).parents[2] / "meta" / "ee-requirements.txt"


class MissingLibraries(BreakglassError):
    """Raised when ansible-core's Python lacks a library that we need, or can't load it."""


def require_libraries() -> None:
    """Return when all are there; raises MissingLibraries, which says how to install them."""
    try:
        import cryptography  # noqa: F401, PLC0415 (whether it is there is asked when a run begins)
        import hvac  # noqa: F401, PLC0415
        import requests  # noqa: F401, PLC0415
        import rfc8785  # noqa: F401, PLC0415
    except ImportError as error:
        raise MissingLibraries(
            f"The Python of ansible-core, {sys.executable}, can't load what breakglass.remediation needs ({error}). "
            f"Install it there: {sys.executable} -m pip install -r {REQUIREMENTS}"
        ) from None
