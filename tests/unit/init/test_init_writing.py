# SPDX-License-Identifier: GPL-3.0-or-later
"""All of it or nothing, never over anything, on real directories."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from breakglass.errors import BreakglassError
from breakglass.init.writing import WHOLE, UnwrittenInstallation, finish, refuse_what_is_there, write

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = {"settings.yml": "settings\n", "policy/breakglass.yml": "policy\n"}
SECRETS = {"secrets/alertmanager": "token\n", "secrets/on-call": "url\n"}
KILLED = """
import os, signal, sys
from pathlib import Path
from breakglass.init import writing
from tests.unit.init.test_init_writing import SECRETS, TEXTS
last = sys.argv[2]
def die(settings):
    if last == "checking":
        os.kill(os.getpid(), signal.SIGKILL)
class Parts(tuple):
    def __iter__(self):
        for part in tuple.__iter__(self):
            if part == last:
                os.kill(os.getpid(), signal.SIGKILL)
            yield part
writing.PARTS = Parts(writing.PARTS)
writing.refuse_what_is_there = lambda directory: None
writing.write(Path(sys.argv[1]), TEXTS, SECRETS, die)
"""


def content(directory: Path) -> dict[str, str]:
    """Every file below a directory, hidden ones too."""
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()}


def no_check(_settings: Path) -> None:
    return


def test_it_is_written(tmp_path: Path) -> None:
    """All files are there, secrets closed to others, and nothing else; the check saw the settings beside all they name."""
    seen: list[dict[str, str]] = []
    write(tmp_path / "a" / "site", TEXTS, SECRETS, lambda settings: seen.append(content(settings.parent)))

    site = tmp_path / "a" / "site"
    assert content(site) == {**TEXTS, **SECRETS} == seen[0]
    assert (site / "secrets").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (site / "secrets").iterdir()} == {0o600}
    assert sorted(path.name for path in site.iterdir()) == ["policy", "secrets", "settings.yml"]


def test_what_does_not_pass_is_not_written(tmp_path: Path) -> None:
    """When the check refuses it, or a person interrupts it, nothing is there."""

    def refuse(_settings: Path) -> None:
        raise BreakglassError("no")

    def interrupt(_settings: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(BreakglassError, match="no"):
        write(tmp_path / "a" / "site", TEXTS, SECRETS, refuse)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, TEXTS, SECRETS, interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["settings.yml", "policy", "secrets"])
@pytest.mark.parametrize("kind", ["file", "directory", "dangling link"])
def test_nothing_is_overwritten(tmp_path: Path, name: str, kind: str) -> None:
    """Whatever stands at one of the places stays as it is, and nothing else is written."""
    path = tmp_path / name
    if kind == "file":
        path.write_text("mine")
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    before = content(tmp_path)

    with pytest.raises(UnwrittenInstallation, match="there already"):
        write(tmp_path, TEXTS, SECRETS, no_check)
    with pytest.raises(UnwrittenInstallation, match=f"{name} is there already"):
        refuse_what_is_there(tmp_path)
    assert content(tmp_path) == before
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_what_comes_to_be_meanwhile_is_not_overwritten_either(tmp_path: Path) -> None:
    """A file that somebody else makes while we write stays, and the sentence says where ours is."""

    def meddle(_settings: Path) -> None:
        (tmp_path / "settings.yml").write_text("mine")

    with pytest.raises(UnwrittenInstallation, match=WHOLE):
        write(tmp_path, TEXTS, SECRETS, meddle)
    assert (tmp_path / "settings.yml").read_text() == "mine"
    with pytest.raises(UnwrittenInstallation, match="meanwhile"):
        finish(tmp_path)
    (tmp_path / "settings.yml").unlink()
    assert finish(tmp_path)
    assert content(tmp_path) == {**TEXTS, **SECRETS}


@pytest.mark.parametrize("moment", ["checking", "secrets", "policy", "settings.yml"])
def test_killed_at_any_moment(tmp_path: Path, moment: str) -> None:
    """Killed before it was whole nothing of it counts, and the next one begins anew; killed after, the next one finishes it."""
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), moment], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert not (tmp_path / "settings.yml").exists()

    if finish(tmp_path):
        assert moment != "checking"
    else:
        assert moment == "checking"
        assert list(tmp_path.iterdir()) == []
        write(tmp_path, TEXTS, SECRETS, no_check)
    assert content(tmp_path) == {**TEXTS, **SECRETS}
    assert not finish(tmp_path)


def test_a_place_that_takes_nothing(tmp_path: Path) -> None:
    """Where nothing can be written, that is one sentence."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnwrittenInstallation, match="can't be written"):
        write(tmp_path / "file" / "site", TEXTS, SECRETS, no_check)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_of_somebody_else(tmp_path: Path) -> None:
    """A directory that we may not write is left as it is."""
    tmp_path.chmod(0o500)
    with pytest.raises(UnwrittenInstallation, match="Permission denied"):
        write(tmp_path, TEXTS, SECRETS, no_check)
