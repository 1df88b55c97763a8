# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a secret in a file is accepted: by a web service, by a command; and who has read a file since it was written."""

from __future__ import annotations

import base64
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.breakglass.remediation.plugins.module_utils.secret_reading import NoSecret, read_secret
from ansible_collections.breakglass.remediation.plugins.modules.login_probe import verdict
from ansible_collections.breakglass.remediation.plugins.modules.secret_users import has_read, properties
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential import forms
from hypothesis import example, given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RIGHT = base64.b64encode(b"shop:right").decode()


class Service(BaseHTTPRequestHandler):
    """Wants a password; some paths answer otherwise."""

    def do_GET(self) -> None:
        status = {"/moved": 302, "/broken": 500}.get(self.path)
        allowed = self.headers.get("Authorization") == f"Basic {RIGHT}"
        self.send_response(status or (200 if allowed else 401))
        if status == 302:
            self.send_header("Location", "/")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def service() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(5)


def asked(path: Path, **other: Any) -> tuple[str, str]:
    usual: dict[str, Any] = {
        "method": "http",
        "secret_path": str(path),
        "other_than_path": None,
        "format": "plain",
        "key": "password",
        "username": "shop",
        "url": "",
        "command": [],
        "timeout": 5,
    }
    return verdict({**usual, **other})


@pytest.fixture
def right(tmp_path: Path) -> Path:
    """A file with the secret that is accepted."""
    path = tmp_path / "right"
    path.write_text("right\n")
    return path


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """A file with another."""
    path = tmp_path / "wrong"
    path.write_text("wrong")
    return path


def test_a_web_service_accepts_or_refuses(right: Path, wrong: Path) -> None:
    """A newline at the end of the file is not the secret's."""
    with service() as url:
        assert asked(right, url=url) == ("accepted", "")
        assert asked(wrong, url=url) == ("refused", "")


def test_anything_else_is_no_verdict(right: Path, tmp_path: Path) -> None:
    """A redirect is not followed, an error proves nothing, and neither does silence or a missing file."""
    with service() as url:
        assert asked(right, url=f"{url}/moved") == ("unknown", f"{url}/moved said 302")
        assert asked(right, url=f"{url}/broken") == ("unknown", f"{url}/broken said 500")
        assert asked(tmp_path / "absent", url=url)[0] == "unknown"
    assert asked(right, url=url) == ("unknown", f"{url} does not answer (Connection refused)")


def test_a_command_decides_by_its_return_code(right: Path, wrong: Path, tmp_path: Path) -> None:
    """It reads the secret from a file of its own, 0600, that is gone afterwards; no shell sees anything."""
    script = tmp_path / "decide"
    script.write_text('#!/bin/sh\n[ "$(stat -c %a "$2")" = 600 ] || exit 3\n[ "$(cat "$2")" = "$1" ]\n')
    script.chmod(0o755)
    command = [str(script), "right"]
    assert asked(right, method="command", command=command) == ("accepted", "")
    assert asked(wrong, method="command", command=command) == ("refused", "")
    assert asked(wrong, method="command", command=["/bin/sh", "-c", "exit 7"]) == ("unknown", "/bin/sh returned 7")
    assert asked(wrong, method="command", command=["/nonexistent"])[1].startswith("/nonexistent can't be run")
    assert asked(wrong, method="command", command=["/bin/sh", "-c", "exec sleep 9"], timeout=0.1)[1].endswith(
        "longer than 0.1 s"
    )


def test_the_same_secret_is_not_asked_about(right: Path, wrong: Path, tmp_path: Path) -> None:
    """An old file with the new secret proves nothing; another way to end the line makes no other secret."""
    (tmp_path / "again").write_text("right")
    assert asked(right, other_than_path=str(tmp_path / "again")) == ("same", "")
    with service() as url:
        assert asked(wrong, other_than_path=str(right), url=url) == ("refused", "")


@example(value="'$")
@example(value='"`$\\')
@given(
    value=st.text(
        st.characters(codec="utf-8", exclude_characters="\0\r\n", exclude_categories=["Cs"]), min_size=1, max_size=40
    )
)
def test_what_our_forms_write_is_read(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    """Environment and JSON give back what was put in."""
    path = tmp_path_factory.mktemp("forms") / "file"
    values = {"USER": "shop", "TOKEN": value}
    path.write_text(forms.environment(values), encoding="utf-8")
    assert read_secret(str(path), "environment", "TOKEN") == value
    path.write_text(forms.json_text(values), encoding="utf-8")
    assert read_secret(str(path), "json", "TOKEN") == value


@pytest.mark.parametrize(
    ("content", "form"),
    [
        ("", "plain"),
        ("\n", "plain"),
        ("A='x'\n", "environment"),
        ("TOKEN='x\n", "environment"),
        ("[1]", "json"),
        ("{", "json"),
        ('{"TOKEN": 1}', "json"),
    ],
)
def test_a_file_without_the_value_is_said(tmp_path: Path, content: str, form: str) -> None:
    """Without a word of what it holds."""
    path = tmp_path / "file"
    path.write_text(content)
    with pytest.raises(NoSecret, match="holds no"):
        read_secret(str(path), form, "TOKEN")


def test_a_link_and_bytes_are_not_read(tmp_path: Path, right: Path) -> None:
    """Whoever may change the link could name any file."""
    (tmp_path / "link").symlink_to(right)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(NoSecret, match="can't be read"):
        read_secret(str(tmp_path / "link"), "plain", "")
    with pytest.raises(NoSecret, match="holds no text"):
        read_secret(str(tmp_path / "bytes"), "plain", "")


@pytest.mark.parametrize(
    ("state", "started", "written", "read"),
    [("active", 90, 1050, True), ("active", 90, 1095, False), ("failed", 90, 1050, False), ("active", 0, 1050, False)],
)
def test_a_unit_has_read_what_was_written_before_its_start(
    state: str,
    started: int,
    written: float,
    read: bool,  # noqa: FBT001 (a parameter of the test)
) -> None:
    """Now it is 1100 by the wall, and 100 seconds after boot."""
    said = f"LoadState=loaded\nActiveState={state}\nActiveEnterTimestampMonotonic={started * 1_000_000}\n"
    assert has_read(properties(said), written, 1100, 100) is read
