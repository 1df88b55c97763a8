# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking Prometheus whether a fault is gone, once its alert has resolved: an alert also "resolves" when its target vanishes.

Source: Prometheus HTTP API v1, instant queries. The query is the policy's own; which series of the answer count is decided
here, by their labels, so that nothing of an alert becomes part of a query.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests
from pydantic import BaseModel, Field, ValidationError
from urllib3.exceptions import HTTPError

from breakglass.domain.messages import Finding, Probed
from breakglass.errors import BreakglassError
from breakglass.http_session import session_within
from breakglass.secret_files import read_secret_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from breakglass.domain.course import Probing
    from breakglass.domain.incident import Incident
    from breakglass.domain.messages import Outcome
    from breakglass.settings import PrometheusSettings

ANSWER_WITHIN_SECONDS = 10.0
CONNECT_WITHIN_SECONDS = 3.0
LARGEST_ANSWER = 4 * 1024 * 1024
OK = 200


class NoAnswer(BreakglassError):
    """Raised when Prometheus gives no answer that can be read."""


class Series(BaseModel):
    """One series of a vector: its labels, and the moment and value of its newest sample."""

    metric: dict[str, str]
    value: tuple[float, str]


class Vector(BaseModel):
    """The `data` of an instant query."""

    result_type: str = Field(alias="resultType")
    result: list[Series]


class Answer(BaseModel):
    """What the API gives."""

    status: str
    data: Vector


@dataclass(frozen=True)
class Probe:
    """The effect `probe`. Without settings nobody can be asked, which an incident of older settings is told."""

    settings: PrometheusSettings | None

    def run(self, incident: Incident) -> Outcome:
        """Ask, and say what it means."""
        probing = incident.course.probing
        if self.settings is None or probing is None:
            return Probed(Finding.UNKNOWN, "the settings name no Prometheus any more that could be asked")
        try:
            return judged(probing, ask(self.settings, probing.query))
        except BreakglassError as error:
            return Probed(Finding.UNKNOWN, f"nobody can say whether the fault is gone: {error}")


def judged(probing: Probing, series: Sequence[Series]) -> Probed:
    """What the series mean: those with the labels of the alert must be there, and none of them may be zero. Pure."""
    about = f"{probing.query} for {', '.join(f'{name}={value}' for name, value in probing.labels)}"
    values = [one.value[1] for one in series if _has(one, probing)]
    if not values:
        return Probed(Finding.GONE, f"there is no {about} any more: what the alert was about has vanished")
    if bad := [value for value in values if not _is_good(value)]:
        return Probed(Finding.BAD, f"{about} is {bad[0] or 'nothing'}")
    return Probed(Finding.GOOD, f"{about} is {values[0]}")


def ask(settings: PrometheusSettings, query: str) -> list[Series]:
    """The series of an instant query now. Raises NoAnswer, UnreadableSecret."""
    token = read_secret_file(settings.bearer_token_file) if settings.bearer_token_file else ""
    try:
        with session_within(ANSWER_WITHIN_SECONDS, settings.ca_cert) as session:
            return _series(_answer(session, settings, query, token))
    except (requests.RequestException, HTTPError, OSError) as error:
        raise NoAnswer(f"Prometheus at {settings.url} gave no answer ({type(error).__name__}).") from None


def _answer(session: requests.Session, settings: PrometheusSettings, query: str, token: str) -> bytes:
    answer = session.post(
        f"{settings.url}/api/v1/query",
        data={"query": query},
        headers={"Authorization": f"Bearer {token}"} if token else {},
        timeout=(CONNECT_WITHIN_SECONDS, ANSWER_WITHIN_SECONDS),
        allow_redirects=False,
        stream=True,
    )
    with answer:
        content: bytes = answer.raw.read(LARGEST_ANSWER + 1, decode_content=True)
    if len(content) > LARGEST_ANSWER:
        raise NoAnswer(
            f"Prometheus at {settings.url} answered with more than {LARGEST_ANSWER} bytes: narrow the query."
        )
    if answer.status_code != OK:
        raise NoAnswer(f"Prometheus at {settings.url} answered {answer.status_code} to the query {query!r}.")
    return content


def _series(content: bytes) -> list[Series]:
    try:
        answer = Answer.model_validate_json(content)
    except ValidationError:
        raise NoAnswer("Prometheus' answer is not an instant vector: write a query that gives one.") from None
    if answer.status != "success" or answer.data.result_type != "vector":
        raise NoAnswer(f"Prometheus' answer is a {answer.data.result_type[:40]}: write a query that gives a vector.")
    return answer.data.result


def _has(series: Series, probing: Probing) -> bool:
    return all(series.metric.get(name, "") == value for name, value in probing.labels)


def _is_good(value: str) -> bool:
    try:
        number = float(value)
    except ValueError:
        return False
    return number != 0 and not math.isnan(number)
