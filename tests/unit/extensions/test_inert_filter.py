# SPDX-License-Identifier: GPL-3.0-or-later
"""The event filter for Event-Driven Ansible: nothing in an event is a template afterwards, and what is none stays as it was."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2.nativetypes import NativeEnvironment
from tests.support.corpus import HOSTILE

FILTER = Path(__file__).parents[3] / "extensions" / "eda" / "plugins" / "event_filter" / "inert.py"
LOADED = runpy.run_path(str(FILTER))  # as ansible-rulebook does
main = LOADED["main"]
RENDER = NativeEnvironment()  # as ansible-rulebook renders the arguments of an action
RULES = ("{{ a }}", "{{ a }}{{ b }}", "'{{ a }}'", '"{{ a }}"', "['{{ a }}', '{{ b }}']", "Why: {{ a }}")
TEMPLATES = ("{{", "{%", "{#", "#jinja2:", "$ANSIBLE_VAULT")
PIECES = st.sampled_from(
    [
        "{",
        "{{",
        "{%",
        "{#",
        "}",
        "}}",
        "%",
        "#",
        "'",
        '"',
        "\\",
        "\\x7b",
        "\\173",
        "\\u007b",
        "\\x25",
        "\\45",
        "\\043",
        "\\N{LEFT CURLY BRACKET}",
        "\\N{PERCENT SIGN}",
        "\\\n",
        "\n",
        " ",
        "r",
        "b",
        "u",
        "[",
        "]",
        ",",
        ":",
        "x",
        "7b",
        "\r\n",
        "\r",
        "\x00",
        "\u202e",
        "#jinja2:",
        "$ANSIBLE_VAULT;1.1",
    ]
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in _texts(one)]
    if isinstance(value, (list, tuple, set)):
        return [text for one in value for text in _texts(one)]
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return [value] if isinstance(value, str) else []


@given(TEXTS, TEXTS)
@example("'{' '{ lookup(0) }}'", "")
@example("{' '{ lookup(0) }}", "")
@example(r"\x7b\x7b lookup(0) }}", "{")
@example("{", "{ lookup(0) }}")
@example("", "{{}}")
@example("", "{\\\n\\x25")
@example("'{\\\n", "%'")
@example("'{'\\\n", "'%'")
@settings(max_examples=500, deadline=None)
@pytest.mark.filterwarnings(
    "ignore::SyntaxWarning", "ignore::DeprecationWarning"
)  # of odd escapes, in Jinja's own reading
def test_no_rule_makes_a_template_of_it(first: str, second: str) -> None:
    """Handed on whole, put together, or written between quotes, which ansible-rulebook then reads as Python's."""
    event = main({"a": first, "b": second})
    assert not any(mark in text for mark in TEMPLATES for text in _texts(event))
    for rule in RULES:
        try:
            rendered = RENDER.from_string(rule).render(event)
        except TypeError:  # Jinja's own reading of `{[]}` fails, and with it the action: nothing is handed on
            continue
        assert not any(mark in text for mark in TEMPLATES[:3] for text in _texts(rendered)), (rule, rendered)


@given(TEXTS)
def test_what_is_inert_stays(text: str) -> None:
    """The filter changes nothing that has been through it, so it may stand twice."""
    once = main({"a": text})
    assert main(once) == once


PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zl", "Zp"], exclude_characters="{\\$#"))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | PLAIN
NAMES = PLAIN.filter(lambda name: not name.lstrip("_").startswith("ansible_"))  # such names lose their underscores
EVENTS = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner), max_leaves=20)


@given(st.dictionaries(st.text("abc", min_size=1), EVENTS))
def test_a_condition_sees_what_was_sent(event: dict[str, object]) -> None:
    """Values, kinds and names without such marks are the same afterwards."""
    assert main(event) == event


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nginx answers 502\nsince 02:51\t!",
        '{"a": [1, {"b": null}]}',
        "100% {full}",
        "Grüße, 東京 👩\u200d🔧",
        "a } } b",
        "C:\\temp",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    """Lines, JSON, per cent, braces and other people's letters."""
    assert main({"text": text}) == {"text": text}


@pytest.mark.parametrize(("name", "value"), HOSTILE)
def test_the_corpus_is_inert(name: str, value: object) -> None:
    """None of it is a template, a control or an order to Ansible's loader, as value and as name."""
    made = main({name: value, "names": {str(value): 1}})
    for text in _texts(made):
        assert not any(mark in text for mark in TEMPLATES), text
        assert not set(text) & {"\x00", "\x1b", "\x07", "\r", "\u202e"}
        assert not text.startswith("__ansible_")


def test_names_that_become_the_same_are_both_kept() -> None:
    """Nothing is lost, and the name that was inert from the start keeps it."""
    assert main({"{{x": 1, "{ {x": 2, "__ansible_y": 3, "ansible_y": 4}) == {
        "{ {x_": 1,
        "{ {x": 2,
        "ansible_y_": 3,
        "ansible_y": 4,
    }


def test_what_is_too_large_is_left_out_and_said() -> None:
    """Long texts, deep nesting, many values, numbers that are none."""
    deep: object = "bottom"
    for _level in range(100):
        deep = [deep]
    made = main({"long": "a" * 9000, "deep": deep, "many": list(range(50_000)), "none": [float("nan"), float("inf")]})
    assert made["long"] == "a" * 8192 + " [cut]"
    assert "left out" in str(made["deep"])
    assert len(made["many"]) < 20_000
    assert main({"none": [float("nan"), float("inf")]})["none"] == ["nan", "inf"]


@pytest.mark.parametrize(
    ("given", "hosts"),
    [
        ("web1", ["web1"]),
        ("web1:9100", ["web1"]),
        ("web1.example.com", ["web1.example.com"]),
        *(
            (text, ["breakglass-no-host"])
            for text in ("all", "*", "~.*", "all:!web1", "@/etc/passwd", "web1,", "", "-e")
        ),
        ("web[1:9]", ["breakglass-no-host"]),
        ({"a": 1}, ["breakglass-no-host"]),
    ],
)
def test_an_event_names_hosts_and_no_pattern(given: object, hosts: list[str]) -> None:
    """What is no plain name matches no host; it never means more hosts than it says."""
    assert main({"labels": {"instance": given}}, host_path="labels.instance")["meta"]["hosts"] == hosts


def test_hosts_that_another_filter_has_put_there_are_looked_at_too() -> None:
    """Also where the source itself names them."""
    assert main({"meta": {"hosts": ["web1", "all", "~.*"], "endpoint": "x"}})["meta"] == {
        "hosts": ["web1"],
        "endpoint": "x",
    }
    assert main({"meta": {"hosts": "*"}})["meta"]["hosts"] == ["breakglass-no-host"]
    assert main({}, host_path="labels.instance") == {"meta": {"hosts": ["breakglass-no-host"]}}


def test_the_example_is_what_its_options_are() -> None:
    """The documented options are the parameters, with their defaults."""
    options = yaml.safe_load(LOADED["DOCUMENTATION"])["options"]
    defaults = dict(zip(main.__code__.co_varnames[1:], main.__defaults__, strict=False))
    assert {name: said.get("default", "") for name, said in options.items()} == defaults
    (source,) = yaml.safe_load(LOADED["EXAMPLES"])
    assert source["filters"][0]["breakglass.remediation.inert"].keys() <= options.keys()
