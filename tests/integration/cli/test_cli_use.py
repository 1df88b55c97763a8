# SPDX-License-Identifier: GPL-3.0-or-later
"""The command as such: its help, wrong use, and what it does not load."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from breakglass.client.login_file import KeptLogin, forget_login, keep_login, login_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.cli.conftest import Command

COMMANDS = (
    *("init", "doctor", "serve", "demo", "version", "policy", "settings", "vault", "audit", "hold", "holds", "hosts"),
    *("grants", "revoke", "incidents", "ack", "cancel", "close", "retry", "drill", "remediation"),
    *("login", "logout", "whoami", "request", "release", "extend", "ssh", "replay", "with", "credential"),
    *("approvals", "approve", "deny", "reviews", "review"),
    *("show", "watch", "report", "handover"),
)
COSTLY = ("ansible", "ansible_runner", "apprise", "cryptography", "hvac", "pydantic", "sqlalchemy", "starlette", "yaml")
WRONG = (
    ("nonsense",),
    ("--nonsense",),
    ("policy", "check"),
    ("audit", "verify"),
    ("serve", "--settings"),
)


def test_help_names_every_command(breakglass: Command) -> None:
    """`--help` exits 0 and names every command with what it is for."""
    shown = breakglass("--help")

    assert shown.returncode == 0
    assert shown.stderr == ""
    lines = {line.split()[0]: line for line in shown.stdout.partition("Commands:")[2].splitlines() if line.strip()}
    assert set(lines) == set(COMMANDS)
    assert all(len(line.split()) > 2 for line in lines.values())


def test_help_loads_nothing_costly() -> None:
    """The command line alone loads none of the libraries that a command may need, so that help is quick."""
    program = f"import sys, breakglass.cli.main; print(sorted(set({COSTLY!r}) & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_wrong_use_exits_3(breakglass: Command, arguments: tuple[str, ...]) -> None:
    """A command that does not exist, or one that is used wrongly, exits 3 and says on standard error what is wrong."""
    refused = breakglass(*arguments)

    assert refused.returncode == 3
    assert "Error: " in refused.stderr
    assert refused.stdout == ""


AS_INSTALLED = "import sys; sys.argv = ['breakglass']; from breakglass.cli.main import main; main()"


def completed(words: str, environment: dict[str, str]) -> list[str]:
    """What bash is offered behind the last of these words."""
    asking = {
        "_BREAKGLASS_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", AS_INSTALLED],
        env=environment | asking,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_the_shell_completes_commands_and_options(breakglass: Command) -> None:
    """Also of groups; and what it has to add for that is printed."""
    assert completed("breakglass ho", breakglass.environment) == ["holds", "hold", "hosts"]
    assert completed("breakglass policy ex", breakglass.environment) == ["explain"]
    assert "--reason" in completed("breakglass deny --re", breakglass.environment)
    told = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # else it is for the shell that the tests run in
    shown = breakglass("--show-completion", "bash", environment=told)
    assert (shown.returncode, "COMP_WORDS" in shown.stdout) == (0, True)


def test_a_shell_is_not_kept_waiting(breakglass: Command) -> None:
    """Who is asked answers without end; then there is nothing to offer, and nothing is said."""
    with endless() as url:
        path = login_path(breakglass.environment)
        keep_login(path, KeptLogin(runner=url, runner_ca="", vault=url, vault_ca="", namespace="", token="t"))
        try:
            assert completed("breakglass request ", breakglass.environment) == []
        finally:
            forget_login(path)


@contextmanager
def endless() -> Iterator[str]:
    """A server that goes on with its answer until this block is left, so that no limit of a single read ends the wait."""
    over = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            line, _ = server.accept()
            with line:
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
                while not over.wait(0.2):
                    line.sendall(b" ")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        over.set()
        thread.join(10)


def test_without_a_login_nothing_is_offered_and_nothing_is_said(breakglass: Command) -> None:
    """A shell that completes is not disturbed."""
    for words in (
        "breakglass approve ",
        "breakglass release ",
        "breakglass ssh ",
        "breakglass review ",
        "breakglass with ",
    ):
        assert completed(words, breakglass.environment) == []
