# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of roles share."""

from __future__ import annotations

import pytest
from tests.support.corpus import HOSTILE
from tests.support.ssh_host import ssh_site

__all__ = ["ssh_site"]


@pytest.fixture(scope="session")
def hostile_values() -> list[object]:
    """Every value of the corpus of hostile text that gets this far: keys with Ansible's own names are refused before."""
    values = [value for _, value in HOSTILE]
    return [v for v in values if not (isinstance(v, dict) and any(key.startswith("__ansible_") for key in v))]
