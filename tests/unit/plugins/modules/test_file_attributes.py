# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that takes the place of another one has its SELinux label: real attributes of a real file system, with no policy behind them."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.module_utils import (
    config_swap,
    file_attributes,
    file_swap,
    untrusted_paths,
)
from ansible_collections.breakglass.remediation.plugins.module_utils.config_tree import Change, Entry

if TYPE_CHECKING:
    from pathlib import Path

LABEL = b"system_u:object_r:shop_conf_t:s0\0"
STAMP = "20261127T120000Z"


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A file with a label that its directory has not; root alone may give it one, where the file system keeps such."""
    path = tmp_path / "shop.conf"
    path.write_text("bad\n")
    path.chmod(0o640)
    try:
        os.setxattr(path, file_attributes.LABEL, LABEL)
    except OSError as error:
        pytest.skip(f"no label can be given here: {error.strerror}")
    return path


@pytest.fixture
def given() -> list[tuple[str, str]]:
    """The files that were to get the label of their place."""
    return []


def _label(path: Path) -> bytes:
    return os.getxattr(path, file_attributes.LABEL)


def test_a_configuration_that_is_restored_keeps_it(labelled: Path, given: list[tuple[str, str]]) -> None:
    """The new file, the one that was put aside, and after the undo the old one; a file that is new gets that of its place."""
    new = Change(str(labelled.with_name("new.conf")), Entry(b"new\n"), None)
    bad = Change(str(labelled), Entry(b"good\n"), Entry(b"bad\n"))
    done = config_swap.apply([bad, new], STAMP, 0o644, lambda *places: given.append(places))
    assert (labelled.read_text(), _label(labelled), _label(labelled.with_name(f".shop.conf.refused-{STAMP}"))) == (
        "good\n",
        LABEL,
        LABEL,
    )
    assert [place for _, place in given] == [new.path]
    config_swap.take_back(done)
    assert (labelled.read_text(), _label(labelled)) == ("bad\n", LABEL)


def test_a_certificate_that_is_renewed_keeps_it(labelled: Path, given: list[tuple[str, str]], tmp_path: Path) -> None:
    """Replaced, and put back; where there was none, the new one gets the label of its place."""
    found = [file_swap.look(str(labelled)), file_swap.look(str(tmp_path / "chain.pem"))]
    file_swap.keep(found, tmp_path / "before")
    for one in found:
        file_swap.replace(one, b"good\n", lambda *places: given.append(places))
    assert (labelled.read_text(), _label(labelled), labelled.stat().st_mode & 0o777) == ("good\n", LABEL, 0o640)
    assert [place for _, place in given] == [str(tmp_path / "chain.pem")]
    assert file_swap.restore(tmp_path / "before", lambda *_: None) == [one.path for one in found]
    assert (labelled.read_text(), _label(labelled)) == ("bad\n", LABEL)


def test_what_was_taken_of_a_locked_account_comes_back_with_it(labelled: Path) -> None:
    """Also out of a record that an older version has written, which knew no labels."""
    place = untrusted_paths.reach(str(labelled))
    assert place is not None
    with closing(place):
        found = untrusted_paths.look(place)
        assert found is not None
        untrusted_paths.take(place)
    untrusted_paths.put_back(found)
    assert (labelled.read_text(), _label(labelled)) == ("bad\n", LABEL)
    del found["attributes"]
    untrusted_paths.put_back(found)
    labelled.unlink()
    untrusted_paths.put_back(found)
    assert file_attributes.LABEL not in os.listxattr(labelled)


def test_a_label_that_can_not_be_given_keeps_the_old_file(labelled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the policy of the host forbids it: nothing is replaced, nothing is left beside, and why is said."""

    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "setxattr", forbidden)
    before = labelled.stat()
    with pytest.raises(OSError, match="SELinux label of the file that is there"):
        file_swap.replace(file_swap.look(str(labelled)), b"good\n", lambda *_: None)
    with pytest.raises(OSError, match="SELinux label of the file that is there"):
        config_swap.apply([Change(str(labelled), Entry(b"good\n"), Entry(b"bad\n"))], STAMP, 0o644, lambda *_: None)
    assert (labelled.read_text(), labelled.stat()) == ("bad\n", before)
    assert [path.name for path in labelled.parent.iterdir()] == ["shop.conf"]
