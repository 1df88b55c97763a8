# SPDX-License-Identifier: GPL-3.0-or-later
"""`/api/v1/offers`: what the caller may ask for, on a host or altogether."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field

from breakglass.offers import Offers
from breakglass.web.listing import Page, Paging, part
from breakglass.web.operations import Call, Done, OneLine, Operation, Shown, operation

if TYPE_CHECKING:
    from breakglass.domain.offers import Offer
    from breakglass.runner import Runner
    from breakglass.web.metrics import Metrics

LONGEST_HOST = 1000


class OnHost(Paging):
    """Which host."""

    host: Annotated[OneLine, Field(min_length=1, max_length=LONGEST_HOST)] | None = Field(
        None,
        description="Inventory name of a host to log in to: ?host=web1. Without it every access that the caller may ask for.",
        examples=["web1"],
    )


class OfferShown(Shown):
    """An access that the caller may ask for."""

    access: str = Field(description="Its name.")
    needs: str = Field(description="Who must say yes, in words; empty when nobody is asked.")
    time_box_seconds: int = Field(description="At most.")
    ticket_required: bool = Field(description="Whether a ticket must be named.")
    opens: list[str] = Field(description="What it opens, in words.")
    hosts: list[str] = Field(
        description="Inventory names: the host that was asked about, else all that the access is for."
    )
    login: bool = Field(description="Whether it lets the caller log in to these hosts.")
    hand_out: bool = Field(description="Whether the caller may take it to their own machine.")


@dataclass(frozen=True)
class OfferPages:
    """The API.

    Attributes:
        known: What is offered.
    """

    known: Offers

    @classmethod
    def of(cls, runner: Runner, _metrics: Metrics) -> Self:
        """Those of a runner."""
        return cls(Offers(runner.in_force, runner.approvals.orders.open_incidents))

    @operation(
        Operation(
            "GET",
            "/api/v1/offers",
            "listOffers",
            "What the caller may ask for",
            Done(HTTPStatus.OK, "By the names of the accesses.", Page[OfferShown]),
            query=OnHost,
        )
    )
    def offers(self, call: Call[OnHost]) -> Page[OfferShown]:
        """The accesses by which the caller may log in to a host, or all."""
        found, following = part(call.said, self.known.offered(call.person, call.said.host or ""), _by_name)
        return Page(items=[OfferShown.model_validate(asdict(offer)) for offer in found], next=following)


def _by_name(offer: Offer) -> tuple[str]:
    return (offer.access,)
