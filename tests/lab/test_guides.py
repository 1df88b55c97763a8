# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks of first-alert.md and runner.md that let a host trust our certificates, as they stand there, on a real host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.lab.guides import commands_of, run_as_shown
from tests.lab.playbooks import PROVEN
from tests.lab.test_prepare_host import REFUSED, certificate, log_in, state_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.api import Lab
    from tests.lab.host import LabHost

__all__ = ["certificate"]
CHECK = "--check --diff"


@pytest.fixture
def web1(lab: Lab) -> Iterator[LabHost]:
    """A host that nobody has prepared; prepared again afterwards."""
    assert lab.prepare_hosts(["web1"], {"prepare_host_state": "absent"}).code == 0
    yield lab.host("web1")
    assert lab.prepare_hosts(["web1"]).code == 0


@pytest.mark.core
@pytest.mark.parametrize("page", ["docs/guides/first-alert.md", "docs/guides/runner.md"])
def test_a_host_is_prepared_by_the_commands_of_the_guide(lab: Lab, web1: LabHost, certificate: Path, page: str) -> None:
    """With --check --diff, where it is shown, nothing changes; without, the host lets in who has a certificate. The grant is proven gone."""
    (shown,) = commands_of(page, "prepare_hosts")
    before = state_of(web1)
    assert log_in(web1, certificate).returncode == REFUSED
    if CHECK in shown:
        assert PROVEN in run_as_shown(lab, shown)
        assert state_of(web1) == before
    assert PROVEN in run_as_shown(lab, shown.replace(CHECK, ""))
    assert log_in(web1, certificate).returncode == 0
