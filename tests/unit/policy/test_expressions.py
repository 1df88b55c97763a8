# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.policy.policy_material import alert_of, hostile_values

from breakglass.domain.routing import ExpressionError
from breakglass.policy.expressions import compile_condition, compile_template
from breakglass.policy.filters import MAXIMUM_TEXT

HOSTILE = [
    pytest.param(value, id=name)
    for name, value in hostile_values()
    if isinstance(value, str) and len(value) < MAXIMUM_TEXT // 2
]
LITERALS = ["123", "[1]", "{'a': 1}", "1.5", "True", "None", "{{ 7*7 }}", "'x'", "0x10", " 1", "1_000", "(1,)", "b'x'"]


def value(source: object, labels: dict[str, str] | None = None) -> object:
    return compile_template(source).value(alert_of(labels or {}))


def holds(source: str, labels: dict[str, str] | None = None) -> bool:
    return compile_condition(source).holds(alert_of(labels or {}))


@pytest.mark.parametrize("text", [*HOSTILE, *LITERALS])
def test_alert_text_stays_that_text(text: str) -> None:
    """A label's text comes out as the very text that went in: alone, in a longer text, through a filter, in a list."""
    labels = {"x": text}
    assert value("{{ alert.labels.x }}", labels) == text
    assert value("a {{ alert.labels.x }} b", labels) == f"a {text} b"
    assert value("{{ alert.labels['x'] }}{{ alert.labels.x }}", labels) == text + text
    assert value("{{ alert.labels.x | default('') }}", labels) == text
    assert value(["{{ alert.labels.x }}", {"k": "{{ alert.labels.x }}"}], labels) == [text, {"k": text}]
    assert value("{{ [alert.labels.x] }}", labels) == [text]
    assert compile_template("{{ alert.annotations.y }}").value(alert_of({}, {"y": text})) == text
    assert holds("alert.labels.x == alert.labels['x']", labels)


@pytest.mark.parametrize("name", [*HOSTILE, "items", "get", "__class__", "_texts", "of", "keys"])
def test_label_names_are_only_looked_up(name: str) -> None:
    """A label may have any name, also that of a Python attribute: it is looked up among the labels, nowhere else."""
    asked = f"{{{{ alert.labels[{name!r}] }}}}" if name.isidentifier() else "{{ alert.labels.plain }}"
    assert value(asked, {name: "found", "plain": "found"}) == "found"
    if name.isidentifier():
        assert value(f"{{{{ alert.labels.{name} }}}}", {}) == ""


def test_missing_labels_are_empty() -> None:
    """A label that the sender did not give is the empty text, in values and in conditions."""
    assert value("{{ alert.labels.nothing }}") == ""
    assert holds("alert.labels.nothing == ''")
    assert not holds("'nothing' in alert.labels")
    assert value("{{ alert.labels.port | default('80') }}") == "80"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("plain", "plain"),
        ("{% if x %}", "{% if x %}"),
        ("{# x #}", "{# x #}"),
        ("{{ 1 }}", 1),
        ("{{ [1, 'a', none, true] }}", [1, "a", None, True]),
        ("{{ {'a': alert.labels.n} }}", {"a": "web.example"}),
        ("{{ alert.labels.n.  upper }}", ExpressionError),
        ("{{ alert.labels.n | upper }}", "WEB.EXAMPLE"),
        ("{{ alert.labels.n | split('.') | first }}", "web"),
        ("{{ (alert.labels.n | split('.'))[1] }}", "example"),
        ("{{ alert.labels.n[0:3] }}", "web"),
        ("{{ alert.labels.n ~ ':' ~ 80 }}", "web.example:80"),
        ("{{ 'a' if alert.labels.n is startswith('web') else 'b' }}", "a"),
        ("{{ alert.labels.seven | int + 1 }}", 8),
        ("{{ alert.labels.n | int(0) }}", 0),
        ("{{ alert.labels.n | length }}", 11),
        ("{{ alert.name }}/{{ alert.status }}", "f/firing"),
        ("{{ '{{' }} x", "{{ x"),
        ("{{ alert.labels }}", ExpressionError),
    ],
)
def test_the_small_language(source: str, expected: object) -> None:
    """What the language offers gives plain values."""
    labels = {"n": "web.example", "seven": "7"}
    if expected is ExpressionError:
        with pytest.raises(ExpressionError):
            value(source, labels)
    else:
        assert value(source, labels) == expected


@pytest.mark.parametrize(
    "source",
    [
        "{{ lookup('pipe', 'id') }}",
        "{{ alert.labels.x.upper() }}",
        "{{ ''.__class__ }}",
        "{{ alert.__class__ }}",
        "{{ alert }}",
        "{{ alert['labels'] }}",
        "{{ alert.labels.x.__class__ }}",
        "{{ range(10) }}",
        "{{ 9 ** 9 }}",
        "{{ 'x' * 9 }}",
        "{{ 9 // 2 }}",
        "{{ '%1000s' % 1 }}",
        "{{ alert.labels.x | map('upper') }}",
        "{{ alert.labels.x | attr('__class__') }}",
        "{{ alert.labels.x is defined }}",
        "{{ alert.labels.x | replace('a') }}",
        "{{ alert.labels.x | replace(old='a', new='b') }}",
        "{{ 1 if alert.name == '' }}",
        "{{ 1e999 }}",
        "{{ " + "-" * 220 + "1 }}",
        "{{ alert.name" + " | lower" * 220 + " }}",
        "{{ self }}",
        "{{ x }}",
        "{{ alert.labels.x",
        "{{ }}",
        "{% for x in [1] %}{{ x }}{% endfor %}",
        "{{ 1 }}{% set x = 1 %}",
        "{{ 1 }}{# hidden #}",
        "{{ " + "(" * 1900 + "1" + ")" * 1900 + " }}",
        "{{ '" + "x" * 4000 + "' }}",
        {"{{ alert.name }}": "x"},
        None,
    ],
)
def test_everything_else_is_refused_at_load(source: object) -> None:
    """Calls, loops, unknown names, attributes and costly operators never get as far as an alert."""
    with pytest.raises(ExpressionError) as caught:
        compile_template(source)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    "source",
    ["{{ alert.name == '' }}", "alert.name", "1", "alert.name ==", "a == 1 b", "alert.name == 'x' }} {{ 1", "x in y"],
)
def test_conditions_are_bare_and_true_or_false(source: str) -> None:
    """A `when` in braces, one that gives a value, and one that does not parse are refused at load."""
    with pytest.raises(ExpressionError):
        compile_condition(source)


def test_conditions() -> None:
    """Comparisons, `and`, `or`, `not`, `in` and tests work as in Ansible's `when`."""
    labels = {"severity": "critical", "n": "7"}
    assert holds("alert.labels.severity != 'info' and not alert.labels.x in ['a']", labels)
    assert holds("alert.labels.severity in ['warning', 'critical'] or alert.labels.n == '8'", labels)
    assert holds("alert.labels.n | int > 5 and 5 < alert.labels.n | int < 9", labels)
    assert not holds("alert.labels.severity is endswith('x')", labels)


@pytest.mark.parametrize(
    "source",
    [
        "{{ alert.labels.big ~ alert.labels.big }}",
        "{{ alert.labels.big | replace('x', 'xx') }}",
        "{{ alert.labels.big | split('x') | join('yyyyyy') }}",
        "{{ alert.labels.huge }}",
        "{{ alert.labels.x | int }}",
        "{{ alert.labels.big | split('') }}",
        "{{ (alert.labels.x | split(','))[5] }}",
        "{{ 1 < alert.labels.x }}",
        "{{ 9007199254740993 + alert.labels.length | int(0) }}",
        "{{ {1: 'x'} }}",
        "{{ 1e308 + 1e308 }}",
        "{{ -1e308 - 1e308 }}",
        "a {{ [1] }}",
    ],
)
def test_what_fails_for_an_alert_is_one_error(source: str) -> None:
    """An expression that can't be computed, or gives too much, raises ExpressionError and nothing else."""
    template = compile_template(source)
    with pytest.raises(ExpressionError):
        template.value(alert_of({"big": "x" * 60_000, "huge": "x" * 70_000, "x": "a"}))


ATOMS = st.sampled_from(
    [
        "alert.labels.x",
        "alert.annotations['y']",
        "alert.name",
        "'a'",
        "1",
        "2.5",
        "none",
        "true",
        "alert.labels",
        "x",
        "[]",
        "{}",
    ]
)
OPERATORS = ["==", "<", "in", "and", "or", "~", "+", "-", "*", "**", "%", "is", "|", ".", "is not", "not in"]
SOURCES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(OPERATORS), inner).map(" ".join),
        st.tuples(inner, st.sampled_from(["lower", "int", "first", "split('a')", "join", "length", "nope"])).map(
            "|".join
        ),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]})[{pair[1]}]"),
        inner.map(lambda text: f"[{text}]"),
        inner.map(lambda text: f"({text})()"),
    ),
    max_leaves=6,
)


@settings(database=None, deadline=None, max_examples=400)
@given(SOURCES | st.text(max_size=30), st.text(max_size=20))
def test_any_source_gives_a_plain_value_or_an_error(source: str, text: str) -> None:
    """No expression and no alert text makes anything but ExpressionError."""
    alert = alert_of({"x": text}, {"y": text})
    for compiled in (
        lambda: compile_template(f"{{{{ {source} }}}}").value(alert),
        lambda: compile_condition(source).holds(alert),
    ):
        with suppress(ExpressionError):
            assert isinstance(compiled(), str | int | float | bool | list | dict | None)
