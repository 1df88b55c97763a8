# SPDX-License-Identifier: GPL-3.0-or-later
"""The keeper of a session: runs on the host, between sshd and the person's shell, and ends everything that came of it.

It is sent as text and needs Python 3.8 and nothing else, so it imports nothing of ours. It gives the shell a terminal
of its own (a certificate without `permit-pty` is enough), adopts what leaves its parents (prctl(2), child subreaper),
and when the line to the runner closes, falls silent, or its time is over, it kills whatever descends from it until
nothing is left. Where the host has them, the audit session and systemd's session scope of the connection count too.

What goes along with the session (the files of its credentials) lies in the host's memory, for its account alone, while it lasts.

The line is frames: one byte of kind, four of length, the content. To the keeper: BEGIN first, then INPUT, EOF, RESIZE,
KEEP, UNTIL (another end), FILES (others in their place), STOP; all of it is read at once, so that STOP and the line's end are heard however little the program reads. From it:
READY, STARTED, OUTPUT, ERROR_OUTPUT, TAKEN (bytes of input that the program has taken), DONE last.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import pathlib
import pwd
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

BEGIN, INPUT, EOF, RESIZE, KEEP, UNTIL, FILES, STOP = b"B", b"I", b"E", b"R", b"K", b"U", b"F", b"X"
READY, STARTED, OUTPUT, ERROR_OUTPUT, TAKEN, DONE = b"Y", b"S", b"O", b"e", b"T", b"D"
HEAD = struct.Struct(">cI")
LONGEST_FRAME = 1 << 20
CHUNK = 16384
MOST_WAITING = 65536
SILENCE_SECONDS = 30.0
LATE_SECONDS = 2.0
GRACE_SECONDS = 1.0
KILL_SECONDS = 10.0
DRAIN_SECONDS = 5.0
PAUSE_SECONDS = 0.02
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36
MARK = "BREAKGLASS_SESSION"
AT = "/breakglass-session"  # what the runner calls the directory of files, wherever that is
IN_MEMORY = ("/run/user/{}", "/dev/shm")  # noqa: S108 (a directory of our own is made there)
OURS = "breakglass-"
UNSET_SESSION = "4294967295"
SCOPE = re.compile(r"/session-[^/]+\.scope$", re.MULTILINE)
PROGRAMS = "/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin"
IGNORED = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGTSTP)


class Line:
    """Frames to and from the runner. What is sent waits here until the runner takes it."""

    def __init__(self, reading: int, writing: int) -> None:
        self.reading, self.writing = reading, writing
        self.closed = False
        self.heard_at = time.monotonic()
        self._in, self.waiting = bytearray(), bytearray()

    def send(self, kind: bytes, content: bytes = b"") -> None:
        """Put a frame into the queue."""
        self.waiting += HEAD.pack(kind, len(content)) + content

    def send_json(self, kind: bytes, content: object) -> None:
        """Put a frame of JSON into the queue."""
        self.send(kind, json.dumps(content).encode())

    def read(self) -> list[tuple[bytes, bytes]]:
        """Whole frames that have come; `closed` is set when no more can."""
        try:
            came = os.read(self.reading, CHUNK)
        except BlockingIOError:
            return []
        except OSError:
            came = b""
        if not came:
            self.closed = True
        self.heard_at = time.monotonic()
        self._in += came
        return self._frames()

    def write(self) -> None:
        """Hand over what can be taken now."""
        try:
            while self.waiting:
                del self.waiting[: os.write(self.writing, self.waiting[:CHUNK])]
        except BlockingIOError:
            return
        except OSError:
            self.waiting.clear()
            self.closed = True

    def flush(self, seconds: float) -> None:
        """Hand over all, as far as it is taken within these seconds."""
        until = time.monotonic() + seconds
        while self.waiting and not self.closed and time.monotonic() < until:
            select.select([], [self.writing], [], PAUSE_SECONDS)
            self.write()

    def _frames(self) -> list[tuple[bytes, bytes]]:
        found = []
        while len(self._in) >= HEAD.size:
            kind, size = HEAD.unpack_from(self._in)
            if size > LONGEST_FRAME:
                self.closed = True
                break
            if len(self._in) < HEAD.size + size:
                break
            found.append((kind, bytes(self._in[HEAD.size : HEAD.size + size])))
            del self._in[: HEAD.size + size]
        return found


class Files:
    """What goes along with the session: files in memory, for its account alone.

    Attributes:
        directory: Where; empty for nowhere.
    """

    def __init__(self) -> None:
        self.directory = ""

    def put(self, said: dict[str, object]) -> dict[str, str]:
        """Lay them down, or others in their place; the variables that name them. Without room for them there are none."""
        files, variables = said.get("files"), said.get("variables")
        if not isinstance(files, dict) or not isinstance(variables, dict) or not self._is_there():
            return {}
        try:
            for name, text in files.items():
                self._write(pathlib.Path(self.directory, name), text.replace(AT, self.directory).encode())
        except OSError:
            self.remove()
            return {}
        return {name: value.replace(AT, self.directory) for name, value in variables.items()}

    def remove(self) -> None:
        """Take them away."""
        if pathlib.Path(self.directory).name.startswith(OURS):
            shutil.rmtree(self.directory, ignore_errors=True)
        self.directory = ""

    def _is_there(self) -> bool:
        for place in IN_MEMORY:
            if not self.directory:
                with contextlib.suppress(OSError):
                    self.directory = tempfile.mkdtemp(prefix=OURS, dir=place.format(os.getuid()))
        return bool(self.directory)

    def _write(self, path: pathlib.Path, content: bytes) -> None:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        part = path.with_name(path.name + ".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        part.replace(path)


class Program:
    """The person's shell or command, and the descriptors by which it is heard and fed.

    Attributes:
        pid: Its process.
        heard: Descriptors to read, and the kind of frame that their content becomes.
        fed: Descriptor of its input; None when that is closed.
        terminal: Its terminal; None when it has none.
        status: How it ended, as a shell counts (128 + signal); None while it lives.
    """

    def __init__(self, begin: dict[str, object], variables: dict[str, str]) -> None:
        self.status: int | None = None
        self.typed = bytearray()
        self.no_more = False
        shell = pwd.getpwuid(os.getuid()).pw_shell or "/bin/sh"
        command = begin.get("command")
        name = shell.rpartition("/")[2]
        words = [f"-{name}"] if command is None else [name, "-c", str(command)]
        environment = {**os.environ, **variables, MARK: str(begin["mark"])}
        if begin.get("terminal"):
            environment["TERM"] = str(begin["terminal"])
            master, slave = os.openpty()
            set_size(master, begin)
            self.terminal: int | None = master
            self.fed: int | None = master
            self.heard = {master: OUTPUT}
            ends = [slave, slave, slave]
        else:
            pipes = [os.pipe() for _ in range(3)]
            self.terminal = None
            self.fed = pipes[0][1]
            self.heard = {pipes[1][0]: OUTPUT, pipes[2][0]: ERROR_OUTPUT}
            ends = [pipes[0][0], pipes[1][1], pipes[2][1]]
        self.pid = os.fork()
        if self.pid == 0:
            become(shell, words, environment, ends)
        for descriptor in set(ends):
            os.close(descriptor)
        for descriptor in {*self.heard, self.fed}:
            os.set_blocking(descriptor, False)

    def hear(self, descriptor: int) -> bytes:
        """What it has said; a descriptor that says no more is forgotten."""
        try:
            said = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return b""
        except OSError:  # EIO: nobody has the terminal open any more
            said = b""
        if not said:
            self.heard.pop(descriptor, None)
            if descriptor != self.fed:
                os.close(descriptor)
        return said

    def feed(self) -> int:
        """Type what waits, as far as it is taken, and close its input if no more comes; how many bytes are done with."""
        before = len(self.typed)
        try:
            while self.typed and self.fed is not None:
                del self.typed[: os.write(self.fed, self.typed[:CHUNK])]
        except BlockingIOError:
            return before - len(self.typed)
        except OSError:
            self.typed.clear()
        if self.no_more and self.fed is not None:
            os.close(self.fed)
            self.fed = None
        return before - len(self.typed)


def become(shell: str, words: list[str], environment: dict[str, str], ends: list[int]) -> None:
    """Be the person's shell; never returns."""
    try:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setsid()
        if ends[0] == ends[1]:
            fcntl.ioctl(ends[0], termios.TIOCSCTTY, 0)
        for number, descriptor in enumerate(ends):
            os.dup2(descriptor, number)
        for number in IGNORED:
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with contextlib.suppress(OSError):
            os.chdir(environment.get("HOME", "/"))
        os.execve(shell, words, environment)  # noqa: S606 (the login shell of the account, as sshd starts it)
    except OSError as error:
        os.write(2, f"breakglass: {shell} can't be started: {error.strerror}\n".encode())
    finally:
        os._exit(126)


def set_size(terminal: int, asked: dict[str, object]) -> None:
    """Give a terminal its rows and columns."""
    rows, columns = (int(str(asked.get(name) or 0)) & 0xFFFF for name in ("rows", "columns"))
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def prctl(option: int, value: int) -> None:
    """Ask the kernel for something (prctl(2))."""
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def text_of(pid: int, name: str) -> str:
    """A file of a process; empty when it is gone or hidden."""
    try:
        return pathlib.Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def stat_of(pid: int) -> tuple[str, str, int] | None:
    """Name, state and parent of a process (proc(5)); None when it is gone."""
    name, _, rest = text_of(pid, "stat").rpartition(")")
    fields = rest.split()
    return (name.partition("(")[2], fields[0], int(fields[1])) if len(fields) > 1 else None


def alive() -> dict[int, int]:
    """Every process that is not dead yet, and its parent."""
    known = (
        (int(path.name), stat_of(int(path.name))) for path in pathlib.Path("/proc").iterdir() if path.name.isdigit()
    )
    return {pid: stat[2] for pid, stat in known if stat is not None and stat[1] not in "ZX"}


def ancestors(pid: int) -> list[int]:
    """Who is above a process, from its parent on."""
    found: list[int] = []
    stat = stat_of(pid)
    while stat is not None and stat[2] > 0:
        found.append(stat[2])
        stat = stat_of(stat[2])
    return found


def audit_session(pid: int) -> str:
    """The audit session of a process, which its children can't leave; empty where it has none."""
    said = text_of(pid, "sessionid").strip("\0\n ")
    return "" if said in ("", UNSET_SESSION) else said


def scope(pid: int) -> str:
    """Systemd's session scope of a process; empty where it is in none."""
    found = SCOPE.search(text_of(pid, "cgroup"))
    return found[0] if found else ""


def of_this_connection(pid: int, value_of: Callable[[int], str]) -> str:
    """A value that belongs to this connection alone: above us only sshd has it, and whoever listens for sshd has not.

    An sshd that somebody started by hand has the session of that person; theirs is not ours to end.
    """
    own = value_of(pid)
    above = ancestors(pid)[1:]
    same = [one for one in above if value_of(one) == own]
    names = [(stat_of(one) or ("", "", 0))[0] for one in same]
    return own if own and len(same) < len(above) and all(name.startswith("sshd") for name in names) else ""


class Ending:
    """Finds and kills what came of a session.

    Attributes:
        mark: In the environment of all that was started in it and did not change its environment.
        audit: Its audit session; empty for none.
        scope: Its scope; empty for none.
    """

    def __init__(self, mark: str, audit: str, in_scope: str) -> None:
        self.mark = f"{MARK}={mark}\0"
        self.audit, self.scope = audit, in_scope
        self._spared = {os.getpid(), *ancestors(os.getpid())}
        self._refused: set[int] = set()

    def found(self) -> set[int]:
        """Every living process of the session."""
        parents = alive()
        below = {os.getpid()}
        grown = True
        while grown:
            more = {pid for pid, parent in parents.items() if parent in below} - below
            below |= more
            grown = bool(more)
        return {pid for pid in parents if pid in below or self._is_marked(pid)} - self._spared

    def end(self, grace: float) -> list[str]:
        """Hang up, wait a little, then kill until nothing is left; returns what is, in words."""
        for number in (signal.SIGHUP, signal.SIGCONT) if grace else ():
            self._send(self.found(), number)
        self._wait(grace)
        until = time.monotonic() + KILL_SECONDS
        while (found := self.found()) and time.monotonic() < until:
            self._send(found, signal.SIGSTOP)  # what is stopped starts no other
            self._send(found | self.found(), signal.SIGKILL)
            self._as_root()
            time.sleep(PAUSE_SECONDS)
            reap({})
        return [f"{pid} {(stat_of(pid) or ('?', '', 0))[0]}" for pid in sorted(found)]

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.found():
            time.sleep(PAUSE_SECONDS)
            reap({})

    def _send(self, pids: set[int], number: int) -> None:
        for pid in pids:
            try:
                os.kill(pid, number)
            except PermissionError:
                self._refused.add(pid)
            except ProcessLookupError:
                pass

    def _as_root(self) -> None:
        """What became another user's is killed by sudo, where the account has it."""
        sudo, kill = shutil.which("sudo", path=PROGRAMS), shutil.which("kill", path=PROGRAMS)
        still = sorted(self._refused & self.found())
        self._refused.clear()
        if sudo and kill and still:
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                subprocess.run(
                    [sudo, "-n", kill, "-KILL", *map(str, still)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=5,
                    check=False,
                )

    def _is_marked(self, pid: int) -> bool:
        return (
            bool(self.audit and audit_session(pid) == self.audit)
            or bool(self.scope and scope(pid) == self.scope)
            or self.mark in text_of(pid, "environ")
        )


def reap(ended: dict[int, int]) -> bool:
    """Bury dead children, ours and adopted ones, noting how they ended; whether any are left."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True
        ended[pid] = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


class Keeper:
    """One session."""

    def __init__(self, line: Line, begin: dict[str, object]) -> None:
        own = os.getpid()
        self.line = line
        self.ending = Ending(str(begin["mark"]), of_this_connection(own, audit_session), of_this_connection(own, scope))
        self.until = time.monotonic() + float(str(begin["ends_in"])) + LATE_SECONDS
        self.wake, wakened = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(wakened, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(wakened, warn_on_full_buffer=False)
        self.files = Files()
        variables = self.files.put(begin)
        self.program = Program(begin, variables)
        where = {"audit": self.ending.audit, "scope": self.ending.scope, "directory": self.files.directory}
        line.send_json(STARTED, where)

    def run(self) -> None:
        """Relay until something ends it, then end everything, and say so."""
        stopped = False
        while not stopped and self.program.status is None and not self._is_over():
            stopped = self._turn()
        self._bury()
        status = self.program.status  # of a program that ended by itself
        if status is not None:
            self._drain()  # what it said last
        left = self.ending.end(GRACE_SECONDS if status is None else 0.0)
        self.files.remove()
        more = self._bury()
        self._drain()
        proven = not left and not more
        self.line.send_json(DONE, {"status": status, "left": left[:20], "proven": proven})
        self.line.flush(DRAIN_SECONDS)

    def _is_over(self) -> bool:
        now = time.monotonic()
        return self.line.closed or now > self.until or now - self.line.heard_at > SILENCE_SECONDS

    def _turn(self) -> bool:
        """Wait for something and deal with it; True when the runner says stop."""
        program, line = self.program, self.line
        listening = [line.reading, self.wake]
        if len(line.waiting) < MOST_WAITING:
            listening += program.heard
        writing = [line.writing] if line.waiting else []
        writing += [program.fed] if program.fed is not None and (program.typed or program.no_more) else []
        ready, _, _ = select.select(listening, writing, [], 1.0)
        if self.wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self.wake, CHUNK)
            self._bury()
        frames = line.read() if line.reading in ready else []
        stopped = False
        for kind, content in frames:
            stopped = self._take(kind, content) or stopped
        for descriptor, kind in [one for one in program.heard.items() if one[0] in ready]:
            if said := program.hear(descriptor):
                line.send(kind, said)
        if taken := program.feed():
            line.send(TAKEN, str(taken).encode())
        line.write()
        return stopped

    def _take(self, kind: bytes, content: bytes) -> bool:
        if kind == INPUT:
            self.program.typed += content
        elif kind == EOF and self.program.terminal is None:
            self.program.no_more = True
        elif kind == RESIZE and self.program.terminal is not None:
            set_size(self.program.terminal, json.loads(content))
        elif kind == UNTIL:
            self.until = time.monotonic() + float(json.loads(content)["ends_in"]) + LATE_SECONDS
        elif kind == FILES:
            self.files.put(json.loads(content))
        return kind == STOP

    def _bury(self) -> bool:
        ended: dict[int, int] = {}
        more = reap(ended)
        self.program.status = ended.get(self.program.pid, self.program.status)
        return more

    def _drain(self) -> None:
        """Pass on what was said and not heard yet, while the runner takes it."""
        until = time.monotonic() + DRAIN_SECONDS
        while self.program.heard and not self.line.closed and time.monotonic() < until:
            ready, _, _ = select.select(list(self.program.heard), [], [], 0)
            if not ready:
                return
            for descriptor in ready:
                kind = self.program.heard[descriptor]
                if said := self.program.hear(descriptor):
                    self.line.send(kind, said)
            self.line.flush(DRAIN_SECONDS)


def sweep(line: Line, begin: dict[str, object]) -> None:
    """End what is left of a session whose keeper was killed, as far as it can still be known."""
    left = Ending(str(begin["mark"]), str(begin["audit"]), str(begin["scope"])).end(0.0)
    files = Files()
    files.directory = str(begin.get("directory") or "")
    files.remove()
    line.send_json(DONE, {"status": None, "left": left[:20], "proven": False})
    line.flush(DRAIN_SECONDS)


def first_frame(line: Line) -> dict[str, object] | None:
    """What is to be done; None when the runner went away before it said so."""
    until = time.monotonic() + SILENCE_SECONDS
    while not line.closed and time.monotonic() < until:
        if select.select([line.reading], [], [], 1.0)[0]:
            for kind, content in line.read():
                if kind == BEGIN:
                    begin: dict[str, object] = json.loads(content)
                    return begin
    return None


def leave_sshd() -> None:
    """Go on in a session of our own: a signal to what sshd started does not reach us. Who waits tells sshd the end."""
    child = os.fork()
    if child:
        for number in IGNORED:
            signal.signal(number, signal.SIG_IGN)
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        with contextlib.suppress(OSError):
            os.waitpid(child, 0)
        os._exit(0)
    os.setsid()


def main() -> None:
    """Keep one session."""
    leave_sshd()
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_DUMPABLE, 0)  # the person's own programs can't look into it, or steer it
    line = Line(0, 1)
    os.set_blocking(0, False)
    os.set_blocking(1, False)
    line.send(READY)
    line.flush(DRAIN_SECONDS)
    begin = first_frame(line)
    if begin is not None and begin.get("sweep"):
        sweep(line, begin)
    elif begin is not None:
        Keeper(line, begin).run()


if __name__ == "__main__":
    try:
        main()
    except OSError as trouble:
        sys.stderr.write(f"breakglass: {errno.errorcode.get(trouble.errno or 0, 'error')}: {trouble.strerror}\n")
        os._exit(97)
