# SPDX-License-Identifier: GPL-3.0-or-later
"""The keeper of a session, as a host runs it: it relays, and when it is told to, falls silent or is left, nothing stays."""

from __future__ import annotations

import ast
import os
import select
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.session_site import processes_with

from breakglass.sessions import on_host
from breakglass.sessions.frames import BrokenLine, Ended, Frames, frame, frame_of, keeper_command, keeper_text

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_SECONDS = 30


@dataclass
class Kept:
    """A session, with this test as the runner."""

    process: subprocess.Popen[bytes]
    output: bytes = b""
    ended: Ended | None = None
    _frames: Frames = field(default_factory=Frames)

    def send(self, whole: bytes) -> None:
        """Send one frame."""
        assert self.process.stdin
        self.process.stdin.write(whole)
        self.process.stdin.flush()

    def wait_for(self, kind: bytes, text: bytes = b"") -> None:
        """Wait for a frame of this kind; of output, until it has this text."""
        until = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < until:
            if text and text in self.output:
                return
            assert self.process.stdout
            if not select.select([self.process.stdout], [], [], 1)[0]:
                continue
            came = os.read(self.process.stdout.fileno(), 65536)
            seen = [one for one, content in self._frames.take(came) if self._keep(one, content)]
            if (kind in seen and not text) or (text and text in self.output):
                return
            assert came, (kind, text, self.output)
        raise AssertionError((kind, text, self.output))

    def _keep(self, kind: bytes, content: bytes) -> bool:
        self.output += content if kind in (on_host.OUTPUT, on_host.ERROR_OUTPUT) else b""
        self.ended = Ended.read(content) if kind == on_host.DONE else self.ended
        return True


@contextmanager
def kept(command: str | None, ends_in: float = 60.0, **also: object) -> Iterator[Kept]:
    """A session that has begun."""
    program = keeper_text()
    process = subprocess.Popen(
        ["/bin/sh", "-c", keeper_command(len(program))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    session = Kept(process)
    session.send(program)
    session.wait_for(on_host.READY)
    begin: dict[str, object] = {"mark": f"test-{process.pid}", "ends_in": ends_in, "command": command, **also}
    if command is None:
        begin |= {"terminal": "xterm", "columns": 90, "rows": 20}
    session.send(frame_of(on_host.BEGIN, begin))
    session.wait_for(on_host.STARTED)
    try:
        yield session
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
        process.wait(LIMIT_SECONDS)


def test_its_text_is_for_the_pythons_of_hosts() -> None:
    """3.8 and newer, and nothing of ours."""
    tree = ast.parse(keeper_text(), feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names} | {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    }
    assert not any(str(name).startswith("breakglass") for name in imported)


def test_a_command_has_two_outputs_an_input_and_a_status() -> None:
    """The status of a command that was killed is that of a shell: 128 and the signal."""
    with kept("cat; echo wrong >&2; kill -TERM $$") as session:
        session.send(frame(on_host.INPUT, b"typed\n"))
        session.send(frame(on_host.EOF))
        session.wait_for(on_host.DONE)
    assert (session.output, session.ended) == (b"typed\nwrong\n", Ended(143, (), proven=True))


def test_a_shell_has_a_terminal_that_can_be_resized() -> None:
    """And its mark in the environment."""
    with kept(None) as session:
        session.send(frame(on_host.INPUT, b"stty -echo; stty size; echo mark-$BREAKGLASS_SESSION\n"))
        session.wait_for(on_host.OUTPUT, f"mark-test-{session.process.pid}".encode())
        assert b"20 90" in session.output
        session.send(frame_of(on_host.RESIZE, {"columns": 33, "rows": 44}))
        session.send(frame(on_host.INPUT, b"stty size; exit 5\n"))
        session.wait_for(on_host.DONE)
    assert b"44 33" in session.output
    assert session.ended == Ended(5, (), proven=True)


LEAVES = "trap '' HUP TERM INT; setsid env -i /bin/sleep {word} & exec 2>&1; until pgrep -f '^/bin/sleep {word}$'; do :; done; echo ready; cat"


@pytest.mark.parametrize("end", ["told", "left", "late"])
def test_whatever_ends_it_nothing_stays(end: str) -> None:
    """The runner says stop, the line closes, or the time is over and nobody says anything."""
    word = str(40100 + ["told", "left", "late"].index(end))
    with kept(LEAVES.format(word=word), ends_in=1.0 if end == "late" else 60.0) as session:
        session.wait_for(on_host.OUTPUT, b"ready")
        assert processes_with(word)
        if end == "told":
            session.send(frame(on_host.STOP))
        if end != "left":
            session.wait_for(on_host.DONE)
    until = time.monotonic() + LIMIT_SECONDS
    while processes_with(word):
        assert time.monotonic() < until
        time.sleep(0.05)
    if end != "left":
        assert session.ended is not None
        assert session.ended.proven


def test_what_is_no_frame_is_refused() -> None:
    """A host that says something else does not fill our memory."""
    with pytest.raises(BrokenLine, match="not of the keeper"):
        list(Frames().take(b"Welcome to Debian"))
    with pytest.raises(BrokenLine, match="not of the keeper"):
        Ended.read(b"[]")
    frames = Frames()
    both = frame(b"O", b"one") + frame(b"D", b"")
    assert [*frames.take(both[:7]), *frames.take(both[7:])] == [(b"O", b"one"), (b"D", b"")]


def test_input_that_nobody_reads_keeps_nobody_from_ending_it() -> None:
    """What the program has taken is told, so that the runner knows how much is under way."""
    with kept("head -c 3 >/dev/null; echo read; sleep 40200") as session:
        session.send(frame(on_host.INPUT, b"x" * 200_000))
        session.wait_for(on_host.TAKEN)
        session.wait_for(on_host.OUTPUT, b"read")
        session.send(frame(on_host.STOP))
        session.wait_for(on_host.DONE)
    assert (session.ended, processes_with("40200")) == (Ended(None, (), proven=True), [])


def test_its_end_can_be_moved() -> None:
    """Later, so that it lives past the first one; and sooner."""
    with kept("sleep 2; echo past-$((40 + 2)); sleep 40300", ends_in=0.5) as session:
        session.send(frame_of(on_host.UNTIL, {"ends_in": 60.0}))
        session.wait_for(on_host.OUTPUT, b"past-42")
        session.send(frame_of(on_host.UNTIL, {"ends_in": 0.0}))
        session.wait_for(on_host.DONE)
    assert session.ended is not None
    assert (session.ended.proven, processes_with("40300")) == (True, [])


FILES: dict[str, object] = {
    "files": {"shop/pgpass": "*:*:*:v-1:first", "shop/pg_service.conf": f"passfile={on_host.AT}/shop/pgpass"},
    "variables": {"PGPASSFILE": f"{on_host.AT}/shop/pgpass", "PGSERVICEFILE": f"{on_host.AT}/shop/pg_service.conf"},
}
LOOK = 'stat -c %a-%F-%n "$PGPASSFILE" "${PGPASSFILE%/*}"; cat "$PGPASSFILE" "$PGSERVICEFILE"; echo; echo there; '


def where_are(session: Kept) -> Path:
    """The directory of the session's files."""
    session.wait_for(on_host.OUTPUT, b"there")
    return Path(session.output.decode().split("-regular file-")[1].splitlines()[0]).parent.parent


def test_files_go_along_in_memory_and_leave_with_it() -> None:
    """For the account alone; variables and files say where they are; others take their place without a new variable."""
    with kept(f"{LOOK} read word; cat $PGPASSFILE; ls -A ${{PGPASSFILE%/*}}; cat", **FILES) as session:
        directory = where_are(session)
        assert str(directory).startswith(("/dev/shm/breakglass-", f"/run/user/{os.getuid()}/breakglass-"))
        assert directory.stat().st_mode & 0o777 == 0o700
        said = session.output.decode()
        assert said.startswith(f"600-regular file-{directory}/shop/pgpass\n700-directory-{directory}/shop\n")
        assert f"*:*:*:v-1:firstpassfile={directory}/shop/pgpass" in said
        other = {**FILES, "files": {"shop/pgpass": "*:*:*:v-2:second"}}
        session.send(frame_of(on_host.FILES, other))
        session.send(frame(on_host.INPUT, b"go on\n"))
        session.wait_for(on_host.OUTPUT, b"v-2:second")
        session.wait_for(on_host.OUTPUT, b"pgpass\n")
        session.send(frame(on_host.STOP))
        session.wait_for(on_host.DONE)
        assert not directory.exists()
    assert b".part" not in session.output


def test_files_of_a_keeper_that_was_killed_are_swept_away(tmp_path: Path) -> None:
    """With what is left of the session; another directory, whoever names it, is left alone."""
    (tmp_path / "mine").touch()
    with kept(f"{LOOK} cat", **FILES) as session:
        directory = where_are(session)
    directory.mkdir(mode=0o700)
    (directory / "left").touch()
    for named in (directory, tmp_path):
        program = keeper_text()
        begin = {"mark": "test-swept", "audit": "", "scope": "", "directory": str(named), "sweep": True}
        command = ["/bin/sh", "-c", keeper_command(len(program))]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        ) as sweeper:
            session = Kept(sweeper)
            session.send(program)
            session.wait_for(on_host.READY)
            session.send(frame_of(on_host.BEGIN, begin))
            session.wait_for(on_host.DONE)
    assert (directory.exists(), (tmp_path / "mine").exists()) == (False, True)
