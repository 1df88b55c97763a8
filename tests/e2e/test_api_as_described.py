# SPDX-License-Identifier: GPL-3.0-or-later
"""The running API against its OpenAPI document, by Schemathesis: no fault of ours, and no answer that is not described.

Each operation is called by a person of its own, so that what one is held back for is not another's; what is held back is waited
for. Besides what the document allows, all sorts of what it does not is sent, and must be refused.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.e2e.test_approvals import POLICY, ask, withdraw
from tests.support.office import Office, open_office

from breakglass.web.api import PAGES
from breakglass.web.description import DescriptionPage
from breakglass.web.operations import operations_of
from breakglass.web.webhooks import SENDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.web.operations import Operation

pytestmark = pytest.mark.slow

OPERATIONS = [operation for pages in (*PAGES, DescriptionPage) for operation, _ in operations_of(pages)]
EXAMPLES = 12
LONGEST_SECONDS = 150
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,positive_data_acceptance,unsupported_method,"
    "allow_header_conformance,missing_required_header,ignored_auth"
)
# What the schemas allow and an answer may refuse all the same, with a sentence: a key that was sent with something else, a body
# whose parts are small and which is not, what only looks like a cursor, and alerts in the form of another source.
REFUSED = ["2xx", "401", "403", "404", "409", "413", "422", "429"]


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all."""
    with open_office(POLICY, hand_out=True) as made:
        yield made


@pytest.fixture(scope="module")
def ended(office: Office) -> str:
    """What is over: whoever watches it is told all, and that this is the end."""
    eve = office.hire("eve", "web-team", factor=False)
    made = ask(office, eve)
    withdraw(office, made, eve)
    return made


@pytest.fixture(scope="module")
def incident(office: Office, ended: str) -> str:
    """What waits for an approval."""
    assert ended, "it has given the host back"
    return ask(office, office.hire("ada", "web-team", factor=False))


def config(operation: Operation, incident: str) -> str:
    """Settings of Schemathesis, with what is there to be called."""
    may_mean_nothing = any(refusal.status is HTTPStatus.BAD_REQUEST for refusal in operation.refusals)
    any_form = operation.reads_itself or "after" in operation.query.model_fields or may_mean_nothing
    accepted = json.dumps([*REFUSED, *(["400"] if any_form else [])])
    refused = json.dumps(["400", *REFUSED[1:], "405"])
    return f"""
[headers]
Authorization = "Bearer ${{TOKEN}}"
[parameters]
"path.incident" = "{incident}"
"path.source" = "alertmanager"
[checks.positive_data_acceptance]
expected-statuses = {accepted}
[checks.negative_data_rejection]
expected-statuses = {refused}
"""


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_it_answers_as_it_is_described(
    office: Office, incident: str, ended: str, operation: Operation, tmp_path: Path
) -> None:
    """Status, media type, headers and content."""
    called = ended if operation.done.media.startswith("text/event-stream") else incident
    (tmp_path / "schemathesis.toml").write_text(config(operation, called), encoding="utf-8")
    person = office.hire(operation.name.lower(), "web-team", "dba")
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            *("--config-file", str(tmp_path / "schemathesis.toml"), "--no-color", "run"),
            f"{office.runner.url}/api/v1/openapi.json",
            *("--url", office.runner.url, "--include-operation-id", operation.name),
            *("--phases", "examples,coverage,fuzzing", "--checks", CHECKS),
            *("--max-examples", str(EXAMPLES), "--seed", "1", "--no-shrink", "--rate-limit", "auto"),
            *("--request-timeout", "20", "--continue-on-failure"),
        ],
        env={**os.environ, "TOKEN": office.site.token if operation.who is SENDER else office.identity_token(person)},
        cwd=tmp_path,
        text=True,
        capture_output=True,
        check=False,
        timeout=LONGEST_SECONDS,
    )
    said = "\n".join(line[:400] for line in done.stdout.splitlines())
    assert done.returncode == 0, said + done.stderr
    assert "Tested: 1" in said, said
