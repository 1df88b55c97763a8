# SPDX-License-Identifier: GPL-3.0-or-later
"""All that programs can do over HTTP: the classes whose operations are served, and described in the OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from breakglass.web.approvals import ApprovalPages
from breakglass.web.description import DescriptionPage
from breakglass.web.document import document
from breakglass.web.events import EventPages
from breakglass.web.grants import GrantPages
from breakglass.web.health import HealthPages
from breakglass.web.holds import HoldPages
from breakglass.web.incidents import IncidentPages
from breakglass.web.krl import KrlPage
from breakglass.web.me import MePage
from breakglass.web.offers import OfferPages
from breakglass.web.recordings import RecordingPages
from breakglass.web.requests import RequestPages
from breakglass.web.reviews import ReviewPages
from breakglass.web.webhooks import Webhooks

if TYPE_CHECKING:
    from breakglass.runner import Runner
    from breakglass.web.metrics import Metrics


class Pages(Protocol):
    """A class whose methods are operations."""

    @classmethod
    def of(cls, runner: Runner, metrics: Metrics) -> Pages:
        """Those of a runner, which are counted there."""
        ...


PAGES: Final[tuple[type[Pages], ...]] = (
    RequestPages,
    OfferPages,
    ApprovalPages,
    ReviewPages,
    IncidentPages,
    EventPages,
    RecordingPages,
    GrantPages,
    HoldPages,
    MePage,
    Webhooks,
    KrlPage,
    HealthPages,
)


def api_document() -> dict[str, object]:
    """The OpenAPI document of all of it, its own page among them."""
    return document((*PAGES, DescriptionPage))
