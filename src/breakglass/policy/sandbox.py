# SPDX-License-Identifier: GPL-3.0-or-later
"""What an expression sees of an alert, and the Jinja environment in which it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2.sandbox import ImmutableSandboxedEnvironment

from breakglass.domain.routing import ExpressionError

from .filters import FILTERS, TESTS, bounded
from .grammar import FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from breakglass.domain.alert import Alert


class Texts:
    """Labels or annotations; a missing name is the empty text."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def __contains__(self, name: object) -> bool:
        """Tell whether the sender gave this name."""
        return name in self._texts

    def of(self, name: str) -> str:
        """Give the text; raises ExpressionError when it is too long to work with."""
        return bounded(self._texts.get(name, ""))


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja without globals, attributes and most filters."""

    def __init__(self) -> None:
        super().__init__(keep_trailing_newline=True, cache_size=0, optimized=False)
        self.globals.clear()
        self.filters = dict(FILTERS)
        self.tests = dict(TESTS)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Give a field of the alert, or a label or annotation; nothing else has attributes."""
        if isinstance(obj, Texts):
            return obj.of(attribute)
        if isinstance(obj, dict) and attribute in FIELDS:
            return obj[attribute]
        raise ExpressionError(f"{attribute[:80]!r} can't be read here.")

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Give a label or annotation by its text, or an item of a list, text or mapping."""
        if isinstance(obj, Texts) and isinstance(argument, str):
            return obj.of(argument)
        if isinstance(obj, str | list | tuple | dict):
            try:
                return obj[argument]
            except (LookupError, TypeError, ValueError):
                raise ExpressionError(f"There is no item {str(argument)[:80]!r}.") from None
        raise ExpressionError("Only texts, lists and mappings have items.")


def alert_variables(alert: Alert) -> dict[str, object]:
    """Give what an expression sees as `alert`."""
    return {
        "labels": Texts(alert.labels),
        "annotations": Texts(alert.annotations),
        "name": bounded(alert.name),
        "status": alert.status.value,
        "source": bounded(alert.source),
        "fingerprint": bounded(alert.fingerprint),
        "group": bounded(alert.group),
        "url": bounded(alert.url),
    }
