# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the collection without the runner share: one installation a module, one fresh run a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.collection.operator_run import OperatorRun
from tests.support.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """An installation; do not stop its parts or change its policy."""
    with Site() as running:
        yield running


@pytest.fixture
def run(site: Site) -> Iterator[OperatorRun]:
    """A run with a journal and a run directory of its own; whatever is left of it is ended afterwards."""
    with OperatorRun(site) as made:
        yield made
