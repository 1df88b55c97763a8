# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX as the modules of awx.awx see it: lists of objects that are looked for, made, changed, associated and removed over HTTP.

What is written is judged by `object_rules.py`. AWX ignores fields that it does not know; this server refuses them, but for those
that the modules send of themselves.
"""

from __future__ import annotations

import itertools
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final, Self, cast
from urllib.parse import parse_qsl, urlsplit

from tests.support.awx.object_rules import ASSOCIATED, DESCRIPTION, UNIFIED, Row, Rows, fault
from tests.support.awx.survey_rules import survey_fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TOKEN: Final = "a-token-of-an-administrator"
ROOT: Final = "/api/v2/"
HIDDEN: Final = "$encrypted$"
OF_THE_MODULES: Final = {
    "credential_types": {"managed"},
    "workflow_approval_templates": {"identifier", "workflow_job_template", "unified_job_template"},
}
"""What awx.awx 24.6.1 sends though AWX knows no such field."""
Reply = tuple[int, object]


class ObjectServer:
    """One AWX that is empty at first; use it in a `with` block.

    Attributes:
        rows: List, then number, then object, as it was written.
        written: Method and path of every request that changed something, in order.
        refused: What was answered with 400, and why.
        links: List, number and what is associated there, to the numbers of what is.
    """

    def __init__(self) -> None:
        self.rows: Rows = {name: {} for name in DESCRIPTION}
        self.written: list[tuple[str, str]] = []
        self.refused: list[str] = []
        self.links: dict[tuple[str, int, str], list[int]] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def do_PATCH(self) -> None:
                self._answer()

            def do_DELETE(self) -> None:
                self._answer()

            def log_message(self, *_: object) -> None:
                """Be quiet."""

            def _answer(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
                status, said = 401, cast("object", {"detail": "Authentication credentials were not provided."})
                if self.headers.get("Authorization") == f"Bearer {TOKEN}":
                    with server._lock:
                        status, said = server.answer(self.command, self.path, body)
                content = b"" if status == 204 else json.dumps(said).encode()
                self.send_response(status)
                self.send_header("X-API-Product-Name", "AWX")
                self.send_header("X-API-Product-Version", "24.6.1")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
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

    @property
    def environment(self) -> dict[str, str]:
        """What finds it, with an administrator's login."""
        address = f"http://127.0.0.1:{self._http.server_address[1]}"
        return {"CONTROLLER_HOST": address, "CONTROLLER_OAUTH_TOKEN": TOKEN}

    def named(self, name: str, title: str) -> Row:
        """The one object of a list that has this name."""
        (found,) = [row for row in self.rows[name].values() if row["name"] == title]
        return found

    def associated(self, name: str, title: str, what: str) -> set[str]:
        """The names of what is associated with it."""
        (number,) = [number for number, row in self.rows[name].items() if row["name"] == title]
        others = self.rows[ASSOCIATED[what]]
        return {str(others[one]["name"]) for one in self.links.get((name, number, what), [])}

    def answer(self, method: str, path: str, body: Row) -> Reply:
        """What AWX answers."""
        parts = urlsplit(path)
        if method != "GET":
            self.written.append((method, parts.path))
        status, said = self._dispatch(method, parts.path.removeprefix(ROOT).strip("/").split("/"), parts.query, body)
        if status == 400:
            self.refused.append(f"{method} {path}: {said}")
        return status, said

    def _dispatch(self, method: str, place: list[str], query: str, body: Row) -> Reply:
        match method, place:
            case "GET", ["unified_job_templates"]:
                return 200, _page([row for name in UNIFIED for row in self.shown(name)], query)
            case "GET", [name] if name in self.rows:
                return 200, _page(list(self.shown(name)), query)
            case "POST", [name] if name in self.rows:
                return self._write(name, next(self._numbers), body, 201)
            case _, [name, number] if int(number) in self.rows.get(name, {}):
                return self._one(method, name, int(number), body)
            case _, [name, number, what] if int(number) in self.rows.get(name, {}):
                return self._below(method, name, int(number), what, body)
        return 404, {"detail": "Not found."}

    def _one(self, method: str, name: str, number: int, body: Row) -> Reply:
        if method == "DELETE":
            del self.rows[name][number]
            return 204, {}
        if method == "PATCH":
            return self._write(name, number, body, 200)
        return 200, self._show(name, number)

    def _below(self, method: str, name: str, number: int, what: str, body: Row) -> Reply:
        if what == "survey_spec":
            return self._survey(method, self.rows[name][number], body)
        if what == "create_approval_template" and method == "POST":
            made, said = self._write("workflow_approval_templates", next(self._numbers), body, 201)
            if made == 201:
                self.rows[name][number]["unified_job_template"] = cast("Row", said)["id"]
            return made, said
        if what not in ASSOCIATED:
            return 404, {"detail": "Not found."}
        have = self.links.setdefault((name, number, what), [])
        if method == "GET":
            return 200, _page([self._show(ASSOCIATED[what], one) for one in have], "")
        one = cast("int", body["id"])
        if one not in self.rows[ASSOCIATED[what]]:
            return 400, {"detail": f"{what}: there is no {one}"}
        have.remove(one) if body.get("disassociate") else have.append(one)
        return 204, {}

    def _survey(self, method: str, row: Row, body: Row) -> Reply:
        if method == "POST":
            if why := survey_fault(body):
                return 400, {"error": why}
            row["survey_spec"] = body
        return 200, row.get("survey_spec") or {}

    def _write(self, name: str, number: int, body: Row, status: int) -> Reply:
        known = {field: value for field, value in body.items() if field not in OF_THE_MODULES.get(name, ())}
        before = {field: value for field, value in self.rows[name].get(number, {}).items() if field != "survey_spec"}
        if why := fault(self.rows, name, {**before, **known}):
            return 400, {"__all__": [why]}
        self.rows[name].setdefault(number, {}).update(known)
        return status, self._show(name, number)

    def shown(self, name: str) -> Iterator[Row]:
        """Every object of a list, as AWX shows it."""
        for number in self.rows[name]:
            yield self._show(name, number)

    def _show(self, name: str, number: int) -> Row:
        """As AWX shows it: secrets hidden, with what every object has."""
        row, url = dict(self.rows[name][number]), f"{ROOT}{name}/{number}/"
        spec = row.pop("survey_spec", None)
        if name == "credentials":
            row["inputs"] = self._masked(row)
        if name == "inventories":
            row |= {field: row.get(field) or "" for field in ("kind", "host_filter")}
        if name == "credential_types":
            row["managed"] = False
        related = {"survey_spec": f"{url}survey_spec/"}
        if name == "workflow_job_template_nodes" and (template := row.get("unified_job_template")):
            (where,) = [one for one in UNIFIED if template in self.rows[one]]
            related["unified_job_template"] = f"{ROOT}{where}/{template}/"
        kind = "inventory" if name == "inventories" else name.removesuffix("s")
        common = {"id": number, "type": kind, "url": url, "related": related, "summary_fields": {}, "scm_revision": ""}
        return {**common, **row, "survey_enabled": row.get("survey_enabled", bool(spec))}

    def _masked(self, row: Mapping[str, object]) -> Row:
        kind = self.rows["credential_types"][cast("int", row["credential_type"])]
        fields = cast("Mapping[str, list[Row]]", kind["inputs"])["fields"]
        secret = {field["id"] for field in fields if field.get("secret")}
        given = cast("Row", row.get("inputs", {}))
        return {field: HIDDEN if field in secret else value for field, value in given.items()}


def _page(found: list[Row], query: str) -> Row:
    wanted = dict(parse_qsl(query))
    either = {name.removeprefix("or__"): wanted.pop(name) for name in list(wanted) if name.startswith("or__")}
    taken = [
        row
        for row in found
        if all(str(row.get(name)) == value for name, value in wanted.items())
        and (not either or any(str(row.get(name)) == value for name, value in either.items()))
    ]
    return {"count": len(taken), "next": None, "previous": None, "results": taken}
