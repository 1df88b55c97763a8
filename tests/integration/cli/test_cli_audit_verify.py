# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass audit verify`: 0 intact, 1 could not be checked, 2 changed, 3 wrong use."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.support.both_verifiers import SCRIPT

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


def test_several_paths(breakglass: Command, site: Site, copy: Path, tmp_path: Path) -> None:
    """A journal and one stream of another: each is told under its name, and the worse one gives the exit code."""
    (stream,) = copy.glob("*/*/*/INC-*/runner.jsonl")
    keys = ("--offline", "--key", site.place.keys)
    alone = breakglass("audit", "verify", *keys, stream)
    assert alone.returncode == 0, alone.stdout
    assert alone.stdout.startswith("OK  2 streams, ")

    (copy / "ledger.jsonl").rename(tmp_path / "elsewhere")
    verified = breakglass("audit", "verify", *keys, site.place.journal, stream)
    assert verified.returncode == 2
    assert f"{site.place.journal}:\nOK  " in verified.stdout
    assert "ledger.jsonl is gone" in verified.stdout
    both = json.loads(breakglass("audit", "verify", *keys, "--json", site.place.journal, stream).stdout)
    assert [report["verdict"] for report in both] == ["intact", "changed"]


def test_a_part_of_a_journal(breakglass: Command, site: Site, copy: Path) -> None:
    """Of a directory below a journal its streams are verified, together with the ledger; others are left alone."""
    (stream,) = copy.glob("*/*/*/INC-*/runner.jsonl")
    (copy / "rubbish.jsonl").write_text("rubbish\n")
    keys = ("--offline", "--key", site.place.keys)
    assert breakglass("audit", "verify", *keys, stream.parent).returncode == 0
    assert breakglass("audit", "verify", *keys, copy).returncode == 2
    missing = breakglass("audit", "verify", *keys, stream.with_name("play-9.jsonl"))
    assert missing.returncode == 1
    assert "There is no stream" in missing.stdout


def test_keys_and_anchors_for_elsewhere(breakglass: Command, site: Site, copy: Path, tmp_path: Path) -> None:
    """Keys and anchors that were saved from Vault find the roll-back without Vault, with both verifiers."""
    keys, anchors = tmp_path / "saved.keys", tmp_path / "saved.anchors"
    saved = breakglass(
        *("audit", "verify", "--save-keys", keys, "--save-anchors", anchors, site.place.journal),
        environment=site.environment,
    )
    assert saved.returncode == 0, saved.stdout + saved.stderr
    elsewhere = ("audit", "verify", "--key", keys, "--anchors", anchors, copy)
    assert "Newest checkpoint equals its anchor" in breakglass(*elsewhere).stdout
    assert stand_alone(copy, keys, anchors).returncode == 0

    oldest, *newer = sorted(int(path.name.split(".")[1]) for path in copy.glob("ledger.*.checkpoint"))
    (copy / "ledger.jsonl").write_bytes(b"".join((copy / "ledger.jsonl").read_bytes().splitlines(True)[:oldest]))
    for size in newer:
        (copy / f"ledger.{size}.checkpoint").unlink()
    verified, other = breakglass(*elsewhere), stand_alone(copy, keys, anchors)
    assert (verified.returncode, other.returncode) == (2, 2)
    assert "ROLLED BACK" in verified.stdout
    assert f"ledger.jsonl: record {oldest + 1}: ROLLED BACK" in other.stdout


def stand_alone(directory: Path, keys: Path, anchors: Path) -> subprocess.CompletedProcess[str]:
    """Call the script as somebody does who has nothing of ours."""
    command = [sys.executable, "-I", SCRIPT, directory, "--key", keys, "--anchors", anchors]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_saving_needs_vault(breakglass: Command, tmp_path: Path) -> None:
    """Saving what only Vault has is wrong use with --offline, and 1 without a Vault; no file is left."""
    for option in ("--save-keys", "--save-anchors"):
        assert breakglass("audit", "verify", "--offline", option, tmp_path / "file", tmp_path).returncode == 3
        failed = breakglass("audit", "verify", option, tmp_path / "file", tmp_path)
        assert failed.returncode == 1
        assert failed.stderr.startswith("breakglass: ")
    assert not (tmp_path / "file").exists()


def test_anchors_that_are_none(breakglass: Command, site: Site, copy: Path, tmp_path: Path) -> None:
    """A file of anchors that is not there, or holds something else, exits 1 with one sentence."""
    (tmp_path / "list").write_text("[1]")
    (tmp_path / "shape").write_text('{"a": {"size": "x", "note": 5}}')
    for name in ("none", "list", "shape"):
        failed = breakglass(
            "audit", "verify", "--offline", "--key", site.place.keys, "--anchors", tmp_path / name, copy
        )
        assert failed.returncode == 1
        assert failed.stderr.startswith("breakglass: ")
