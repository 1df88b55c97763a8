# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/reference/commands.md: every command with its arguments, options and exit codes, as the parser has them.

python -m tools.commands_reference
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import typer.main
from tools.role_docs import REPOSITORY

from breakglass.cli.main import app

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCE: Final = REPOSITORY / "docs" / "reference" / "commands.md"
HEAD: Final = """<!-- SPDX-License-Identifier: GPL-3.0-or-later -->
<!-- Written by `make commands`; a test compares it with the commands. -->
# Commands

`breakglass COMMAND --help` says the same. `--json` prints one JSON document, or one a line where the command follows something, and nothing else on
standard output: progress, questions and errors go to standard error.

| exit code | means |
|---|---|
| 0 | done |
| 1 | it could not be done, and a sentence on standard error says why; also Ctrl-C |
| 3 | wrong use: an unknown command, option or argument |

Where a command has others, it says so. While a command waits for people, it tells who has approved and until when the question is open; Ctrl-C leaves
the request alive and says how to come back.
"""


def text() -> str:
    """The page as the file has it."""
    return "\n".join([HEAD, *_lines()])


def commands() -> dict[str, Any]:
    """Every command that does something, by its words, sorted."""
    return dict(sorted(_commands("breakglass", typer.main.get_command(app))))


def _commands(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None or command.invoke_without_command:
        yield words, command
    for name, one in (inner or {}).items():
        yield from _commands(f"{words} {name}", one)


def _lines() -> Iterator[str]:
    for words, command in commands().items():
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        options = [one for one in command.params if one.param_type_name == "option" and one.name != "help"]
        usage = " ".join([words, *(_usage(one) for one in arguments)])
        yield f"## {words}\n\n```text\n{usage}{' [OPTIONS]' if options else ''}\n```\n"
        yield "\n".join(line.strip() for line in (command.help or "").strip().splitlines()) + "\n"
        if arguments or options:
            yield "| | |\n|---|---|"
            yield from (f"| `{_usage(one)}` | {_cell(one.help)} |" for one in arguments)
            yield from (f"| `{'`, `'.join(one.opts)}` | {_cell(_told(one))} |" for one in options)
            yield ""


def _usage(argument: Any) -> str:
    return str(argument.metavar or (argument.name.upper() if argument.required else f"[{argument.name.upper()}]"))


def _told(option: Any) -> str:
    variable = f" Also {option.envvar}." if option.envvar else ""
    usual = (
        ""
        if option.is_flag or option.default in {None, "", ()} or callable(option.default)
        else f" Usually {option.default}."
    )
    return f"{option.help or ''}{' Needed.' if option.required else ''}{usual}{variable}".strip()


def _cell(words: str | None) -> str:
    return (words or "").replace("|", "\\|").replace("<", "&lt;").strip()


if __name__ == "__main__":
    REFERENCE.write_text(text(), encoding="utf-8")
