# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakglass.policy.problems import FileProblems
from breakglass.policy.yaml_text import place_of, plain, read_yaml, read_yaml_file

if TYPE_CHECKING:
    from pathlib import Path


def sentences(text: str) -> list[str]:
    with pytest.raises(FileProblems) as caught:
        read_yaml(text, "p.yml")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("scalar", ["10:00", "no", "0123", "1e3", "2026-11-22", "null", "~", "true", "0x1f"])
def test_scalars_stay_text(scalar: str) -> None:
    """Whatever YAML 1.1 would make of a scalar, it is the text that stands there."""
    assert plain(read_yaml(f"a: {scalar}\nb: ''\nc:\n", "p.yml")) == {"a": scalar, "b": "", "c": None}


def test_places_are_kept() -> None:
    """Every key and item has its line, and a path that ends early gives the line of its last part."""
    root = read_yaml("# c\na:\n  - x: 1\n\n    y: 2\nb: {c: 3}\n", "p.yml")
    assert place_of(root, ("a", 0, "y")).line == 5
    assert place_of(root, ("a", 0, "missing")).line == 3
    assert place_of(root, ("b", "c")).line == 6
    assert str(place_of(root, ("nowhere",))) == "p.yml:2"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x 1\n", "p.yml:1: Anchors and aliases"),
        ("a: 1\nb: *x\n", "p.yml:2: Anchors and aliases"),
        ("a: !!python/object/apply:os.system [x]\n", "p.yml:1: Tags (!)"),
        ("a: !unsafe x\n", "p.yml:1: Tags (!)"),
        ("a: ! x\n", "p.yml:1: Tags (!)"),
        ("a:\n  <<: {b: 1}\n", "p.yml:2: Merge keys"),
        ("- a\n", "p.yml:1: The file must be a mapping"),
        ("text\n", "p.yml:1: The file must be a mapping"),
        ("# nothing\n", "p.yml:1: The file is empty."),
        ("", "p.yml:1: The file is empty."),
        ("a: 1\n---\nb: 2\n", "p.yml:2: A second document"),
        ("a: {{ alert.labels.x }}\n", "p.yml:1: A key must be text. A value that begins with {{"),
        ("a:\n\t- b\n", "p.yml:2: This is not YAML"),
        ("a: b: c\n", "p.yml:1: This is not YAML: mapping values are not allowed here. A text with a colon"),
        ("a: 'x\n", "This is not YAML"),
        ("a: 1\nb: \x01\n", "p.yml:2: A character is not allowed"),
        ('a: "\\ud800"\n', "p.yml:1: This text holds half of a character"),
        ("a: " + "[" * 50 + "]" * 50, "p.yml:1: This is nested more than 32 levels deep."),
        ("? [a]\n: b\n", "p.yml:1: A key must be text."),
    ],
)
def test_surprises_are_refused(text: str, said: str) -> None:
    """What a person would not read as it is meant is refused with file, line and a sentence."""
    assert said in "\n".join(sentences(text))


def test_every_duplicate_key_is_named() -> None:
    """Each key that stands twice is reported with both lines."""
    assert sentences("a: 1\nb: 1\na: 2\nc: {d: 1, d: 2}\n") == [
        "p.yml:3: The key 'a' is written twice, first in line 1.",
        "p.yml:4: The key 'd' is written twice, first in line 4.",
    ]


def test_nested_aliases_cost_nothing() -> None:
    """The laughing billion is refused at its first anchor."""
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 40))
    assert len(sentences("l0: &l0 [lol]\n" + levels)) == 1


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, one that is not UTF-8 and a huge one each give a problem, not a traceback."""
    wrong = tmp_path / "wrong.yml"
    wrong.write_bytes(b"a: 1\nb: \xff\n")
    huge = tmp_path / "huge.yml"
    huge.write_bytes(b"#" * (1 << 20) + b"\na: 1")
    for path, said in ((tmp_path / "none.yml", "No such file"), (wrong, ":2: "), (huge, "larger than")):
        with pytest.raises(FileProblems, match=said):
            read_yaml_file(path)


@settings(database=None, deadline=None, max_examples=300)
@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@`,?\n \t<0~\u202e\ud800", max_size=60) | st.text(max_size=60))
def test_any_text_gives_a_tree_or_problems(text: str) -> None:
    """No text makes the reader fail in another way."""
    with suppress(FileProblems):
        assert isinstance(plain(read_yaml(text, "p.yml")), dict)
