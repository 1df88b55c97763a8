# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.corpus import HOSTILE, with_canary

from breakglass.effects.inert import UnfitVariable, inert_json

if TYPE_CHECKING:
    from pathlib import Path

# What `ansible-playbook -e @FILE` makes of each file, as it was read and after templating; as JSON.
LOAD = """
import json, sys
from ansible import context
from ansible.module_utils.common.collections import ImmutableDict
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.utils.vars import load_extra_vars

told = []
for path in json.load(sys.stdin):
    loader = DataLoader()
    read = loader.load_from_file(path)
    load_extra_vars.extra_vars = None
    context.CLIARGS = ImmutableDict(extra_vars=("@" + path,))
    given = load_extra_vars(loader)
    rendered = Templar(loader, variables=given).template(given)
    told.append([read, given, rendered])
json.dump(told, sys.stdout)
"""
FIT = [(name, value) for name, value in HOSTILE if not isinstance(value, dict) or "__ansible" not in next(iter(value))]
UNFIT = [(name, value) for name, value in HOSTILE if (name, value) not in FIT]
SHAPES: dict[str, object] = {
    "list": ["{{ 1 + 1 }}", ["{% raw %}"], {"a": "{{ 2 }}"}],
    "mapping": {"deep": {"deeper": "{{ lookup('env', 'HOME') }}"}, "": "", "a b": None},
    "numbers": [0, -1, 2**53, 1.5, 1e300, True, False, None],
    "tuple": ("a", "{{ b }}"),
    "quotes": "\"'\\ \t\n\r\x00\x7f\u2028\U0001f512",
}


def load(files: list[Path], scratch: Path) -> list[list[object]]:
    done = subprocess.run(
        [sys.executable, "-c", LOAD],
        input=json.dumps([str(file) for file in files]),
        env={
            "HOME": str(scratch),
            "ANSIBLE_HOME": str(scratch / "ansible"),
            "LANG": "C.UTF-8",
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    told: list[list[object]] = json.loads(done.stdout)
    return told


def test_nothing_is_executed_and_nothing_changes(tmp_path: Path) -> None:
    """Ansible reads every hostile value, in every place, as the very text that it is, before and after templating."""
    canary = tmp_path / "canary"
    values = [with_canary(value, canary) for _, value in FIT]
    places: list[dict[str, object]] = []
    for value in values:
        places.append({"plain": value, "list": [value], "mapping": {"key": value, "list": [{"deep": value}]}})
        places += [{"mapping": {value: "x"}}] if isinstance(value, str) else []
    places.append(json.loads(json.dumps(SHAPES)))
    files = []
    for number, place in enumerate(places):
        files.append(tmp_path / f"extravars-{number}")
        files[-1].write_text(inert_json(SHAPES if place is places[-1] else place), encoding="utf-8")
    for place, (read, given_, rendered) in zip(places, load(files, tmp_path), strict=True):
        assert read == place
        assert given_ == place
        assert rendered == place
    assert not canary.exists()


@pytest.mark.parametrize(("name", "value"), UNFIT)
def test_names_that_ansible_takes_as_orders(name: str, value: object) -> None:
    """A mapping with a name that Ansible would take as a type mark is refused, however deep it is."""
    for place in (value, [value], {"a": [{"b": value}]}):
        with pytest.raises(UnfitVariable, match="__ansible_"):
            inert_json({"x": place})


def test_reserved_names_of_variables() -> None:
    """A variable itself can't have such a name either, nor one that is no text."""
    for name in ("__ansible_unsafe", "__ansible_type", "__ansible_", 1):
        with pytest.raises(UnfitVariable):
            inert_json({name: "x"})  # type: ignore[dict-item]


@pytest.mark.parametrize("place", ["{}", {"{}": 1}, ["{}"], {"a": {"{}": ["{}"]}}])
def test_half_characters(place: object) -> None:
    """Half of a character is refused in texts and in names."""
    half = json.loads(json.dumps(place).replace("{}", "\\ud800"))
    with pytest.raises(UnfitVariable, match="half a character"):
        inert_json({"x": half})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none(number: float) -> None:
    """What JSON has no number for is refused."""
    with pytest.raises(UnfitVariable):
        inert_json({"x": [number]})


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object(), 1j])
def test_values_that_are_not_json(value: object) -> None:
    """What is no JSON value is refused by its kind, without showing it."""
    with pytest.raises(UnfitVariable, match=f"kind {type(value).__name__}"):
        inert_json({"x": value})


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_endless_nesting(wrap) -> None:
    """A value that nests without end is refused, not followed until the stack ends."""
    value: object = "x"
    for _ in range(100_000):
        value = wrap(value)
    with pytest.raises(UnfitVariable, match="too deeply"):
        inert_json({"x": value})
    while isinstance(value, list | dict):  # taken apart piece by piece, since Python would do it recursively
        value = value[0] if isinstance(value, list) else value["a"]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NAMES = TEXTS.filter(lambda name: not name.startswith("__ansible_"))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(JSON_VALUES)
def test_every_text_is_marked(value: object) -> None:
    """The file is JSON behind a TAB, no text in it stands without its mark, and without the marks it is the value."""
    text = inert_json({"x": value})
    assert text.startswith("\t{")
    assert text.isascii()
    assert "\n" not in text
    assert unmarked(json.loads(text)) == {"x": value}


def unmarked(content: object) -> object:
    """The value without its marks; a text that has none is a failure."""
    if isinstance(content, dict):
        if set(content) == {"__ansible_unsafe"}:
            assert isinstance(content["__ansible_unsafe"], str)
            return content["__ansible_unsafe"]
        return {name: unmarked(item) for name, item in content.items()}
    assert not isinstance(content, str)
    return [unmarked(item) for item in content] if isinstance(content, list) else content
