# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass serve`: what keeps it from starting is one sentence; what it can wait for does not keep it."""

from __future__ import annotations

import json
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
import yaml

from breakglass.demo import alertmanager
from breakglass.demo.installation import Installation, write_inventory, write_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.cli.conftest import Call, Command

NOWHERE = "http://127.0.0.1:9"
"""Nobody listens there."""
LIMIT_SECONDS = 30


@dataclass
class Place:
    """The files of an installation without any Vault; nothing runs but what a test starts."""

    files: Installation
    token: str

    def change(self, change: Callable[[dict[str, object]], object]) -> None:
        """Edit the settings."""
        settings = yaml.safe_load(self.files.settings.read_text(encoding="utf-8"))
        change(settings)
        self.files.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")


@pytest.fixture
def place() -> Iterator[Place]:
    """Files as a person would write them, in a directory with a short name: sockets of ssh stand below it."""
    with TemporaryDirectory(prefix="bg-") as directory:
        yield written(Installation(Path(directory) / "site", Path(directory)))


def written(files: Installation) -> Place:
    """Write the files of an installation."""
    files.directory.mkdir(parents=True)
    token = write_settings(files, NOWHERE, "json://127.0.0.1:9/")
    write_inventory(files, 1, ["/bin/true"], ["/bin/true"], "http://127.0.0.1:9/")
    for name in ("role_id", "secret_id"):
        files.secret(name).touch(mode=0o600)
        files.secret(name).write_text(name)
    return Place(files, token)


@contextmanager
def serving(breakglass: Command, place: Place) -> Iterator[str]:
    """Run the runner, whose address this is, and ask it to stop at the end, which it does in good order."""
    with (place.files.scratch / "runner.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "breakglass.cli.main", "serve", "--settings", str(place.files.settings)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=breakglass.environment,
        )
    with process:
        assert process.stdout
        try:
            assert select.select([process.stdout], [], [], LIMIT_SECONDS)[0], "it said nothing"
            yield process.stdout.readline().decode().split()[1]
            process.send_signal(signal.SIGTERM)
            assert process.wait(LIMIT_SECONDS) == 0
        finally:
            process.kill()


def refused(command: Command | Call, place: Place) -> str:
    """The sentence with which it refuses to start."""
    ended = command("serve", "--settings", place.files.settings)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("breakglass: ")
    return ended.stderr


def problem(request: str | urllib.request.Request) -> tuple[int, str]:
    """Status and sentence of an answer that is a problem."""
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(request, timeout=LIMIT_SECONDS)
    with raised.value as error:
        return error.code, str(json.load(error)["detail"])


def test_missing_settings(call: Call, tmp_path: Path) -> None:
    """Settings that are not there are named."""
    ended = call("serve", "--settings", tmp_path / "none.yml")

    assert ended.returncode == 1
    assert "none.yml" in ended.stderr
    assert "No such file or directory" in ended.stderr


def test_every_fault_of_the_settings_is_told(call: Call, place: Place) -> None:
    """Bad settings are refused with file, line and sentence of each fault: typo, clear text, what is not built yet."""
    text = place.files.settings.read_text(encoding="utf-8")
    text = text.replace("listen: 127.0.0.1:0", "listen: 0.0.0.0:8443").replace("inventory:", "inventry:")
    text = text.replace(NOWHERE, "http://vault.example.com:8200")
    place.files.settings.write_text(text + "people: {identity_role: breakglass}\nsinks: {siem: {}}\n", encoding="utf-8")
    said = refused(call, place)

    assert f"{place.files.settings}:" in said
    assert "inventry" in said
    assert 'Did you mean "inventory"?' in said
    assert "Tokens would travel in clear text" in said
    assert "not supported yet" in said


@pytest.mark.parametrize("name", ["policy", "inventory"])
def test_missing_file(call: Call, place: Place, name: str) -> None:
    """A policy or an inventory that is not there keeps the runner from starting, and is named."""
    path: Path = getattr(place.files, name)
    path.unlink()

    assert str(path) in refused(call, place)


def test_bad_policy(call: Call, place: Place) -> None:
    """A policy with a fault keeps the runner from starting, with the place of the fault."""
    text = place.files.policy.read_text(encoding="utf-8")
    place.files.policy.write_text(text.replace("escalation: on-call", "escalation: on-cal"), encoding="utf-8")

    assert f"{place.files.policy}:16: " in refused(call, place)


def test_place_that_is_no_directory(breakglass: Command, place: Place) -> None:
    """A journal whose directory can't be made keeps the runner from starting: nothing is done without a record."""
    place.change(lambda settings: settings.update(journal={"directory": str(place.files.policy)}))

    assert str(place.files.policy) in refused(breakglass, place)


def test_run_directory_that_is_too_long(breakglass: Command, tmp_path: Path) -> None:
    """Sockets of ssh need short paths: a run directory that would only fail at the first repair is refused at once."""
    place = written(
        Installation(tmp_path / "site", tmp_path / "a-name-that-is-longer-than-any-socket-of-ssh-may-have-it")
    )

    said = refused(breakglass, place)
    assert "too long for the sockets of ssh" in said
    assert "run_directory" in said


def test_port_in_use(breakglass: Command, place: Place) -> None:
    """A port that somebody else has is named, with what to do."""
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        place.change(lambda settings: settings.update(listen=f"127.0.0.1:{port}"))
        said = refused(breakglass, place)

    assert f"can't listen on 127.0.0.1:{port}: Address already in use" in said
    assert "Change `listen` in the settings" in said


def test_second_runner(breakglass: Command, place: Place) -> None:
    """A second runner on the same database refuses to start, and the first one does not notice."""
    with serving(breakglass, place) as url:
        assert "Another runner works on" in refused(breakglass, place)
        with urllib.request.urlopen(f"{url}/healthz", timeout=LIMIT_SECONDS) as answer:
            assert answer.status == 200


def test_what_it_can_wait_for_is_told_by_readyz(breakglass: Command, place: Place) -> None:
    """Without a Vault, and with a secret that others may read, the runner starts, takes alerts, and says what is wrong."""
    place.files.secret("secret_id").chmod(0o644)
    with serving(breakglass, place) as url:
        deadline = time.monotonic() + LIMIT_SECONDS
        while "is open to others" not in (said := problem(f"{url}/readyz"))[1]:
            assert time.monotonic() < deadline, said
        incident = alertmanager.post(url, place.token, alertmanager.webhook("firing", datetime.now(UTC)))

    assert said[0] == 503
    assert f"Close it: chmod 600 {place.files.secret('secret_id')}" in said[1]
    assert incident.startswith("INC-")


def test_sender_that_cannot_be_checked_is_asked_to_come_again(breakglass: Command, place: Place) -> None:
    """With the token file gone the answer is 503, which Alertmanager sends again after, and not 401, which it drops."""
    place.files.secret("alertmanager").unlink()
    with serving(breakglass, place) as url:
        request = urllib.request.Request(
            f"{url}/webhooks/alertmanager", b"{}", {"Authorization": f"Bearer {place.token}"}
        )
        status, said = problem(request)

    assert status == 503
    assert "can't be read: No such file or directory" in said
    assert place.token not in said
