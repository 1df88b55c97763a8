# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command of README and guides: ours exist with each option that is shown; what is not ours is listed with a reason.

What the commands do is shown where they are run: tests/integration/cli/test_cli_*_guide.py and tests/e2e/test_first_alert_guide.py
take their blocks out of the guides.
"""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import typer
import yaml

from breakglass.cli.main import app

TREE = Path(__file__).parents[2]
PAGES = sorted(
    [
        TREE / "README.md",
        TREE / "CONTRIBUTING.md",
        *(TREE / "docs").rglob("*.md"),
        *(TREE / "roles").glob("*/README.md"),
    ]
)
BLOCK = re.compile(r"^```(?:console|sh|shell|bash)\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)", re.MULTILINE)
ASSIGNMENT = re.compile(r"[A-Z_]+=.*")
OF_OTHERS = {
    "amtool": "Alertmanager's own program; tests/e2e/test_guides.py runs it at a real one",
    "ansible-galaxy": "tests/trials/test_event_driven_ansible.py runs it with the tarball of this tree",
    "ansible-rulebook": "run by tests/trials/test_event_driven_ansible.py",
    "curl": "run by tests/e2e/test_api_guide.py against a runner",
    "export": "the shell's",
    "grep": "a tool of every machine; tests/e2e/test_guides.py runs it",
    "install": "coreutils; tests/e2e/test_guides.py runs it",
    "pip": "tests/trials/test_event_driven_ansible.py runs it",
    "pipx": "tests/trials/test_distribution.py runs it with the wheel of this tree",
    "printf": "the shell's",
    "psql": "PostgreSQL's own program; tests/e2e/test_guides.py runs it at a real one",
    "python": "tools/verify_journal.py, run by tests of both verifiers",
    "read": "the shell's",
    "rm": "the shell's",
    "sqlite3": "tests/e2e/test_guides.py runs it at the database of a runner",
    "umask": "the shell's",
    "systemctl": "needs systemd; tests/e2e/test_reload.py sends the same signal",
    "xargs": "a tool of every machine; tests/e2e/test_guides.py runs it",
    "vault": "Vault's own program; what it asks for is asked of a real OpenBao by tests of credentials and logins",
}
PLAYBOOK = "breakglass.remediation."


def _commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            found += [(str(page.relative_to(TREE)), text.replace("\\\n", " ")) for text in COMMAND.findall(block)]
    return found


def _parts(text: str) -> list[list[str]]:
    """The commands of a line, without assignments before them and what the shell makes of their output."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="()|&;<>")
    lexer.whitespace_split, lexer.commenters = True, "#"
    parts: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("()|&;"):
            parts.append([])
        else:
            parts[-1].append(word)
    return [_without_assignments(words) for words in parts if words]


def _without_assignments(words: list[str]) -> list[str]:
    while words and ASSIGNMENT.fullmatch(words[0]):
        words = words[1:]
    return words


COMMANDS = _commands()


def test_there_are_commands_to_look_at() -> None:
    """The pages show some hundred; fewer means that they are not found any more."""
    assert len(COMMANDS) > 80


@pytest.mark.parametrize(("page", "text"), COMMANDS, ids=[f"{page}: {text[:50]}" for page, text in COMMANDS])
def test_each_command_can_be_given(page: str, text: str) -> None:
    """Program, command, options, playbook and make target are there."""
    for program, *words in _parts(text):
        match program:
            case "breakglass":
                _assert_ours(words)
            case "ansible-playbook":
                _assert_playbook(words)
            case "make":
                targets = {line.split(":")[0] for line in (TREE / "Makefile").read_text(encoding="utf-8").splitlines()}
                assert {word for word in words if "=" not in word} <= targets, page
            case "ansible-doc":
                assert (TREE / "plugins" / "modules" / f"{words[-1].removeprefix(PLAYBOOK)}.py").is_file(), page
            case _:
                assert program in OF_OTHERS, (
                    f"{page}: what runs {program!r}? Let a test run it, or list it with a reason."
                )


def _assert_ours(words: list[str]) -> None:
    command = typer.main.get_command(app)
    while words and (inner := getattr(command, "commands", {}).get(words[0])):
        command, words = inner, words[1:]
    alone = getattr(command, "invoke_without_command", True) and not (words and words[0].isalpha())
    assert alone or not getattr(command, "commands", {}) or words == ["--help"], f"there is no command {words}"
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
    given = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert given <= known, f"no option of {command.name}: {given - known}"


def _assert_playbook(words: list[str]) -> None:
    for word in words:
        if word.startswith(PLAYBOOK):
            assert (TREE / "playbooks" / f"{word.removeprefix(PLAYBOOK)}.yml").is_file(), word
    for name in re.findall(r"(?:^|[\s'{\"])([a-z_]+)=", " ".join(words)):
        assert name in _documented() or name.startswith("ansible_"), f"no variable of ours: {name}"


@cache
def _documented() -> frozenset[str]:
    in_roles = {
        option
        for path in (TREE / "roles").glob("*/meta/argument_specs.yml")
        for option in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"].get("options", {})
    }
    playbooks = "".join(path.read_text(encoding="utf-8") for path in (TREE / "playbooks").glob("*.yml"))
    return frozenset(in_roles | {*re.findall(r"\b[a-z_]+\b", playbooks)})


def test_each_exception_is_still_needed() -> None:
    """A reason for what no page shows any more is no reason."""
    used = {words[0] for _page, text in COMMANDS for words in _parts(text)}
    assert set(OF_OTHERS) <= used, set(OF_OTHERS) - used
