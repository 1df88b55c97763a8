# SPDX-License-Identifier: GPL-3.0-or-later
"""The quick part of the fault matrix; `make fault-matrix` is the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.fault_matrix.faults import FAULTS, Fault
from tests.fault_matrix.ground import Ground
from tests.fault_matrix.run import complaints

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

QUICK = [fault for fault in FAULTS if fault.quick]


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """One ground for all; each fault is put right after it."""
    with Ground() as made:
        yield made


@pytest.mark.parametrize("fault", QUICK, ids=[fault.name for fault in QUICK])
def test_nothing_is_left_open(ground: Ground, fault: Fault) -> None:
    """Whatever happens, grant, database user and certificate are gone, that is proven and said, and nothing acts later."""
    ending = fault.happen(ground)
    assert complaints(ending) == []
    assert any("expires at" in words for words in ending.remains)
    assert any("was read" in words for words in ending.remains)
    ground.put_right()
