# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-alone verifier as a program: what it needs, how long it is, and what it answers."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.canonical import canonical
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.keys_file import write_keys
from hypothesis import given
from hypothesis import strategies as st
from tests.support.both_verifiers import SCRIPT, script
from tests.unit.plugins.journal.sealed_journal import KEYS, PLAY, build

LIMIT_LINES = 300
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-(2**53) + 1, 2**53 - 1, allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A journal and its keys."""
    directory = tmp_path_factory.mktemp("script")
    build(directory / "journal")
    write_keys(directory / "journal.keys", KEYS)
    return directory


def run(*arguments):
    """Run the script where nothing of ours can be imported: isolated, in another directory."""
    command = [sys.executable, "-I", SCRIPT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd="/")


def test_it_can_be_read_at_one_sitting():
    """It is one file of less than 300 lines."""
    assert len(SCRIPT.read_text(encoding="utf-8").splitlines()) < LIMIT_LINES


def test_it_needs_nothing_but_cryptography():
    """It imports Python's own library and `cryptography`, and nothing by name: it shares no code with the writer."""
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 9))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    others = {name.partition(".")[0] for name in imported} - set(sys.stdlib_module_names)
    assert others == {"cryptography"}
    assert not imported & {"importlib", "runpy", "pickle", "subprocess"}
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not called & {"eval", "exec", "compile", "__import__"}


def test_intact(place):
    """0, and one line."""
    ended = run(place / "journal", "--key", place / "journal.keys")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "OK  19 records, 4 signed checkpoints. Anchors were not checked.\n"


def test_changed(place, tmp_path):
    """2, and the first bad record with its stream; nothing out of a record reaches the terminal unescaped."""
    journal = shutil.copytree(place / "journal", tmp_path / "journal")
    content = (journal / PLAY).read_bytes()
    (journal / PLAY).write_bytes(content.replace(b"step 3", b"\x1b[2J 3"))
    ended = run(journal, "--key", place / "journal.keys")
    assert ended.returncode == 2
    assert ended.stdout.startswith("FAILED  ")
    assert f"  {PLAY}: record 3: EDITED  " in ended.stdout
    assert "\x1b" not in ended.stdout


def test_not_checked(place, tmp_path):
    """1: no journal, no keys in the file, no such file of keys or anchors, or one with something else in it."""
    empty = tmp_path / "empty.keys"
    empty.write_text("# none\n")
    keys, journal = place / "journal.keys", place / "journal"
    for arguments in (
        (tmp_path, "--key", keys),
        (tmp_path / "none", "--key", keys),
        (journal, "--key", empty),
        (journal, "--key", tmp_path / "none"),
        (journal, "--key", journal / PLAY),
        (journal, "--key", keys, "--anchors", tmp_path / "none"),
        (journal, "--key", keys, "--anchors", keys),
    ):
        ended = run(*arguments)
        assert ended.returncode == 1, arguments
        assert "Traceback" not in ended.stderr


def test_wrong_use(place):
    """3: without a directory, without a key, with an option that there is none."""
    for arguments in ((), (place / "journal",), (place / "journal", "--key", place / "journal.keys", "--quick")):
        ended = run(*arguments)
        assert ended.returncode == 3
        assert "Traceback" not in ended.stderr


@given(value=VALUES)
def test_its_canonical_form_is_ours(value):
    """What it takes for RFC 8785 is what the library that the writer uses makes of any value."""
    assert script.canonical(value).encode() == canonical(value)


def test_it_is_named_in_the_reference():
    """The description of the format names the script, as the second implementation of it."""
    reference = Path(SCRIPT).parents[1] / "docs" / "reference" / "journal-format.md"
    assert "tools/verify_journal.py" in reference.read_text(encoding="utf-8")
