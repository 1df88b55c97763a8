# SPDX-License-Identifier: GPL-3.0-or-later
"""People's sessions on hosts through the runner: real sshd, real grants; recorded, and ended with all that they started."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.session_site import address, granted, processes_with, session_office, terminal
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.office import Member, Office
    from tests.support.sshd import Sshd


@pytest.fixture(scope="module")
def room() -> Iterator[tuple[Office, Sshd]]:
    """One runner and one host for all."""
    with session_office() as made:
        yield made


@pytest.fixture(scope="module")
def office(room: tuple[Office, Sshd]) -> Office:
    """The runner's side."""
    return room[0]


@pytest.fixture(scope="module")
def ada(office: Office) -> Member:
    """She asks."""
    return office.hire("ada", "web-team")


@pytest.fixture
def request_(office: Office, ada: Member) -> Iterator[str]:
    """A request of hers whose grant is open; given back at the end, so that the next one gets the host."""
    made = granted(office, ada)
    yield made
    give_back(office, ada, made)


def test_a_shell_in_a_terminal_of_the_size_that_was_asked_for(office: Office, ada: Member, request_: str) -> None:
    """Its exit status comes back, and its record says what was shown, not what was typed."""
    request = request_
    with terminal(office, ada, request) as session:
        session.type("stty -echo; stty size; tty && echo is-a-terminal; exit 7\n")
        session.wait_for("30 100")
        session.wait_for("is-a-terminal")
        assert session.wait_for_end()["status"] == 7
    events = [event for event in office.site.events(request) if event.stream == "session-1"]
    assert [event.kind for event in (events[0], events[-1])] == ["session.opened", "session.ended"]
    assert events[-1].body["proven"] is True
    shown = "".join(str(event.body["text"]) for event in events if event.kind == "session.output")
    assert "is-a-terminal" in shown


def test_a_command_without_a_terminal(office: Office, ada: Member, request_: str) -> None:
    """Output and error output are two, its input is what is sent until its end, its exit status is the command's."""
    request = request_
    with terminal(office, ada, request, "cat; echo wrong >&2; test -t 0 || exit 9") as session:
        session.type("piped\n")
        session.socket.send('{"eof": true}')
        assert session.wait_for_end()["status"] == 9
    assert (session.output, session.errors) == (b"piped\n", b"wrong\n")
    opened = office.site.wait_for(request, "session.opened")[0].body
    assert (opened["person"], opened["host"], opened["command"]) == (
        "ada",
        "web1",
        "cat; echo wrong >&2; test -t 0 || exit 9",
    )


LEAVES = {
    "nohup": "nohup sleep {word} >/dev/null 2>&1 &",
    "a session of its own": "setsid sleep {word} &",
    "without its environment": "setsid env -i /bin/sleep {word} &",
    "deaf to hang-ups": "(trap '' HUP TERM INT; sleep {word}; sleep {word}) &",
    "a double fork": 'python3 -c "import os\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\n'
    "os.execvp('sleep', ['sleep', '{word}'])\"",
}


@pytest.mark.parametrize("way", LEAVES)
def test_what_leaves_its_shell_ends_with_the_session(office: Office, ada: Member, request_: str, way: str) -> None:
    """Whichever way a program goes, when the shell ends it is gone, and that is proven."""
    request, word = request_, f"30{list(LEAVES).index(way):03}"
    with terminal(office, ada, request) as session:
        session.type(
            f"{LEAVES[way].format(word=word)}\nuntil ps -ef | grep -q '[s]leep {word}'; do :; done; echo there-$((40 + 2))\n"
        )
        session.wait_for("there-42")
        assert processes_with(word)
        session.type("exit 0\n")
        session.wait_for_end()
    assert processes_with(word) == []
    assert office.site.wait_for(request, "session.ended")[0].body["proven"] is True


def test_a_grant_that_is_given_back_ends_every_session_under_it(office: Office, ada: Member, request_: str) -> None:
    """Also of a shell that ignores what hangs up; then the grant is revoked, and proven gone."""
    request = request_
    with terminal(office, ada, request) as one, terminal(office, ada, request) as other:
        one.type("trap '' HUP TERM INT; setsid sleep 30100 & echo ready-$((40 + 2))\n")
        one.wait_for("ready-42")
        other.type("echo ready-$((40 + 2))\n")
        other.wait_for("ready-42")
        assert office.call("DELETE", f"/requests/{request}", ada)[0] == 204
        for session in (one, other):
            assert "given back" in str(session.wait_for_end()["ended"])
    revoked = office.site.wait_for(request, "grant.revoked")[0].body
    assert (revoked["proven"], "SSH certificate" in str(revoked["remains"])) == (True, True)
    assert processes_with("30100") == []
    assert office.site.wait_for(request, "incident.closed")[0].body["result"] == "returned"
    office.site.wait_for(request, "session.ended", count=2)


def test_the_end_of_the_time_box_ends_the_session(office: Office, ada: Member) -> None:
    """It is warned of, comes in time, and the grant is proven gone after it."""
    request = granted(office, ada, seconds=65)
    with terminal(office, ada, request) as session:
        session.type("setsid sleep 30200 & echo ready-$((40 + 2))\n")
        session.wait_for("ready-42")
        session.wait_for_notice("1 minute left")
        ended = session.wait_for_end(120)
    assert "the time box is over" in str(ended["ended"])
    assert processes_with("30200") == []
    assert office.site.wait_for(request, "grant.revoked")[0].body["proven"] is True
    office.site.wait_for(request, "incident.closed")


def test_a_person_who_goes_away_leaves_nothing_behind(office: Office, ada: Member, request_: str) -> None:
    """A line that is cut ends the session like an exit; the grant stays open."""
    request = request_
    with terminal(office, ada, request) as session:
        session.type("setsid sleep 30300 & echo ready-$((40 + 2))\n")
        session.wait_for("ready-42")
    ended = office.site.wait_for(request, "session.ended")[0].body
    assert ("was closed" in str(ended["why"]), ended["proven"], processes_with("30300")) == (True, True, [])
    assert office.call("GET", f"/requests/{request}", ada)[1]["state"] == "running"


def test_a_keeper_that_is_killed_is_told(office: Office, ada: Member, request_: str) -> None:
    """What can still be found is ended; that nothing else goes on nobody can prove, and people are called."""
    request = request_
    with terminal(office, ada, request) as session:
        session.type("setsid sleep 30400 & echo ready-$((40 + 2))\n")
        session.wait_for("ready-42")
        session.type("kill -9 $PPID\n")
        assert "nobody can prove" in str(session.wait_for_end()["ended"])
    assert processes_with("30400") == []
    ended = office.site.wait_for(request, "session.ended")[0].body
    assert (ended["proven"], "was killed there" in str(ended["left"])) == (False, True)
    office.call("DELETE", f"/requests/{request}", ada)
    assert "nobody can prove" in str(office.site.wait_for(request, "escalation.begun")[0].body["why"])


@pytest.mark.parametrize("how", ["disabled", "out of the group"])
def test_a_person_who_is_disabled_or_leaves_the_group_is_put_out(
    office: Office, ada: Member, request_: str, how: str
) -> None:
    """In the middle of a session: Vault knows it, and soon the session does."""
    with terminal(office, ada, request_) as session:
        session.type("setsid sleep 30600 & echo ready-$((40 + 2))\n")
        session.wait_for("ready-42")
        if how == "disabled":
            office.admin.post(f"identity/entity/id/{ada.entity}", {"disabled": True})
        else:
            office.leave(ada, "web-team")
        try:
            assert "disabled in Vault or no longer in web-team" in str(session.wait_for_end(60)["ended"])
        finally:
            office.admin.post(f"identity/entity/id/{ada.entity}", {"disabled": False})
            if how != "disabled":
                office.join(ada, "web-team")
    assert processes_with("30600") == []


def test_who_may_open_a_session(office: Office, ada: Member, request_: str) -> None:
    """Who asked for the grant, for its hosts, while it is open; nobody and nothing else."""
    request = request_
    bob = office.hire("bob", "web-team")
    assert refused(office, office.identity_token(bob), request, "web1") == 404
    assert refused(office, office.identity_token(ada), request, "db1") == 403
    assert refused(office, "not-a-token", request, "web1") == 401
    office.call("DELETE", f"/requests/{request}", ada)
    office.site.wait_for(request, "incident.closed")
    assert refused(office, office.identity_token(ada), request, "web1") == 409


def test_a_flood_is_recorded_whole_in_pieces(office: Office, ada: Member, request_: str) -> None:
    """Every byte is in the record; no record has more than a cap."""
    request = request_
    with terminal(office, ada, request, "head -c 3000000 /dev/zero | tr '\\0' x") as session:
        session.wait_for_end()
    assert session.output == b"x" * 3_000_000
    texts = [str(event.body["text"]) for event in office.site.events(request) if event.kind == "session.output"]
    assert ("".join(texts) == "x" * 3_000_000, max(map(len, texts)) <= 2 * 16384) == (True, True)


def test_a_session_that_cannot_be_recorded_ends(office: Office, ada: Member, request_: str) -> None:
    """Somebody writes into its record: nothing more is shown, and nothing stays on the host."""
    request = request_
    with terminal(office, ada, request) as session:
        session.type("setsid sleep 30500 & echo ready-$((40 + 2))\n")
        session.wait_for("ready-42")
        path = next(office.site.place.journal.glob(f"*/*/*/{request}/session-1.jsonl"))
        before = path.read_bytes()
        with path.open("ab") as stream:
            stream.write(b"x")
        session.type("echo secret-$((40 + 3))\n")
        assert "can't be written" in str(session.wait_for_end()["ended"])
    path.write_bytes(before)
    assert (b"secret-43" in session.output, processes_with("30500")) == (False, [])


def give_back(office: Office, who: Member, request: str) -> None:
    """The grant is done with, and its host free."""
    office.call("DELETE", f"/requests/{request}", who)
    office.site.wait_for(request, "incident.closed")


def refused(office: Office, token: str, request: str, host: str) -> int:
    """The status with which a session is refused."""
    with (
        pytest.raises(InvalidStatus) as error,
        connect(address(office, request, host), additional_headers={"Authorization": f"Bearer {token}"}, proxy=None),
    ):
        pass
    return int(error.value.response.status_code)
