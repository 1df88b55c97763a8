# SPDX-License-Identifier: GPL-3.0-or-later
"""The few calls of AWX's API v2 that a job needs: look at the template, launch, look, cancel, read events.

Three kinds of trouble are told apart, because they mean different things for a launch: refused (nothing was started), busy
(429: nothing was started, ask again), unanswered (nobody knows).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import requests
from pydantic import BaseModel, Field, ValidationError
from urllib3.exceptions import HTTPError

from breakglass.errors import BreakglassError
from breakglass.http_session import session_within
from breakglass.secret_files import read_secret_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from breakglass.settings import AwxSettings

ANSWER_WITHIN_SECONDS = 30.0
CONNECT_WITHIN_SECONDS = 5.0
LARGEST_ANSWER = 16 * 1024 * 1024
LONGEST_WAIT_SECONDS = 60.0
USUAL_WAIT_SECONDS = 5.0
MOST_PAGES = 100
LONGEST_REASON = 300
Answer = TypeVar("Answer", bound=BaseModel)

TOO_MANY, SERVER_ERROR, CLIENT_ERROR, REDIRECT = 429, 500, 400, 300


class RefusedByAwx(BreakglassError):
    """Raised when AWX says no: what was asked for was not done."""


class BusyAwx(BreakglassError):
    """Raised when AWX wants to be asked later; what was asked for was not done."""

    def __init__(self, text: str, wait_seconds: float) -> None:
        super().__init__(text)
        self.wait_seconds = wait_seconds


class UnansweredByAwx(BreakglassError):
    """Raised when AWX gave no answer that can be read: whether it did what was asked for is unknown."""


class Prompts(BaseModel):
    """What `job_templates/N/launch/` says that may be given at the launch."""

    ask_variables_on_launch: bool
    ask_limit_on_launch: bool
    ask_job_type_on_launch: bool


class Job(BaseModel):
    """A job, as `jobs/N/` says it."""

    id: int
    status: str
    job_explanation: str = ""
    extra_vars: str = "{}"
    event_processing_finished: bool = True
    started: str | None = None

    @property
    def variables(self) -> Mapping[str, object]:
        """The extra variables that it was launched with; none where they can't be read."""
        try:
            found = json.loads(self.extra_vars or "{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class Launched(Job):
    """The answer to a launch; what the template does not ask for was ignored."""

    ignored_fields: dict[str, object] = Field(default_factory=dict)


class JobEvent(BaseModel):
    """What of an event is read."""

    event: str
    event_data: dict[str, object] = Field(default_factory=dict)


class HostSummary(BaseModel):
    """What Ansible counted on a host."""

    host_name: str
    ok: int = 0


class _Page(BaseModel):
    results: list[dict[str, object]]
    next: str | None = None


@dataclass(frozen=True)
class Awx:
    """One AWX, and the template that runs our plays."""

    settings: AwxSettings

    def require_prompts(self) -> None:
        """Refuse a template that would ignore hosts or variables. Raises RefusedByAwx, BusyAwx, UnansweredByAwx."""
        given = self._read(Prompts, self._ask("GET", f"job_templates/{self.settings.job_template}/launch/"))
        if missing := [name for name, on in given.model_dump().items() if not on]:
            raise RefusedByAwx(
                f"Job template {self.settings.job_template} of AWX would ignore what a launch says: switch {', '.join(missing)} "
                "on, or apply deploy/awx/apply.yml."
            )

    def launch(self, extra_vars: Mapping[str, object], limit: str, job_type: str) -> Launched:
        """Launch the template once. Raises RefusedByAwx, BusyAwx, UnansweredByAwx."""
        body = {"extra_vars": dict(extra_vars), "limit": limit, "job_type": job_type}
        return self._read(Launched, self._ask("POST", f"job_templates/{self.settings.job_template}/launch/", body))

    def newest_jobs(self) -> list[Job]:
        """The newest jobs of the template. Raises RefusedByAwx, BusyAwx, UnansweredByAwx."""
        path = f"job_templates/{self.settings.job_template}/jobs/?order_by=-id&page_size=200"
        return [self._read(Job, found) for found in self._read(_Page, self._ask("GET", path)).results]

    def job(self, number: int) -> Job:
        """Look at a job. Raises RefusedByAwx, BusyAwx, UnansweredByAwx."""
        return self._read(Job, self._ask("GET", f"jobs/{number}/"))

    def cancel(self, number: int) -> None:
        """Have a job cancelled; RefusedByAwx means that it is over already. Raises BusyAwx, UnansweredByAwx, too."""
        self._ask("POST", f"jobs/{number}/cancel/", {})

    def events(self, number: int, kind: str) -> Iterator[JobEvent]:
        """A job's events of one kind, oldest first. Raises RefusedByAwx, BusyAwx, UnansweredByAwx."""
        for found in self._all(f"jobs/{number}/job_events/?event={kind}&order_by=counter&page_size=200"):
            yield self._read(JobEvent, found)

    def hosts(self, number: int) -> dict[str, int]:
        """Tasks that were ok on each host. Raises RefusedByAwx, BusyAwx, UnansweredByAwx."""
        found = self._all(f"jobs/{number}/job_host_summaries/?page_size=200")
        return {one.host_name: one.ok for one in (self._read(HostSummary, each) for each in found)}

    def _all(self, path: str) -> Iterator[dict[str, object]]:
        """Every result, page after page; the pages' own addresses are not followed, their numbers are."""
        for number in range(1, MOST_PAGES + 1):
            page = self._read(_Page, self._ask("GET", f"{path}&page={number}"))
            yield from page.results
            if page.next is None:
                return

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> object:
        token = read_secret_file(self.settings.token_file)
        try:
            with session_within(ANSWER_WITHIN_SECONDS, self.settings.ca_cert) as session:
                answer = session.request(
                    method,
                    f"{self.settings.url}/api/v2/{path}",
                    json=body,
                    headers={"Authorization": f"Bearer {token}"},
                    timeout=(CONNECT_WITHIN_SECONDS, ANSWER_WITHIN_SECONDS),
                    allow_redirects=False,
                    stream=True,
                )
                content = answer.raw.read(LARGEST_ANSWER + 1, decode_content=True)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise UnansweredByAwx(
                f"AWX at {self.settings.url} gave no answer to {method} {_plain(path)} ({type(error).__name__})."
            ) from None
        return self._judged(answer, content, f"{method} {_plain(path)}")

    def _judged(self, answer: requests.Response, content: bytes, asked: str) -> object:
        status = answer.status_code
        if status == TOO_MANY:
            wait = _seconds(answer.headers.get("Retry-After", ""))
            raise BusyAwx(f"AWX is busy: it wants to be asked again in {wait:.0f} s.", wait)
        if status >= SERVER_ERROR or REDIRECT <= status < CLIENT_ERROR or len(content) > LARGEST_ANSWER:
            raise UnansweredByAwx(f"AWX at {self.settings.url} answered {asked} with {status}, which says nothing.")
        if status >= CLIENT_ERROR:
            raise RefusedByAwx(f"AWX refuses {asked} ({status}): {_words(content)}")
        try:
            return json.loads(content) if content.strip() else {}
        except (ValueError, RecursionError):
            raise UnansweredByAwx(f"What AWX answered to {asked} is not JSON.") from None

    def _read(self, kind: type[Answer], found: object) -> Answer:
        try:
            return kind.model_validate(found)
        except ValidationError:
            raise UnansweredByAwx(
                f"{self.settings.url} does not answer as AWX does; is it the address of an AWX, without /api?"
            ) from None


def _seconds(text: str) -> float:
    """What Retry-After says, within bounds; a date, or nothing, is the usual wait."""
    return min(float(text), LONGEST_WAIT_SECONDS) if text.isascii() and text.isdigit() else USUAL_WAIT_SECONDS


def _plain(path: str) -> str:
    return path.partition("?")[0]


def _words(content: bytes) -> str:
    text = content[: LONGEST_REASON * 4].decode(errors="replace")
    return "".join(one if one.isprintable() else " " for one in text)[:LONGEST_REASON]
