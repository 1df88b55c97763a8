# SPDX-License-Identifier: GPL-3.0-or-later
"""What every source gives, and how it refuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from breakglass.domain.alert import Alert
    from breakglass.sources.fields import FieldMap


class UnreadableMessage(BreakglassError):
    """Raised when the body of a webhook is not what its sender's documentation says."""


@dataclass(frozen=True)
class Message:
    """One webhook.

    Attributes:
        alerts: In the sender's order.
        truncated: How many alerts the sender left out; more than 0 is itself escalated.
        group: The sender's key for alerts that belong together; empty if it has none.
    """

    alerts: tuple[Alert, ...]
    truncated: int
    group: str


@dataclass(frozen=True)
class Delivery:
    """One webhook as it came in.

    Attributes:
        source: Name of the source in the settings.
        body: As it was received.
        headers: Names in lower case.
        fields: Where the settings say that an alert's fields are, for kinds without a fixed shape.
        headers_unproven: Whether the sender has proven the body alone (a signature over it), so that no fact may come from a header.
    """

    source: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    fields: FieldMap | None = None
    headers_unproven: bool = False


class Parse(Protocol):
    """What each file of `kinds` offers as `parse`."""

    def __call__(self, delivery: Delivery) -> Message:
        """Read one webhook; raises UnreadableMessage."""
        ...


class SourceModule(Protocol):
    """A file of `kinds`."""

    parse: Parse
