# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.policy.policy_material import hostile_values

from breakglass.domain.routing import BadParameter
from breakglass.policy.arguments import BadArgumentSpec, read_arguments, typed_arguments

OPTIONS = {
    "text": {"type": "str"},
    "number": {"type": "int", "choices": [1, 2]},
    "share": {"type": "float"},
    "flag": {"type": "bool"},
    "words": {"type": "list", "elements": "str", "choices": ["a", "b"]},
    "any_list": {"type": "list"},
    "rules": {"type": "list", "elements": "dict", "options": {"port": {"type": "int", "required": True}}},
    "place": {"type": "path"},
    "table": {"type": "dict"},
    "anything": {"type": "raw"},
    "plain": {},
}
ARGUMENTS = read_arguments(OPTIONS)


def typed(**values: object) -> dict[str, object]:
    return typed_arguments(ARGUMENTS, values, "the role")


@pytest.mark.parametrize(
    ("name", "given_value", "expected"),
    [
        ("text", "10", "10"),
        ("text", 10, "10"),
        ("number", "1", 1),
        ("share", "0.5", 0.5),
        ("share", 2, 2.0),
        ("flag", "no", False),
        ("flag", "True", True),
        ("words", ["a", "b"], ["a", "b"]),
        ("any_list", ["1", 1, None], ["1", 1, None]),
        ("rules", [{"port": "80"}], [{"port": 80}]),
        ("place", "~/$HOME/x", "~/$HOME/x"),
        ("table", {"a": ["x"]}, {"a": ["x"]}),
        ("anything", "[1]", "[1]"),
        ("plain", "x", "x"),
    ],
)
def test_values_are_typed_by_the_spec(name: str, given_value: object, expected: object) -> None:
    """The role's argument spec says what a text means; nothing is expanded, split or evaluated."""
    found = typed(**{name: given_value})[name]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "given_value"),
    [
        ("text", ["x"]),
        ("text", True),
        ("text", None),
        ("text", 1.5),
        ("text", "\ud800"),
        ("number", "3"),
        ("number", "1e3"),
        ("number", "0x1"),
        ("number", "1_0"),
        ("number", True),
        ("number", 2**60),
        ("share", "1e309"),
        ("share", "nan"),
        ("flag", "maybe"),
        ("flag", 2),
        ("words", "a,b"),
        ("words", ["c"]),
        ("rules", [{}]),
        ("rules", [{"port": "x"}]),
        ("rules", [{"port": 1, "prt": 1}]),
        ("place", "a\0b"),
        ("table", "{'a': 1}"),
        ("table", {"a": {"__ansible_unsafe": "x"}}),
        ("anything", [{"__ansible_vault": "x"}]),
        ("anything", float("nan")),
        ("unknown", "x"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, given_value: object) -> None:
    """A value of another type, outside the choices, or with Ansible's marks in it is a sentence that names the parameter."""
    with pytest.raises(BadParameter, match=name):
        typed(**{name: given_value})


def test_required_parameters_must_be_there() -> None:
    """A required parameter that is not given is named."""
    with pytest.raises(BadParameter, match="needs the parameter b"):
        typed_arguments(read_arguments({"a": {}, "b": {"required": True}}), {"a": "x"}, "the role")


@pytest.mark.parametrize(("value"), [pytest.param(value, id=name) for name, value in hostile_values()])
def test_hostile_values_stay_what_they_are(value: object) -> None:
    """A text of the hostile corpus passes unchanged as text, and anything else only where the spec takes it."""
    if isinstance(value, str):
        assert typed(text=value, anything=value) == {"text": value, "anything": value}
    elif isinstance(value, dict) and any(key.startswith("__ansible_") for key in value):
        with pytest.raises(BadParameter):
            typed(table=value)
    else:
        assert typed(anything=value) == {"anything": value}


@pytest.mark.parametrize(
    "options", ["x", {"a": "x"}, {"a": {"type": "sql"}}, {"a": {"elements": "sql"}}, {"a": {"choices": 1}}]
)
def test_a_spec_that_we_do_not_read_is_refused(options: object) -> None:
    """An argument spec with shapes or types that do not exist is an error of the role."""
    with pytest.raises(BadArgumentSpec):
        read_arguments(options)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(database=None, deadline=None, max_examples=300)
@given(st.dictionaries(st.sampled_from([*OPTIONS, "unknown"]), VALUES, max_size=3))
def test_any_values_are_typed_or_refused(values: dict[str, object]) -> None:
    """No value makes anything but BadParameter."""
    with suppress(BadParameter):
        assert typed(**values).keys() == values.keys()
