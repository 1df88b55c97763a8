# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory of a run: closed to others, short enough for ssh, whole files only, nothing left after a wipe."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.directory import (
    RunDirectory,
    UnusableRunDirectory,
    parent_of_runs,
    state_directory,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def parent() -> Iterator[Path]:
    """A short-named directory: pytest's own are too long for a control socket."""
    path = Path(tempfile.mkdtemp(prefix="bg-"))
    yield path / "runs"
    shutil.rmtree(path)


def test_everything_in_it_is_for_the_owner_only(parent: Path) -> None:
    """Directories are 0700 and files 0600, whatever the umask would allow."""
    run = RunDirectory.create(parent)
    run.write(run.token, "secret")
    run.write_json(run.grant, {"a": 1})
    modes = {path.name: path.stat().st_mode & 0o777 for path in (run.root, *run.root.rglob("*"))}
    assert {modes[path.name] for path in (run.root, run.ssh, run.control)} == {0o700}
    assert {modes[path.name] for path in (run.token, run.grant)} == {0o600}


def test_two_runs_have_two_directories(parent: Path) -> None:
    """A run never finds what another one left."""
    assert RunDirectory.create(parent).root != RunDirectory.create(parent).root


def test_a_directory_that_others_can_enter_is_refused(parent: Path) -> None:
    """Secrets are not written where the group could read them."""
    run = RunDirectory.create(parent)
    run.root.chmod(0o750)
    with pytest.raises(UnusableRunDirectory, match="can be entered by others"):
        run.check()


def test_a_path_too_long_for_a_control_socket_is_refused(parent: Path) -> None:
    """The sentence names the variable that helps."""
    with pytest.raises(UnusableRunDirectory, match="Set BREAKGLASS_RUNS"):
        RunDirectory.create(parent / ("x" * 60))


def test_a_parent_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    """A file in the way is told as what it is."""
    (tmp_path / "file").touch()
    with pytest.raises(UnusableRunDirectory, match="No directory for this run could be made"):
        RunDirectory.create(tmp_path / "file" / "runs")


def test_a_file_is_replaced_at_once_and_a_link_is_not_followed(parent: Path) -> None:
    """Nobody reads half a file, and a link in the place of the draft does not lead the secret away."""
    run = RunDirectory.create(parent)
    run.write(run.token, "first")
    run.write(run.token, "second")
    assert run.token.read_text(encoding="utf-8") == "second"
    outside = parent / "outside"
    run.token.with_name(".token.part").symlink_to(outside)
    with pytest.raises(UnusableRunDirectory, match="can't be written"):
        run.write(run.token, "third")
    assert not outside.exists()


def test_what_is_no_mapping_reads_as_nothing_and_rubbish_is_told(parent: Path) -> None:
    """A missing file and a file with another value are no facts; a broken one is an error of ours."""
    run = RunDirectory.create(parent)
    assert run.read_json(run.grant) is None
    run.write(run.grant, "[1]")
    assert run.read_json(run.grant) is None
    run.write(run.grant, "{")
    with pytest.raises(UnusableRunDirectory, match="can't be read"):
        run.read_json(run.grant)


def test_a_wipe_leaves_nothing_and_may_be_repeated(parent: Path) -> None:
    """The end of a run and its guard may both wipe."""
    run = RunDirectory.create(parent)
    run.write(run.key, "key")
    run.wipe()
    run.wipe()
    assert not run.root.exists()


def test_runs_lie_on_the_users_tmpfs_and_state_in_the_home() -> None:
    """BREAKGLASS_RUNS wins, then XDG_RUNTIME_DIR, then the state directory."""
    home = {"HOME": "/home/ada"}
    assert state_directory(home) == Path("/home/ada/.local/state/breakglass")
    assert parent_of_runs(home) == state_directory(home) / "runs"
    assert parent_of_runs({**home, "XDG_RUNTIME_DIR": "/run/user/7"}) == Path("/run/user/7/breakglass")
    assert parent_of_runs({**home, "BREAKGLASS_RUNS": "/dev/shm/b"}) == Path("/dev/shm/b")
