# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference page of the commands: as the parser has them, and what holds for all of them."""

from __future__ import annotations

import pytest
from tools.commands_reference import REFERENCE, commands, text

WITHOUT_JSON = {
    "breakglass init": "asks, and writes files",
    "breakglass serve": "is a service",
    "breakglass ssh": "is a terminal",
    "breakglass with": "its output is the command's",
    "breakglass credential": "prints JSON always",
    "breakglass replay": "plays",
    "breakglass remediation new": "writes files",
    "breakglass policy show": "prints YAML",
    "breakglass policy graph": "prints Mermaid",
    "breakglass policy schema": "prints JSON always",
    "breakglass settings schema": "prints JSON always",
    "breakglass vault enrol": "shows a secret once",
    "breakglass vault authority switch": "asks, and changes Vault; `show` says how it stands",
    "breakglass vault authority finish": "asks, and changes Vault; `show` says how it stands",
    "breakglass audit report": "prints what --format says",
    "breakglass audit export": "prints what --format says",
    "breakglass audit ship": "is a service",
    "breakglass audit archive": "moves files",
    "breakglass audit key": "writes files",
}


def test_the_page_is_as_the_commands_are() -> None:
    """`make commands` writes it."""
    assert REFERENCE.read_text(encoding="utf-8") == text()


def test_what_shows_something_has_json() -> None:
    """But for those that are named here with a reason."""
    without = {words for words, command in commands().items() if "--json" not in _options(command)}
    assert without == set(WITHOUT_JSON)


@pytest.mark.parametrize("words", commands())
def test_every_command_and_option_says_what_it_is_for(words: str) -> None:
    """In a sentence of its own."""
    command = commands()[words]
    assert (command.help or "").strip().partition("\n")[0].endswith(".")
    for parameter in command.params:
        assert parameter.name == "help" or (parameter.help or "").strip(), parameter.name


def _options(command: object) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts}  # type: ignore[attr-defined]
