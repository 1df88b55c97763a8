# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody says is what its model allows, of the very type; whatever else is 400 and a sentence that names the field."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from breakglass.web.listing import Paging
from breakglass.web.offers import OnHost
from breakglass.web.problems import Problem
from breakglass.web.requests import AccessRequest
from breakglass.web.reviews import Judgement
from breakglass.web.saying import read_query, said

WISH: dict[str, object] = {"access": "web", "hosts": ["web1"], "reason": "down", "time_box_seconds": 60}


def query(text: str) -> Request:
    """A call with this query."""
    return Request({"type": "http", "method": "GET", "headers": [], "query_string": text.encode()})


def test_what_is_not_said_has_its_default() -> None:
    """A request without ticket, hand_out and override."""
    asked = said(AccessRequest, WISH, "The body")
    assert (asked.ticket, asked.hand_out, asked.override, asked.hosts) == ("", False, False, ["web1"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"hosts": "web1"}, "hosts must be a list. Inventory names, at least one."),
        ({"hosts": []}, "hosts holds too few. Inventory names, at least one."),
        ({"hosts": [1]}, "hosts.0 must be a text."),
        ({"hosts": ["x" * 1001]}, "hosts.0 string should have at most 1000 characters."),
        ({"time_box_seconds": True}, "time_box_seconds must be a whole number."),
        ({"time_box_seconds": 60.5}, "time_box_seconds must be a whole number."),
        ({"time_box_seconds": "60"}, "time_box_seconds must be a whole number."),
        ({"time_box_seconds": 0}, "time_box_seconds input should be greater than or equal to 1."),
        ({"time_box_seconds": float("inf")}, "time_box_seconds must be a whole number."),
        ({"hand_out": 1}, "hand_out must be true or false."),
        ({"reason": None}, "reason must be a text."),
        ({"x\ny": 1}, r"'x\ny' is not known here."),
    ],
)
def test_another_type_is_refused(change: dict[str, object], sentence: str) -> None:
    """Nothing is taken for something else: true is no number, and a number no text."""
    with pytest.raises(Problem) as refused:
        said(AccessRequest, {**WISH, **change}, "The body")
    assert (refused.value.status, sentence in str(refused.value)) == (400, True), str(refused.value)


def test_a_verdict_is_one_of_three() -> None:
    """As a text."""
    assert said(Judgement, {"verdict": "unclear", "note": "n"}, "The body").verdict == "unclear"
    for other in ("", "Unclear", None, 1, ["unclear"]):
        with pytest.raises(Problem, match="One of justified, unjustified, unclear"):
            said(Judgement, {"verdict": other, "note": "n"}, "The body")


def test_a_query_is_read() -> None:
    """Numbers are written in digits."""
    assert read_query(Paging, query("limit=7&after=x")) == Paging(limit=7, after="x")
    assert read_query(Paging, query("")) == Paging(limit=50, after="")


@pytest.mark.parametrize(
    ("model", "text", "words"),
    [
        (Paging, "limit=0", "limit input should be greater"),
        (Paging, "limit=201", "limit input should be less"),
        (Paging, "limit=many", "limit must be a whole number"),
        (Paging, "limit=" + "9" * 5000, "limit "),
        (Paging, "limit=1&limit=2", "twice"),
        (Paging, "after=a%00b", "after is not written as it should be"),
        (Paging, "other=1", "other is not known here"),
        (OnHost, "host=", "host "),
    ],
)
def test_an_unknown_or_unfit_query_is_refused(model: type[Paging | OnHost], text: str, words: str) -> None:
    """With a sentence, too."""
    with pytest.raises(Problem) as refused:
        read_query(model, query(text))
    assert (refused.value.status, words in str(refused.value)) == (400, True), str(refused.value)
