# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner as it answers, and what is told to senders."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
import yaml

from breakglass.doctor.checks import runner, sources
from breakglass.doctor.checks.sources import ago
from breakglass.doctor.known import DATABASE
from breakglass.doctor.receiver import receiver
from breakglass.domain.senders import Sender
from breakglass.store.looking import Looked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.doctor.conftest import Files

SEALED = json.dumps({"type": "about:blank", "status": 503, "detail": "Vault is sealed."}).encode()
NOW = datetime.now(UTC)


@contextmanager
def answering(status: int, kind: str, body: bytes) -> Iterator[str]:
    """Somebody who answers everything so; gives host:port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("answer", "mark", "says"),
    [
        ((200, "application/json", b'{"ready": true}'), "ok", "ready, at http://127.0.0.1:"),
        ((503, "application/problem+json", SEALED), "!!", "can't do all of its work: Vault is sealed."),
        ((404, "text/html", b"<h1>not here</h1>"), "!!", "is no runner (HTTP 404)"),
        ((503, "application/problem+json", b"[1"), "!!", "is no runner (HTTP 503)"),
    ],
)
def test_what_answers(files: Files, answer: tuple[int, str, bytes], mark: str, says: str) -> None:
    """Ready, ready for some, and somebody else are told apart; the troubles are the runner's own words."""
    with answering(*answer) as address:
        files.change(lambda settings: settings.update(listen=address))
        ((found, sentence),) = files.look(runner.look)
    assert found == mark
    assert says in sentence


def test_nobody_answers(files: Files) -> None:
    """While no runner works, the command that starts one is said; with the port 0 nobody knows where it is."""
    assert [mark for mark, _ in files.look(runner.look)] == ["??"]
    files.change(lambda settings: settings.update(listen="127.0.0.1:9"))
    ((mark, says),) = files.look(runner.look)
    assert mark == "!!"
    assert f"breakglass serve --settings {files.place.settings}" in says


def heard(files: Files, sender: Sender) -> None:
    files.known.learn(DATABASE, Looked("1", "1", senders={"alertmanager": sender}))


def test_a_sender_that_was_never_heard(files: Files) -> None:
    """Without a message, and without a database, Alertmanager's receiver is said: it parses, and its secret is in a file."""
    files.change(lambda settings: settings.update(listen="127.0.0.1:8443"))
    (found,) = sources.look(files.known)
    assert found.mark.value == "!!"
    (told,) = yaml.safe_load("\n".join(found.more))
    (webhook,) = told["webhook_configs"]
    assert webhook == {
        "url": "http://127.0.0.1:8443/webhooks/alertmanager",
        "send_resolved": True,
        "max_alerts": 0,
        "http_config": {"authorization": {"credentials_file": "/etc/alertmanager/breakglass.token"}},
    }
    token = files.place.secret("alertmanager").read_text()
    assert token not in "\n".join(found.more)
    assert str(files.place.secret("alertmanager")) in "\n".join(found.more)


LONG_AGO = NOW - timedelta(hours=5, minutes=30)


@pytest.mark.parametrize(
    ("sender", "mark", "says"),
    [
        (Sender("alertmanager", LONG_AGO, None, ""), "ok", "a message of it was taken in 5 h ago"),
        (Sender("alertmanager", NOW, LONG_AGO, "It was wrong."), "ok", "a message of it was taken in"),
        (Sender("alertmanager", None, LONG_AGO, "It was wrong."), "!!", "refused 5 h ago: It was wrong."),
        (Sender("alertmanager", LONG_AGO, NOW, "It was wrong."), "!!", "its last message was refused"),
    ],
)
def test_a_sender_that_was_heard_or_refused(files: Files, sender: Sender, mark: str, says: str) -> None:
    """What came last counts: a message that was taken in, or one that was refused, with the words of the refusal."""
    heard(files, sender)
    ((found, sentence),) = files.look(sources.look)
    assert found == mark
    assert says in sentence


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-9, "0 s ago"), (119, "119 s ago"), (120, "2 m ago"), (7199, "119 m ago"), (172_800, "2 d ago")],
)
def test_how_long_ago(seconds: int, said: str) -> None:
    """Two of a unit at least; what seems to come from the future was now."""
    assert ago(NOW - timedelta(seconds=seconds), NOW) == said


def test_receivers_of_other_logins(files: Files) -> None:
    """Basic authentication and client certificates are said in Alertmanager's words, too; a public address counts."""
    alertmanager = {"kind": "alertmanager", "basic": {"user": "a: {b}", "password_files": ["password"]}}
    other = {"kind": "alertmanager", "client_certificates": ["am.example.com"]}
    settings = files.change(
        lambda settings: settings.update(
            sources={
                "alertmanager": alertmanager,
                "other": other,
                "grafana": {"kind": "grafana", "bearer_token_files": ["t"]},
            },
            public_url="https://breakglass.example.com",
            tls={"certificate": "c", "key": "k", "client_ca": "ca"},
            listen="0.0.0.0:8443",
        )
    )
    (first,) = yaml.safe_load("\n".join(receiver(settings, "alertmanager")))
    assert first["webhook_configs"][0]["url"] == "https://breakglass.example.com/webhooks/alertmanager"
    assert first["webhook_configs"][0]["http_config"]["basic_auth"]["username"] == "a: {b}"
    (second,) = yaml.safe_load("\n".join(receiver(settings, "other")))
    assert second["webhook_configs"][0]["http_config"] == {
        "tls_config": {"cert_file": "CERTIFICATE", "key_file": "KEY"}
    }
    assert "docs/guides/sources.md" in files.look(sources.look)[1][1]
