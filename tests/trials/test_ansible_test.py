# SPDX-License-Identifier: GPL-3.0-or-later
"""`ansible-test units` and `ansible-test integration` on the collection, where there is no network but the loopback address."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]
ALONE = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
"""A network of one's own, which has nothing in it."""
pytestmark = pytest.mark.timeout(300)


def _can_be_alone() -> bool:
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _can_be_alone(), reason="a network of one's own needs root, util-linux and iproute2")
@pytest.mark.parametrize(
    ("words", "said"),
    [(("units", "tests/unit/plugins/parameters/"), " passed"), (("integration", "grant"), "Grant revoked, proven.")],
    ids=["units", "integration"],
)
def test_it_runs_without_network(words: tuple[str, ...], said: str) -> None:
    """What is needed lies there already: nothing is fetched, and the tests are green."""
    command = [*ALONE, sys.executable, "tools/ansible_test.py", *words]
    done = subprocess.run(command, cwd=TREE, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert said in done.stdout, done.stdout
