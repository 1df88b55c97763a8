# SPDX-License-Identifier: GPL-3.0-or-later
"""A strict stand-in for AWX's API v2: it takes exactly what AWX takes, answers as AWX does, and really runs the jobs.

What a launch may say, what is ignored and what is answered follows awx/api/views and awx/api/serializers.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Protocol, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TOKEN = "awx-token-of-the-runner"
TEMPLATE = 12
PAGE = 200
STATUSES = {"timeout": "failed", "running": "running", "starting": "running", "error": "error"}
EXPLAINED = {"timeout": "Job terminated due to timeout", "error": "Job terminated due to error"}
Reply = tuple[int, object]


class Run(Protocol):
    """What runs a job: ansible-runner in a container, or what a test of the protocol alone has instead."""

    number: int
    status: str
    events: list[dict[str, object]]

    def start(self) -> object:
        """Begin."""

    def is_over(self) -> bool:
        """Whether it has ended."""

    def cancel(self) -> None:
        """Have it end."""

    def end(self) -> None:
        """Leave nothing of it."""


@dataclass
class Stored:
    """A job as the database has it.

    Attributes:
        run: What runs.
        lost: Whether AWX finds it missing, as after a crash of its node.
    """

    number: int
    extra_vars: Mapping[str, object]
    run: Run
    cancelled: bool = False
    lost: bool = False


@dataclass
class Faults:
    """What goes wrong, in order; each entry is used once.

    Attributes:
        before: Answers that are given instead of doing what a launch asks for.
        after: Answers that are given although the launch was done; 0 cuts the connection.
        looking: Answers to requests that only look.
    """

    before: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    after: list[int] = field(default_factory=list)
    looking: list[tuple[int, dict[str, str]]] = field(default_factory=list)


class AwxServer:
    """AWX with one job template; use it in a `with` block.

    Attributes:
        prompts: What the template asks for on launch.
        places: Whether a job that is launched starts at once.
        launches: What every launch that was taken said.
        faults: What is to go wrong.
        change: Changes the extra variables of a job before it starts, as nobody should.
    """

    def __init__(self, make: Callable[[Mapping[str, object], str, str, int], Run]) -> None:
        self._make = make
        self.prompts = dict.fromkeys(("ask_variables_on_launch", "ask_limit_on_launch", "ask_job_type_on_launch"), True)
        self.places = True
        self.timeout = 0
        self.launches: list[dict[str, object]] = []
        self.faults = Faults()
        self.jobs: dict[int, Stored] = {}
        self.on_launch: Callable[[], object] = lambda: None
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(server.get)

            def do_POST(self) -> None:
                self._answer(server.post)

            def log_message(self, *_: object) -> None:
                """Be quiet."""

            def _answer(
                self, do: Callable[[str, Mapping[str, str], object], tuple[int, object, dict[str, str]]]
            ) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                status, said, headers = 401, {"detail": "Authentication credentials were not provided."}, {}
                if self.headers.get("Authorization") == f"Bearer {TOKEN}":
                    status, said, headers = do(parts.path, query, json.loads(body or b"null"))
                if status == 0:
                    self.close_connection = True
                    self.connection.close()
                    return
                content = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        for job in self.jobs.values():
            job.run.end()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def get(self, path: str, query: Mapping[str, str], _body: object) -> tuple[int, object, dict[str, str]]:
        """Answer what only looks."""
        if self.faults.looking:
            status, headers = self.faults.looking.pop(0)
            return status, {"detail": "a fault"}, headers
        match path.removeprefix("/api/v2/").strip("/").split("/"):
            case ["job_templates", number, "launch"] if number == str(TEMPLATE):
                return 200, {**self.prompts, "can_start_without_user_input": False, "defaults": {}}, {}
            case ["job_templates", number, "jobs"] if number == str(TEMPLATE) and query.get("order_by") == "-id":
                newest = sorted(self.jobs.values(), key=lambda job: -job.number)
                return 200, _page([self._shown(job) for job in newest], query, path), {}
            case ["jobs", number] if job := self.jobs.get(int(number)):
                return 200, self._shown(job), {}
            case ["jobs", number, "job_events"] if job := self.jobs.get(int(number)):
                events = [event for event in job.run.events if event.get("event") == query["event"]]
                return 200, _page(sorted(events, key=lambda event: int(str(event["counter"]))), query, path), {}
            case ["jobs", number, "job_host_summaries"] if job := self.jobs.get(int(number)):
                return 200, _page(_summaries(job), query, path), {}
        return 404, {"detail": "Not found."}, {}

    def post(self, path: str, _query: Mapping[str, str], body: object) -> tuple[int, object, dict[str, str]]:
        """Answer what does something."""
        match path.removeprefix("/api/v2/").strip("/").split("/"):
            case ["job_templates", number, "launch"] if number == str(TEMPLATE) and isinstance(body, dict):
                return self._launch(body)
            case ["jobs", number, "cancel"] if job := self.jobs.get(int(number)):
                return self._cancel(job)
        return 404, {"detail": "Not found."}, {}

    def _launch(self, body: dict[str, object]) -> tuple[int, object, dict[str, str]]:
        if self.faults.before:
            status, headers = self.faults.before.pop(0)
            return status, {"detail": "a fault"}, headers
        if unknown := body.keys() - {"extra_vars", "limit", "job_type"}:
            return 400, {"detail": f"{sorted(unknown)}"}, {}
        asked = {
            "extra_vars": "ask_variables_on_launch",
            "limit": "ask_limit_on_launch",
            "job_type": "ask_job_type_on_launch",
        }
        ignored = {name: value for name, value in body.items() if not self.prompts[asked[name]]}
        taken = {name: value for name, value in body.items() if name not in ignored}
        if not isinstance(taken.get("extra_vars", {}), dict) or not isinstance(taken.get("limit", ""), str):
            return 400, {"extra_vars": ["Value must be valid JSON or YAML."]}, {}
        with self._lock:
            job = self._made(taken)
            self.launches.append(taken)
        self.on_launch()
        if self.faults.after:
            return self.faults.after.pop(0), {"detail": "a fault"}, {}
        return 201, {"job": job.number, "ignored_fields": ignored, **self._shown(job)}, {}

    def _made(self, taken: Mapping[str, object]) -> Stored:
        extra_vars = taken.get("extra_vars", {})
        assert isinstance(extra_vars, dict)
        run = self._make(extra_vars, str(taken.get("limit", "")), str(taken.get("job_type", "run")), self.timeout)
        job = self.jobs[run.number] = Stored(run.number, extra_vars, run)
        if self.places:
            run.start()
        return job

    def _cancel(self, job: Stored) -> tuple[int, object, dict[str, str]]:
        if self._status(job) in {"successful", "failed", "error", "canceled"}:
            return 405, {"detail": 'Method "POST" not allowed.'}, {}
        job.cancelled = True
        job.run.cancel()
        return 202, {}, {}

    def _status(self, job: Stored) -> str:
        if job.lost:
            return "failed"
        if job.run.status == "pending":
            return "canceled" if job.cancelled else "pending"
        if not job.run.is_over():
            return "running"
        return (
            "canceled"
            if job.cancelled and job.run.status != "successful"
            else STATUSES.get(job.run.status, job.run.status)
        )

    def _shown(self, job: Stored) -> dict[str, object]:
        status = self._status(job)
        why = EXPLAINED.get(job.run.status, "") if status in {"failed", "error"} else ""
        if job.lost:
            why = "Task was marked as running but was not present in the job queue, so it has been marked as failed."
        over = job.run.is_over() or job.lost or status == "canceled"
        return {
            "id": job.number,
            "type": "job",
            "status": status,
            "job_explanation": why,
            "extra_vars": json.dumps(job.extra_vars),
            "event_processing_finished": over,
            "started": None if status == "pending" or job.run.status == "pending" else "2026-11-27T21:00:00Z",
        }


def _page(found: list[dict[str, object]], query: Mapping[str, str], path: str) -> dict[str, object]:
    size, number = min(int(query.get("page_size", "25")), PAGE), int(query.get("page", "1"))
    start = (number - 1) * size
    following = f"{path}?page={number + 1}" if len(found) > start + size else None
    return {"count": len(found), "next": following, "previous": None, "results": found[start : start + size]}


def _summaries(job: Stored) -> list[dict[str, object]]:
    """From the event that Ansible ends with, as AWX makes them."""
    stats = [event["event_data"] for event in job.run.events if event["event"] == "playbook_on_stats"]
    if not stats:
        return []
    counts = stats[-1]
    assert isinstance(counts, dict)
    hosts = {host for name in ("ok", "failures", "dark", "skipped") for host in counts.get(name, {})}
    return [{"host_name": host, "ok": counts.get("ok", {}).get(host, 0)} for host in sorted(hosts)]
