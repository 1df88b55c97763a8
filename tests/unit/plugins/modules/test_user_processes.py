# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of a user are found by every identity, and ended without hitting another."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.module_utils import user_processes
from ansible_collections.breakglass.remediation.plugins.module_utils.user_processes import Process

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

UID = 61_234  # nobody has it


def _process(proc: Path, pid: int, users: Sequence[int], *, login: int = 2**32 - 1, state: str = "S") -> None:
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "status").write_text("Name:\tx\nUid:\t" + "\t".join(map(str, users)) + "\n")
    (proc / str(pid) / "stat").write_text(f"{pid} (a ) b) {state} " + " ".join(["0"] * 18) + f" {pid * 10} 0\n")
    (proc / str(pid) / "loginuid").write_text(str(login))


def test_every_identity_counts_and_the_login_too(tmp_path: Path) -> None:
    """Real, effective, saved and file system user; a root shell that began with their login; not the dead, not others."""
    _process(tmp_path, 1, (0, 0, 0, 0))
    for pid, users in enumerate([(UID, 0, 0, 0), (0, UID, 0, 0), (0, 0, UID, 0), (0, 0, 0, UID)], start=2):
        _process(tmp_path, pid, users)
    _process(tmp_path, 6, (0, 0, 0, 0), login=UID)
    _process(tmp_path, 7, (UID,) * 4, state="Z")
    _process(tmp_path, 8, (UID + 1,) * 4)
    (tmp_path / "self").mkdir()
    assert sorted(one.pid for one in user_processes.belonging(UID, tmp_path)) == [2, 3, 4, 5, 6]
    assert Process(2, 20) in user_processes.belonging(UID, tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start processes of others")
def test_all_of_them_end_and_no_other() -> None:
    """A process of the user, one that stands still, and one of the next user, which lives on."""
    theirs = [subprocess.Popen(["sleep", "60"], user=UID) for _ in range(3)]
    other = subprocess.Popen(["sleep", "60"], user=UID + 1)
    try:
        assert user_processes.end(UID, 10) == []
        assert [one.wait(5) for one in theirs] == [-9] * 3
        assert other.poll() is None
    finally:
        other.kill()
        other.wait(5)


def test_root_is_never_ended() -> None:
    """Not even by mistake."""
    with pytest.raises(ValueError, match="root"):
        user_processes.end(0, 1)
