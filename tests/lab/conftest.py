# SPDX-License-Identifier: GPL-3.0-or-later
"""The fixture `lab`: the running lab of $BREAKGLASS_LAB, left running; without one, a lab for this session. `watching.py`, `nights.py` and `deploying.py` add more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.lab import base, network
from tests.lab import lab as labs
from tests.lab.api import Lab
from tests.lab.deploying import runner_host, runner_site
from tests.lab.nights import night
from tests.lab.places import Place, place_of
from tests.lab.watching import runner, watched

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["lab", "night", "runner", "runner_host", "runner_site", "watched"]
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A lab of four hosts, prepared; this process and all that it starts from now on are in its network, and nowhere else."""
    if os.geteuid() != 0 or not base.base_directory().is_dir():
        missing = "the lab needs root and its base: make lab"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    place = place_of()
    found = place.state.exists()
    if not found:
        place = Place(f"session{os.getpid()}")
        command = [sys.executable, "-m", "tests.lab", "--name", place.name, "up"]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    try:
        network.join(place)
        yield Lab(place)
    finally:
        if not found:
            labs.down(place)
