# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner's socket with real users of this machine at its other end."""

from __future__ import annotations

import grp
import json
import os
import pwd
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.traces import wait_until

from breakglass.domain.holds import Scope
from breakglass.holding import Holding, Target, UnusableHold
from breakglass.local_socket.asking import AskRunner, NobodyListens, RefusedByRunner
from breakglass.local_socket.listening import LocalSocket
from breakglass.local_socket.place import Place
from breakglass.local_socket.wire import LONGEST_LINE
from breakglass.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

ME = pwd.getpwuid(os.getuid()).pw_name
EVERYTHING = Target(Scope.ALL, ("",))
GROUP = "games"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
# A client that needs nothing but Python: it sends one line, and prints what is answered.
CLIENT = """
import socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    try:
        connection.connect(sys.argv[1])
        connection.sendall(sys.argv[2].encode() + b"\\n")
        print(connection.makefile().readline(), end="")
    except PermissionError as error:
        print(error)
"""
HOLD = json.dumps({"verb": "hold", "scope": "all", "names": [""], "reason": "stop", "caller": "root"})


class Here:
    """A socket that is listened at, in a directory that everybody may enter."""

    def __init__(self, directory: Path, group: str = "") -> None:
        self.directory = directory
        self.database = Database.open(f"sqlite:///{directory}/breakglass.db")
        self.holding = Holding(self.database, lambda _: frozenset({"web1"}))
        self.place = Place(directory / "control" / "runner", group)
        self.listening = LocalSocket(self.place, self.holding)
        self.ask = AskRunner(self.place)

    def start(self) -> None:
        """Listen, and wait until somebody can come."""
        self.listening.start()
        wait_until(lambda: self.place.identity() or self.listening.trouble, 10, "nobody listens")

    def as_user(self, user: str, said: str, *groups: str) -> str:
        """What another user of this machine is answered."""
        who = pwd.getpwnam(user)
        become = ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}"]
        ids = ",".join(str(grp.getgrnam(group).gr_gid) for group in groups)
        become.append(f"--groups={ids}" if groups else "--clear-groups")
        python = [shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable, "-I", "-c", CLIENT]
        ended = subprocess.run(
            [*become, *python, str(self.place.path), said],
            capture_output=True, text=True, timeout=30, check=False, cwd="/",
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


@pytest.fixture
def directory() -> Iterator[Path]:
    """Where every user may go, which is not so of pytest's own directories; and where umask makes no difference."""
    made = Path(tempfile.mkdtemp(prefix="bg-"))
    made.chmod(0o755)
    before = os.umask(0o022)
    yield made
    os.umask(before)
    shutil.rmtree(made)


@pytest.fixture
def here(directory: Path) -> Iterator[Here]:
    made = Here(directory)
    made.start()
    yield made
    made.listening.stop()
    made.database.close()


@pytest.fixture
def of_a_group(directory: Path) -> Iterator[Here]:
    made = Here(directory, GROUP)
    made.start()
    yield made
    made.listening.stop()
    made.database.close()


def test_the_buttons_over_the_socket(here: Here) -> None:
    """Hold, list, lift, revoke: what is set by one way is seen by the other, in the name of whoever the kernel says."""
    (made,) = here.ask.set(EVERYTHING, "change freeze")
    assert (made.person, made.reason, made.what) == (ME, "change freeze", "everything")
    assert here.ask.standing() == here.holding.standing() == [made]
    assert here.ask.lift(EVERYTHING, "it is over") == [made]
    assert here.ask.revoke_all("stolen laptop") == []
    assert [hold.reason for hold in here.holding.standing()] == ["stolen laptop"]
    assert here.ask.grants([]) == []


def test_who_came_by_sudo(here: Here) -> None:
    """Root may say who has called; nobody else is asked about that."""
    (made,) = AskRunner(here.place, "ada").set(EVERYTHING, "freeze")
    assert made.person == ("ada (as root)" if os.geteuid() == 0 else ME)


@pytest.mark.parametrize(
    ("press", "sentence"),
    [
        (lambda ask: ask.set(EVERYTHING, " "), "with a reason"),
        (lambda ask: ask.set(EVERYTHING, "x" * 501), "501 characters"),
        (lambda ask: ask.set(Target(Scope.HOST, ("web11",)), "x"), 'web11 is not in the inventory.*Did you mean "web1"'),
        (lambda ask: ask.lift(EVERYTHING, "x"), "No hold is set on everything"),
        (lambda ask: ask.set(Target(Scope.HOST, ("",)), "x"), "names do not fit their scope"),
        (lambda ask: ask.set(Target(Scope.ALL, ("web1",)), "x"), "names do not fit their scope"),
        (lambda ask: ask.set(Target(Scope.HOST, ()), "x"), "names do not fit their scope"),
        (lambda ask: ask.revoke("INC-NONE00", "x"), "There is no incident INC-NONE00"),
        (lambda ask: ask.revoke_all(""), "with a reason"),
    ],
)  # fmt: skip
def test_what_the_runner_refuses(here: Here, press: object, sentence: str) -> None:
    """Its own sentence comes back, and nothing is changed; never does a name that is missing mean everything."""
    with pytest.raises(RefusedByRunner, match=sentence):
        press(here.ask)  # type: ignore[operator]
    assert here.holding.standing() == []


@as_root
def test_another_user_can_not_come_near(here: Here) -> None:
    """The directory is closed to all but the runner's user, so the kernel refuses already the way to it."""
    assert stat.S_IMODE(here.place.path.parent.stat().st_mode) == 0o700
    assert "Permission denied" in here.as_user("nobody", HOLD)
    assert here.holding.standing() == []


@as_root
def test_another_user_is_refused_by_what_the_kernel_says_of_him(here: Here) -> None:
    """Also where somebody has opened directory and socket to all: whoever is not meant is refused, and may claim what he likes."""
    here.place.path.parent.chmod(0o755)
    here.place.path.chmod(0o666)
    answer = json.loads(here.as_user("nobody", HOLD))
    assert answer == {
        "refused": "The runner does not take this from nobody: only from root and its own user. Nothing was changed."
    }
    assert json.loads(here.as_user("nobody", HOLD, GROUP)) == answer, "a group that the settings do not name"
    assert here.holding.standing() == []


@as_root
def test_members_of_the_group_may(of_a_group: Here) -> None:
    """By a supplementary group too; they are named, and can't pass for somebody else. Others still may not come near."""
    here = of_a_group
    assert stat.S_IMODE(here.place.path.parent.stat().st_mode) == 0o750
    assert stat.S_IMODE(here.place.path.stat().st_mode) == 0o660
    answer = json.loads(here.as_user("nobody", HOLD, GROUP))
    assert [hold["person"] for hold in answer["holds"]] == ["nobody"]
    assert [hold.person for hold in here.holding.standing()] == ["nobody"]
    assert "Permission denied" in here.as_user("nobody", HOLD)
    here.place.path.parent.chmod(0o755)
    here.place.path.chmod(0o666)
    assert "members of the group games" in json.loads(here.as_user("nobody", HOLD))["refused"]


def test_a_group_that_is_not_there(directory: Path) -> None:
    """The runner works without its socket, and says what is wrong with it."""
    here = Here(directory, "no-such-group")
    here.start()
    assert here.listening.trouble == "There is no group no-such-group on this machine; see `socket.group`."
    here.listening.stop()
    with pytest.raises(NobodyListens, match=r"No runner answers at .*/control/runner"):
        here.ask.standing()
    here.database.close()


@as_root
def test_a_directory_of_somebody_else(directory: Path) -> None:
    """It is not used: whoever owns it could stand in for the runner."""
    (directory / "control").mkdir()
    os.chown(directory / "control", pwd.getpwnam("nobody").pw_uid, -1)
    here = Here(directory)
    here.start()
    assert "is not a directory of the runner's own user" in here.listening.trouble
    here.listening.stop()
    here.database.close()


def test_a_socket_that_a_dead_runner_left(directory: Path) -> None:
    """It is taken away, and a new one stands there; the one of a runner that lives is not."""
    (directory / "control").mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(directory / "control" / "runner"))
    here = Here(directory)
    here.listening.start()
    wait_until(lambda: _answers(here), 10, "nobody answers")
    other = LocalSocket(here.place, here.holding)
    other.start()
    wait_until(lambda: other.trouble, 10, "it has taken the place of one that lives")
    assert "Another process listens at" in other.trouble
    other.stop()
    assert here.ask.standing() == []
    here.listening.stop()
    assert not here.place.path.exists()
    here.database.close()


def test_a_socket_that_was_taken_away_comes_back(here: Here) -> None:
    """A cleaner of directories does not keep people from the button."""
    here.place.path.unlink()
    wait_until(lambda: _answers(here), 20, "nobody answers")


def test_a_path_that_is_too_long_for_an_address(directory: Path) -> None:
    """The address of a local socket has 107 bytes; the path may have more."""
    deep = directory / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    here = Here(deep)
    here.start()
    assert here.ask.standing() == []
    here.listening.stop()
    here.database.close()


@pytest.mark.parametrize(
    "said",
    [b"\n", b"[]\n", b"{\n", b'{"verb": "' + b"x" * 70_000 + b'"}\n', b'{"verb": 7}\n', b"\xff\n", b"[" * 50_000 + b"\n",
     b'{"verb": "hold", "scope": "host", "names": "web1"}\n', b'{"verb": "hold", "scope": "moon", "names": ["web1"]}\n',
     b'{"verb": "grants", "incidents": [1]}\n', b'{"verb": "holds", "verb": "holds"}\n'],
)  # fmt: skip
def test_bad_input_is_refused_with_a_sentence(here: Here, said: bytes) -> None:
    """Whatever is said, the answer is one line with a refusal, and the next one is heard."""
    with here.place.connect(5) as connection:
        connection.sendall(said)
        answer = json.loads(connection.makefile().readline())
    assert answer["refused"]
    assert "fault of ours" not in answer["refused"]
    assert here.ask.standing() == []


def test_who_says_nothing_or_too_much_keeps_nobody_out(here: Here) -> None:
    """Eight that are silent fill the places for a few seconds at most; a line without end is cut off."""
    silent = [here.place.connect(5) for _ in range(20)]
    wait_until(lambda: _answers(here), 20, "nobody answers")
    for connection in silent:
        connection.close()
    with here.place.connect(10) as connection, suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(b"x" * (LONGEST_LINE + 100_000))
        assert "too long" in json.loads(connection.makefile().readline())["refused"]


def test_twenty_at_once(here: Here) -> None:
    """Every press that was answered counts, once."""
    done: list[str] = []

    def press(number: int) -> None:
        with suppress(NobodyListens):  # the places were taken; the command would turn to the database
            done.append(here.ask.set(EVERYTHING, f"press {number}")[0].reason)

    threads = [threading.Thread(target=press, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) >= 8
    assert sorted(hold.reason for hold in here.holding.standing()) == sorted(done)


def test_a_target_is_never_empty() -> None:
    """As on the command line."""
    with pytest.raises(UnusableHold, match="never means everything"):
        Target.of([""], [], everything=False)


def _answers(here: Here) -> bool:
    with suppress(NobodyListens):
        return here.ask.standing() == []
    return False
