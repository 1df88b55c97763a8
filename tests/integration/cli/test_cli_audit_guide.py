# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide about reading the journal: every command of it runs, and prints what the guide shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.kinds import KINDS
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.ocsf_classes import meaning_of
from tests.support.journal_on_disk import write_example

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Call

GUIDE = (Path(__file__).parents[3] / "docs" / "guides" / "audit.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
ENDLESS = ["audit", "tail"]
"""Tested with the other commands: it does not end by itself."""
HASH = re.compile(r'"previous":"[0-9a-f]{64}"')


def steps() -> list[tuple[list[str], str]]:
    """Each command of the guide, and what the guide says that it prints."""
    found: list[tuple[list[str], str]] = []
    for text in (text for language, text in BLOCKS if language == "console"):
        for part in re.split(r"^\$ breakglass ", text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((shlex.split(command), output))
    return found


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the journal of the guide's examples."""
    write_example(tmp_path / "journal")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BREAKGLASS_JOURNAL", "journal")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("VAULT_ADDR", "VAULT_TOKEN", "BAO_ADDR", "BAO_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize(("words", "shown"), steps(), ids=lambda step: " ".join(step) if isinstance(step, list) else "")
def test_commands_of_the_guide(call: Call, here: Path, words: list[str], shown: str) -> None:
    """Each command does what the guide says, and prints what it shows."""
    if words == ENDLESS:
        return
    done = call(*words)
    assert done.returncode == (1 if "report" in words else 0), done.stderr  # nobody signed the journal of the example
    if shown:
        assert HASH.sub('"previous":"PREVIOUS"', done.stdout) == shown
    if "--output" in words:
        assert (here / words[words.index("--output") + 1]).stat().st_size > 100


def test_table_of_exceptions(call: Call, here: Path) -> None:
    """The rows that the guide shows of a report stand in it."""
    del here
    (table,) = (text for language, text in BLOCKS if language == "text")
    assert table in call("audit", "report", "--since", "2026-11-22", "--offline").stdout


def test_table_of_classes() -> None:
    """The guide's table of OCSF classes is the mapping: every kind once, under its class."""
    rows = re.findall(r"^\| [^|]+ \| (\d+) \| (.*) \|$", GUIDE, re.MULTILINE)
    told = {kind: int(uid) for uid, kinds in rows for kind in re.findall(r"`([^`]+)`", kinds)}
    assert told == {kind: int(meaning_of(kind, {}).event_class) for kind in KINDS}
