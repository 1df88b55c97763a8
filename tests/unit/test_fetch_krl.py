# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts do with the list of revoked certificates that they fetch: a good one replaces an older one, anything else is left."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from breakglass.domain.krl import revocation_list

FETCHER = Path(__file__).parents[2] / "roles" / "prepare_host" / "files" / "fetch_krl.py"
AT = datetime(2026, 11, 28, tzinfo=UTC)
OLDER, THERE, NEWER = (revocation_list(version, AT, [f"id-{version}"]) for version in (1, 2, 3))
Fetch = Callable[[bytes], subprocess.CompletedProcess[str]]


@contextmanager
def serving(content: bytes, status: int = 200) -> Iterator[str]:
    """An address with this content."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/krl"
        server.shutdown()


@pytest.fixture
def krl(tmp_path: Path) -> Path:
    """Where sshd reads it, with a list that is there, and a CA beside it."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "ca"], check=True, timeout=20)
    (tmp_path / "ca.pub").rename(tmp_path / "user_ca.pub")
    path = tmp_path / "revoked.krl"
    path.write_bytes(THERE)
    return path


def fetch(url: str, krl: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(FETCHER), url, str(krl)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.parametrize("there", [b"", b"nonsense", OLDER, THERE, NEWER])
def test_a_newer_list_replaces_what_is_there(there: bytes, krl: Path) -> None:
    """Also the same one, and where none is there that sshd could read."""
    krl.write_bytes(there)
    with serving(NEWER) as url:
        done = fetch(url, krl)
    assert (done.returncode, done.stderr, krl.read_bytes()) == (0, "", NEWER)
    assert krl.stat().st_mode & 0o777 == 0o644


SHA1 = b"\x03" + (24).to_bytes(4, "big") + (20).to_bytes(4, "big") + b"x" * 20
SERIALS = NEWER[:44] + NEWER[44:].replace(b"\x23\x00\x00\x00\x08", b"\x20\x00\x00\x00\x08")
OF_A_CA = NEWER[:44] + b"\x01" + (9).to_bytes(4, "big") + (1).to_bytes(4, "big") + b"k" + bytes(4)


@pytest.mark.parametrize(
    ("fetched", "why"),
    [
        (OLDER, "it is older than the one that is there"),
        (b"", "it is no key revocation list"),
        (b"<html>It works!</html>" + b" " * 60, "it is no key revocation list"),
        (NEWER[:30], "it is no key revocation list"),
        (NEWER[:40], "it is cut off"),
        (NEWER[:-1], "it is cut off"),
        (NEWER[:8] + b"\0\0\0\2" + NEWER[12:], "it has the form 2"),
        (NEWER + SHA1, "it revokes something else than certificates by their key ids"),
        (SERIALS, "it revokes something else than certificates by their key ids"),
        (OF_A_CA, "it revokes something else than certificates by their key ids"),
        (NEWER + bytes(1 << 20), "it is larger than 1048576 bytes"),
    ],
)
def test_whatever_else_comes_is_left(fetched: bytes, why: str, krl: Path) -> None:
    with serving(fetched) as url:
        done = fetch(url, krl)
    assert (done.returncode, krl.read_bytes()) == (1, THERE)
    assert f"is not taken: {why}" in done.stderr
    assert done.stderr.endswith("The one that is there stays.\n")


def test_a_runner_that_does_not_answer_changes_nothing(krl: Path) -> None:
    """Nor one that answers with an error."""
    with serving(NEWER, status=503) as url:
        assert "HTTP Error 503" in fetch(url, krl).stderr
    done = fetch(url, krl)
    assert (done.returncode, krl.read_bytes()) == (1, THERE)
    assert "Connection refused" in done.stderr
