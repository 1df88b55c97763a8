# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner itself: whether it answers where the settings say, and can do all of its work."""

from __future__ import annotations

import http.client
import json
import ssl
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

from breakglass.doctor.findings import Finding, ok, unknown, wrong
from breakglass.doctor.known import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.doctor.known import Known
    from breakglass.settings import Settings

ABOUT: Final = "runner"
PATIENCE_SECONDS: Final = 10
LARGEST: Final = 65_536
EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (an address to compare with)
UNITS: Final = Path("/etc/systemd/system")
UNIT: Final = "breakglass-runner.service"


def look(known: Known) -> Iterator[Finding]:
    """Ask /readyz."""
    settings = known[SETTINGS]
    host, port = settings.listen
    if port == 0:
        yield unknown(ABOUT, "listen has the port 0, so only the runner itself knows where it answers")
        return
    where = f"{'https' if settings.tls else 'http'}://{host}:{port}"
    try:
        status, said = _ask(settings)
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or "what answers there speaks something else"
        yield wrong(
            ABOUT,
            f"nobody answers at {where} ({why}), so no alert is taken in. Start it: {_start(known.asked.settings)}",
        )
        return
    if status == HTTPStatus.OK:
        yield ok(ABOUT, f"ready, at {where}")
    elif said:
        yield wrong(ABOUT, f"works, and can't do all of its work: {said}")
    else:
        yield wrong(ABOUT, f"what answers at {where} is no runner (HTTP {status}). Change listen, or end what is there")


def _ask(settings: Settings) -> tuple[int, str]:
    """Status, and the sentence of a problem. Nothing secret is sent, so any certificate of ours will do."""
    host, port = EVERYWHERE.get(settings.listen.host, settings.listen.host), settings.listen.port
    if settings.tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=PATIENCE_SECONDS, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, _sentence(answer.read(LARGEST), answer.getheader("Content-Type", ""))
    finally:
        connection.close()


def _sentence(body: bytes, kind: str) -> str:
    """The detail of a problem (RFC 9457); empty for anything else."""
    try:
        problem = json.loads(body) if kind == "application/problem+json" else {}
    except ValueError:
        return ""
    return str(problem.get("detail", "")) if isinstance(problem, dict) else ""


def _start(settings: Path) -> str:
    if (UNITS / UNIT).exists():
        return f"systemctl start {UNIT}; why it is not there: journalctl -u {UNIT}"
    return f"breakglass serve --settings {settings}"
