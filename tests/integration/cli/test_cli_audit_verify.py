# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass audit verify`: 0 intact, 1 could not be checked, 2 changed, 3 wrong use."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.cli.conftest import Command
    from tests.support.site import Site


@pytest.fixture
def copy(site: Site, tmp_path: Path) -> Path:
    """A copy of the journal that a test may spoil, without the keys beside it."""
    return shutil.copytree(site.place.journal, tmp_path / "journal")


def test_intact_with_vault(breakglass: Command, site: Site) -> None:
    """A journal whose newest checkpoint equals its anchor in Vault exits 0."""
    verified = breakglass("audit", "verify", site.place.journal, environment=site.environment)

    assert verified.returncode == 0, verified.stdout
    assert verified.stdout.startswith("OK  ")
    assert "Newest checkpoint equals its anchor in Vault." in verified.stdout


def test_intact_offline(breakglass: Command, site: Site, copy: Path) -> None:
    """A copy with the key file exits 0 without Vault, and it is said that anchors were not checked."""
    verified = breakglass("audit", "verify", "--offline", "--key", site.place.keys, copy)

    assert verified.returncode == 0, verified.stdout
    assert "Anchors were not checked (offline)." in verified.stdout


def test_json_is_the_only_output(breakglass: Command, site: Site) -> None:
    """With --json standard output is one object; what must be said beside it goes to standard error."""
    verified = breakglass("audit", "verify", "--json", site.place.journal)

    assert verified.returncode == 0, verified.stdout
    assert json.loads(verified.stdout)["verdict"] == "intact"
    assert "Vault could not be asked" in verified.stderr


def test_without_keys_it_could_not_be_checked(breakglass: Command, copy: Path) -> None:
    """Without any public key nobody can say that a journal is intact: 1."""
    verified = breakglass("audit", "verify", "--offline", copy)

    assert verified.returncode == 1
    assert verified.stdout.startswith("UNCHECKED  ")
    assert "no public key is known" in verified.stdout


def test_missing_journal_could_not_be_checked(breakglass: Command, site: Site, tmp_path: Path) -> None:
    """A directory without a journal exits 1 and says so."""
    verified = breakglass("audit", "verify", "--offline", "--key", site.place.keys, tmp_path / "none")

    assert verified.returncode == 1
    assert f"There is no journal in {tmp_path / 'none'}." in verified.stdout


def test_key_file_that_is_none(breakglass: Command, site: Site, copy: Path, tmp_path: Path) -> None:
    """A key file that is not there, or holds no key, exits 1 with one sentence."""
    garbled = tmp_path / "garbled.keys"
    garbled.write_text("not a key\n")
    for key in (tmp_path / "none.keys", garbled):
        verified = breakglass("audit", "verify", "--offline", "--key", key, copy)
        assert verified.returncode == 1
        assert verified.stdout == ""
        assert verified.stderr.startswith("breakglass: ")


def test_changed_record(breakglass: Command, site: Site, copy: Path) -> None:
    """One changed word exits 2, and the first bad record is named."""
    (stream,) = copy.glob("*/*/*/INC-*/runner.jsonl")
    content = stream.read_bytes()
    assert content.count(b'"would_have_run"') == 1
    stream.write_bytes(content.replace(b'"hosts":["web1"],"would_have_run"', b'"hosts":["web2"],"would_have_run"'))
    assert stream.read_bytes() != content
    verified = breakglass("audit", "verify", "--offline", "--key", site.place.keys, copy)
    record = next(number for number, line in enumerate(content.splitlines(), 1) if b'"would_have_run"' in line)

    assert verified.returncode == 2
    assert verified.stdout.startswith("FAILED  1 of ")
    assert f"record {record}" in verified.stdout


def test_lost_stream(breakglass: Command, site: Site, copy: Path) -> None:
    """A stream that the ledger names and that is gone exits 2."""
    (stream,) = copy.glob("*/*/*/INC-*/runner.jsonl")
    stream.unlink()
    verified = breakglass("audit", "verify", "--offline", "--key", site.place.keys, copy)

    assert verified.returncode == 2
    assert stream.parent.name in verified.stdout


def test_ledger_that_was_set_back(breakglass: Command, site: Site, copy: Path) -> None:
    """A ledger that was set back to an older checkpoint, which is signed and good, is found out by its anchor in Vault."""
    ledger = copy / "ledger.jsonl"
    oldest, *newer = sorted(int(path.name.split(".")[1]) for path in copy.glob("ledger.*.checkpoint"))
    assert newer
    ledger.write_bytes(b"".join(ledger.read_bytes().splitlines(keepends=True)[:oldest]))
    for size in newer:
        (copy / f"ledger.{size}.checkpoint").unlink()
    verified = breakglass("audit", "verify", "--key", site.place.keys, copy, environment=site.environment)

    assert verified.returncode == 2
    assert "ledger.jsonl" in verified.stdout


def test_wrong_use(breakglass: Command) -> None:
    """Without a directory it is wrong use: 3."""
    assert breakglass("audit", "verify").returncode == 3
