# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions and values of triggers: compiled once at load, run on alerts whose texts are data and nothing else.

A text that comes out of an alert is never parsed again: not as Jinja, not as YAML, not as a Python literal
(Jinja's own native types would turn a label "[1]" into a list).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from jinja2 import TemplateError, nodes
from jinja2.environment import TemplateExpression
from jinja2.parser import Parser

from breakglass.domain.routing import ExpressionError

from .filters import MAXIMUM_TEXT
from .grammar import check_node
from .sandbox import Sandbox, alert_variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from breakglass.domain.alert import Alert

MAXIMUM_SOURCE = 4_000
MAXIMUM_DEPTH = 16
MAXIMUM_INTEGER = 2**53 - 1

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

_SANDBOX = Sandbox()
_FAILURES = (
    TemplateError,
    TypeError,
    ValueError,
    LookupError,
    ArithmeticError,
    AttributeError,
    NameError,
    SyntaxError,
    MemoryError,
    RecursionError,
)


@dataclass(eq=False)
class LiteralValue:
    """A value that the policy gives as it is."""

    source: str
    content: Json

    def value(self, alert: Alert) -> Json:  # noqa: ARG002 - the protocol's shape
        """Give the value."""
        return self.content


@dataclass(eq=False)
class ExpressionValue:
    """One expression alone: its value is taken as it is, a text stays that text."""

    source: str
    compiled: TemplateExpression

    def value(self, alert: Alert) -> Json:
        """Compute the value; raises ExpressionError."""
        return _run(self.compiled, self.source, alert)


@dataclass(eq=False)
class MixedValue:
    """Text with expressions in it; they must give texts or whole numbers."""

    source: str
    parts: tuple[str | TemplateExpression, ...]

    def value(self, alert: Alert) -> Json:
        """Put the text together; raises ExpressionError."""
        return _plain("".join(self._texts(alert)), self.source)

    def _texts(self, alert: Alert) -> Iterator[str]:
        for part in self.parts:
            value = part if isinstance(part, str) else _run(part, self.source, alert)
            if isinstance(value, bool) or not isinstance(value, str | int):
                raise ExpressionError(f"{self.source[:200]!r}: only a text or a whole number can stand inside a text.")
            yield str(value)


@dataclass(eq=False)
class StructuredValue:
    """A list or mapping with expressions somewhere in it."""

    source: str
    parts: Mapping[str, Template] | tuple[Template, ...]

    def value(self, alert: Alert) -> Json:
        """Compute every part; raises ExpressionError."""
        if isinstance(self.parts, tuple):
            return [part.value(alert) for part in self.parts]
        return {key: part.value(alert) for key, part in self.parts.items()}


Template: TypeAlias = LiteralValue | ExpressionValue | MixedValue | StructuredValue


@dataclass(eq=False)
class CompiledCondition:
    """A `when`: one bare expression that gives true or false."""

    source: str
    compiled: TemplateExpression
    reads_alert: bool

    def holds(self, alert: Alert) -> bool:
        """Tell whether it is true of this alert; raises ExpressionError."""
        value = _run(self.compiled, self.source, alert)
        if not isinstance(value, bool):
            raise ExpressionError(f"{self.source[:200]!r} gives neither true nor false.")
        return value


def compile_condition(source: str) -> CompiledCondition:
    """Compile a `when`; raises ExpressionError for all that can be known before an alert comes."""
    _check_length(source)
    if source.lstrip().startswith(("{{", "{%")):
        raise ExpressionError("`when` is a bare expression: write it without {{ and }}.")
    try:
        parser = Parser(_SANDBOX, source, state="variable")
        expression = parser.parse_expression()
        if not parser.stream.eos:
            raise ExpressionError(f"{source[:200]!r} does not parse: the expression ends before its end.")
    except (TemplateError, RecursionError) as error:
        raise _does_not_parse(source, error) from None
    if not _gives_truth(expression):
        raise ExpressionError(f"{source[:200]!r} gives a value, not true or false. Compare it, for example: … != ''.")
    reads_alert = next(expression.find_all(nodes.Getattr), None) is not None
    return CompiledCondition(source, _compile(expression, source), reads_alert)


def compile_template(content: object) -> Template:
    """Compile a value of the policy: text, list or mapping; raises ExpressionError."""
    if isinstance(content, list):
        parts = tuple(compile_template(item) for item in content)
        return _structure(content, parts, parts)
    if isinstance(content, dict):
        if any("{{" in key for key in content):
            raise ExpressionError("A key can't hold an expression; only values can.")
        entries = {key: compile_template(item) for key, item in content.items()}
        return _structure(content, tuple(entries.values()), entries)
    if not isinstance(content, str):
        raise ExpressionError("Nothing is written here. Write '' for an empty text.")
    return _text_template(content) if "{{" in content else LiteralValue(content, content)


def _structure(
    content: list[object] | dict[str, object],
    parts: tuple[Template, ...],
    kept: Mapping[str, Template] | tuple[Template, ...],
) -> Template:
    source = json.dumps(content, ensure_ascii=False)
    if all(isinstance(part, LiteralValue) for part in parts):
        return LiteralValue(source, json.loads(source))
    return StructuredValue(source, kept)


def _text_template(source: str) -> Template:
    _check_length(source)
    try:
        kinds = {kind for _, kind, _ in _SANDBOX.lex(source)}
        body = _SANDBOX.parse(source).body
    except (TemplateError, RecursionError) as error:
        raise _does_not_parse(source, error) from None
    if kinds & {"block_begin", "comment_begin"}:
        raise ExpressionError(f"{source[:200]!r}: only {{{{ … }}}} is allowed, no {{% … %}} and no {{# … #}}.")
    found = [node for output in body if isinstance(output, nodes.Output) for node in output.nodes]
    if len(found) == 1 and not isinstance(found[0], nodes.TemplateData):
        return ExpressionValue(source, _compile(found[0], source))
    return MixedValue(source, tuple(_part(node, source) for node in found))


def _part(node: nodes.Expr, source: str) -> str | TemplateExpression:
    return str(node.data) if isinstance(node, nodes.TemplateData) else _compile(node, source)


def _compile(expression: nodes.Expr, source: str) -> TemplateExpression:
    try:
        check_node(expression)
        body: list[nodes.Node] = [nodes.Assign(nodes.Name("result", "store"), expression, lineno=1)]
        tree = nodes.Template(body, lineno=1).set_environment(_SANDBOX)
        assert isinstance(tree, nodes.Template)  # noqa: S101 - set_environment gives its own node back
        return TemplateExpression(_SANDBOX.from_string(tree), undefined_to_none=False)
    except ExpressionError as error:
        raise ExpressionError(f"{source[:200]!r}: {error}") from None
    except _FAILURES as error:
        raise _does_not_parse(source, error) from None


def _gives_truth(node: nodes.Node) -> bool:
    if isinstance(node, nodes.And | nodes.Or):
        return _gives_truth(node.left) and _gives_truth(node.right)
    if isinstance(node, nodes.CondExpr):
        return _gives_truth(node.expr1) and node.expr2 is not None and _gives_truth(node.expr2)
    if isinstance(node, nodes.Const):
        return isinstance(node.value, bool)
    return isinstance(node, nodes.Compare | nodes.Not | nodes.Test)


def _run(compiled: TemplateExpression, source: str, alert: Alert) -> Json:
    try:
        return _plain(compiled(alert=alert_variables(alert)), source)
    except ExpressionError as error:
        raise ExpressionError(f"{source[:200]!r}: {error}") from None
    except _FAILURES as error:
        raise ExpressionError(f"{source[:200]!r} can't be computed: {str(error)[:200]!r}.") from None


def _plain(value: object, source: str) -> Json:
    """Copy the value into plain JSON shapes; raises ExpressionError when it has none, or is too large."""
    budget = [MAXIMUM_TEXT]
    return _copy(value, source, budget, 0)


def _copy(value: object, source: str, budget: list[int], depth: int) -> Json:
    budget[0] -= len(value) if isinstance(value, str) else 1
    if budget[0] < 0 or depth > MAXIMUM_DEPTH:
        raise ExpressionError(f"{source[:200]!r} gives too large a value.")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int) and abs(value) <= MAXIMUM_INTEGER:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list | tuple):
        return [_copy(item, source, budget, depth + 1) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        budget[0] -= sum(map(len, value))
        return {str(key): _copy(item, source, budget, depth + 1) for key, item in value.items()}
    raise ExpressionError(f"{source[:200]!r} gives something that is not text, number, list or mapping.")


def _check_length(source: str) -> None:
    if len(source) > MAXIMUM_SOURCE:
        raise ExpressionError(f"An expression of more than {MAXIMUM_SOURCE} characters is not allowed.")


def _does_not_parse(source: str, error: Exception) -> ExpressionError:
    return ExpressionError(f"{source[:200]!r} does not parse: {str(error)[:200]}.")
