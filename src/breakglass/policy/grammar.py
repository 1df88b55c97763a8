# SPDX-License-Identifier: GPL-3.0-or-later
"""The small, closed language of expressions: which Jinja nodes exist in it.

Only what is listed here is compiled at all; Jinja's sandbox is the second lock. There are no calls, no loops, no
variables but `alert`, no multiplication or power, and no attribute of any Python object, so that an expression's cost
is bounded by its own length and by MAXIMUM_TEXT.
"""

from __future__ import annotations

import inspect
import math

from jinja2 import nodes

from breakglass.domain.routing import ExpressionError

from .filters import FILTERS, TESTS
from .scalars import did_you_mean

FIELDS = ("labels", "annotations", "name", "status", "source", "fingerprint", "group", "url")
_PLAIN_NODES = (
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.List,
    nodes.Tuple,
    nodes.Dict,
    nodes.Pair,
    nodes.Concat,
    nodes.Add,
    nodes.Sub,
    nodes.Neg,
    nodes.Slice,
    nodes.Getitem,
)


def check_node(node: nodes.Node) -> None:
    """Refuse, before anything is compiled, whatever is not in the language; raises ExpressionError."""
    if isinstance(node, nodes.Getattr):
        _check_attribute(node)
        return
    if isinstance(node, nodes.Name):
        raise ExpressionError(_unknown_name(node.name))
    _check_shape(node)
    for child in node.iter_child_nodes():
        check_node(child)


def _check_shape(node: nodes.Node) -> None:
    if isinstance(node, nodes.Filter | nodes.Test):
        _check_named(node)
    elif isinstance(node, nodes.Const):
        if isinstance(node.value, float) and not math.isfinite(node.value):
            raise ExpressionError("This number is too large.")
    elif isinstance(node, nodes.CondExpr):
        if node.expr2 is None:
            raise ExpressionError("An `if` in an expression needs its `else`.")
    elif isinstance(node, nodes.Call):
        raise ExpressionError(f"Calls are not allowed in an expression. Use a filter: {', '.join(FILTERS)}.")
    elif not isinstance(node, _PLAIN_NODES):
        raise ExpressionError(f"{type(node).__name__} is not allowed in an expression.")


def _unknown_name(name: str) -> str:
    if name == "alert":
        return f"Say what of the alert is meant: {', '.join('alert.' + field for field in FIELDS)}."
    hint = f" Did you mean '{name}' (a text, in quotes) or alert.labels.{name}?" if name.isidentifier() else ""
    return f"{name[:80]!r} is not known; an expression knows only `alert`.{hint}"


def _check_attribute(node: nodes.Getattr) -> None:
    """Allow `alert.FIELD`, `alert.labels.NAME` and `alert.annotations.NAME`."""
    inner = node.node
    if isinstance(inner, nodes.Name) and inner.name == "alert":
        if node.attr not in FIELDS:
            raise ExpressionError(f"alert.{node.attr[:80]} does not exist.{did_you_mean(node.attr, FIELDS)}")
        return
    check_node(inner)
    if not (isinstance(inner, nodes.Getattr) and isinstance(inner.node, nodes.Name) and _holds_texts(inner)):
        raise ExpressionError(f".{node.attr[:80]} can't be read here: labels and annotations are texts.")


def _holds_texts(node: nodes.Getattr) -> bool:
    return node.attr in ("labels", "annotations")


def _check_named(node: nodes.Filter | nodes.Test) -> None:
    known, kind = (FILTERS, "filter") if isinstance(node, nodes.Filter) else (TESTS, "test")
    if node.name not in known:
        raise ExpressionError(f"There is no {kind} {node.name[:80]!r}.{did_you_mean(node.name, known)}")
    if node.kwargs or node.dyn_args or node.dyn_kwargs:
        raise ExpressionError(f"The {kind} {node.name!r} takes its arguments by position.")
    try:
        inspect.signature(known[node.name]).bind(None, *node.args)
    except TypeError:
        raise ExpressionError(f"The {kind} {node.name!r} has too many or too few arguments.") from None
