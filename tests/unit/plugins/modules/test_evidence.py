# SPDX-License-Identifier: GPL-3.0-or-later
"""What evidence holds, how large it may become, and what is never in it."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.module_utils import host_snapshot
from ansible_collections.breakglass.remediation.plugins.module_utils.secret_shapes import mask_log
from ansible_collections.breakglass.remediation.plugins.module_utils.undo_file import UntrustedFile
from ansible_collections.breakglass.remediation.plugins.modules import evidence

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "c4n4ry-in-the-environment"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where evidence is kept in a test."""
    return tmp_path / "breakglass" / "evidence"


def test_a_snapshot_knows_processes_and_their_sockets_and_nothing_of_their_arguments() -> None:
    """Of this machine, as it is: a child with a secret in environment and arguments, and a listening socket."""
    program = "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", program, CANARY],
        env={**os.environ, "SECRET": CANARY},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout is not None
        port = int(child.stdout.readline())
        taken = host_snapshot.snapshot([])
        child.communicate("")
    own = next(one for one in taken["processes"] if one["pid"] == child.pid)
    assert (own["ppid"], own["uid"]) == (os.getpid(), os.getuid())
    assert own["rss"] > 1_000_000
    (listening,) = [one for one in taken["sockets"] if one["local"] == f"127.0.0.1:{port}"]
    assert (listening["state"], listening["pids"]) == ("listening", [child.pid])
    assert taken["memory"]["MemTotal"] > taken["memory"]["MemAvailable"] > 0
    assert any(one["path"] == "/" and one["size"] > one["free"] for one in taken["filesystems"])
    assert taken["system"]["host"] == socket.gethostname()
    assert CANARY not in json.dumps(taken)


def test_addresses_are_those_that_people_write() -> None:
    """The kernel writes them in the byte order of the machine."""
    assert host_snapshot.address("0100007F:1F90") == "127.0.0.1:8080"
    assert host_snapshot.address("00000000000000000000000001000000:0016") == "[::1]:22"


def test_what_can_not_be_read_is_said_and_the_rest_is_kept(tmp_path: Path) -> None:
    """A /proc that is not there."""
    taken = host_snapshot.snapshot([], tmp_path / "nothing")
    assert taken["memory"]["unreadable"].startswith("FileNotFoundError")
    assert isinstance(taken["failed_units"], (list, dict))


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("login password=hunter2secret failed", "login password=[masked] failed"),
        ('{"api_key": "abcdef", "x": 1}', '{"api_key": "[masked]", "x": 1}'),
        ("GET /?token=abc&x=1", "GET /?token=[masked]&x=1"),
        ("postgres://app:s3cr3t@db/x", "postgres://app:[masked]@db/x"),
        ("X-Vault-Token: hvs.CAESIJ2kPz0123456789", "X-Vault-Token: [masked]"),
        ("nginx: bind() to 0.0.0.0:443 failed", "nginx: bind() to 0.0.0.0:443 failed"),
    ],
)
def test_lines_of_logs_are_masked(line: str, masked: str) -> None:
    """Whatever looks like a secret, or is called one."""
    assert mask_log(line) == masked


def test_facts_of_files_and_never_their_content(tmp_path: Path) -> None:
    """A file has a digest; a link is not followed; what is not there is said."""
    file = tmp_path / "x.conf"
    file.write_text(CANARY, encoding="utf-8")
    file.chmod(0o640)
    facts = evidence.file_facts(str(file))
    assert facts["sha256"] == hashlib.sha256(CANARY.encode()).hexdigest()
    assert (facts["mode"], facts["type"], facts["size"], facts["uid"]) == ("0640", "file", len(CANARY), os.getuid())
    (tmp_path / "link").symlink_to(file)
    link = evidence.file_facts(str(tmp_path / "link"))
    assert (link["type"], "sha256" in link) == ("link", False)
    assert evidence.file_facts(str(tmp_path / "no")) == {"unreadable": "No such file or directory"}
    os.mkfifo(tmp_path / "pipe")
    assert evidence.file_facts(str(tmp_path / "pipe"))["type"] == "other"


def test_evidence_is_root_s_alone_and_has_the_digest_that_is_told(directory: Path) -> None:
    """Mode 0600 in a directory of 0700."""
    path, encoded = evidence.keep("restart_service", {"a": 1}, directory)
    assert path.read_bytes() == encoded
    assert json.loads(encoded) == {"a": 1}
    assert (path.stat().st_mode & 0o777, directory.stat().st_mode & 0o777) == (0o600, 0o700)
    assert path.name.endswith(".json")
    assert "-restart_service-" in path.name


def test_a_directory_of_somebody_else_is_refused(directory: Path) -> None:
    """A link that somebody has put there would lead the file elsewhere."""
    directory.parent.mkdir(mode=0o700)
    directory.symlink_to("/tmp")
    with pytest.raises(UntrustedFile):
        evidence.keep("x", {}, directory)
    directory.unlink()
    directory.mkdir(mode=0o777)
    directory.chmod(0o777)
    with pytest.raises(UntrustedFile):
        evidence.keep("x", {}, directory)


def test_too_much_is_cut_and_that_is_said() -> None:
    """The largest parts go first, whole, so that what is left is still JSON."""
    large = {"sockets": ["s" * 100] * 20, "processes": ["p" * 100] * 20, "units": {}, "system": {"host": "web1"}}
    whole = json.loads(evidence.fitting(large, 100_000))
    assert "left_out_because_of_size" not in whole
    cut = json.loads(evidence.fitting(large, 3000))
    assert (cut["sockets"], len(cut["processes"]), cut["left_out_because_of_size"]) == (None, 20, ["sockets"])
    cut = json.loads(evidence.fitting(large, 1000))
    assert (cut["processes"], cut["system"]) == (None, {"host": "web1"})


def test_the_oldest_evidence_makes_room(directory: Path) -> None:
    """And nothing else there does."""
    paths = [evidence.keep(f"s{number}", {"x": "y" * 1000}, directory)[0] for number in range(5)]
    for number, path in enumerate(paths):
        paths[number] = path.rename(path.with_name(f"2026112{number}T000000Z-s-{number}.json"))
    (directory / "note.txt").write_text("z" * 5000, encoding="utf-8")
    evidence.prune(directory, 2500)
    assert sorted(path.name for path in directory.iterdir()) == [paths[3].name, paths[4].name, "note.txt"]
