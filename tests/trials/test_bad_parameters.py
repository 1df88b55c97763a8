# SPDX-License-Identifier: GPL-3.0-or-later
"""What is no name, path or number is refused by each remediation, for each of its parameters, before anything is done."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.integration.roles.test_restart_service import Bench
from tests.support.corpus import HOSTILE
from tools.role_docs import remediation_roles

if TYPE_CHECKING:
    from collections.abc import Mapping

ROLES = Path(__file__).parents[2] / "roles"
PLAIN = re.compile(r"[A-Za-z0-9@._:+,/= -]*", re.ASCII)
# The last three look like a slash, an e and the digits of a number, and are not.
BAD = [
    "../x",
    "/srv/../etc",
    "a;reboot",
    "/srv/*",
    "[a-z]",
    "",
    "a" * 10_000,
    "a\nb",
    "\uff0fetc",
    "nginx\u0435",
    "\uff11\uff12",
]
ANYTHING = "argument"  # a word of a command that no shell reads; what it may be is said where the policy is written
# Where neither SSH nor Python is: whatever came that far would end in another sentence.
NOWHERE = {"ansible_connection": "local", "ansible_python_interpreter": "/nonexistent/python"}


def _read(role: str, file: str) -> Mapping[str, dict[str, object]]:
    return dict(yaml.safe_load((ROLES / role / "meta" / file).read_text(encoding="utf-8")))


def _cases(role: str) -> list[tuple[str, object]]:
    """Each parameter with each bad value, one of them also with the corpus; a list gets it as its only item, and a default says nothing."""
    options = _read(role, "argument_specs.yml")["argument_specs"]["main"]["options"]  # type: ignore[index]
    corpus = [value for _, value in HOSTILE if isinstance(value, str) and not PLAIN.fullmatch(value)]
    found: list[tuple[str, object]] = []
    kinds = _read(role, "remediation.yml").get("parameters", {})
    named = [name for name, kind in kinds.items() if kind != ANYTHING]
    for number, name in enumerate(named):
        option = options[name]
        for text in [*BAD, *(corpus if number == 0 else [])]:
            value = [text] if option["type"] == "list" else text
            if value != option.get("default"):
                found.append((name, value))
    return found


@pytest.mark.parametrize("role", remediation_roles(ROLES))
def test_each_parameter_of_each_remediation(role: str, tmp_path: Path) -> None:
    """Upwards, shell, globs, nothing at all, 10,000 characters, look-alikes, and the corpus: a sentence that names the parameter."""
    cases = _cases(role)
    example = _read(role, "remediation.yml").get("example", {})
    hosts = {f"h{number}": {**NOWHERE, **example, "number": number} for number in range(len(cases))}
    hosts["well"] = NOWHERE  # a play of which nobody is left would be the last one
    plays = [
        {
            "hosts": ",".join(["well", *(f"h{number}" for number, (its, _) in enumerate(cases) if its == name)]),
            "gather_facts": False,
            "tasks": [
                {
                    "ansible.builtin.include_role": {"name": f"breakglass.remediation.{role}"},
                    "vars": {name: "{{ bad[number] }}"},
                    "when": "inventory_hostname != 'well'",
                }
            ],
        }
        for name in dict.fromkeys(name for name, _ in cases)
    ]
    bench = Bench(tmp_path, hosts, within_seconds=500)
    outcome = bench.run({"bad": [value for _, value in cases]}, play=json.dumps(plays))
    said = _said(outcome.text)
    assert sorted(said) == list(range(len(cases))), outcome.text
    wrong = [(*cases[number], text) for number, text in said.items() if not _is_about(cases[number][0], text)]
    assert wrong == []
    assert not list(tmp_path.rglob("CANARY"))


def _is_about(name: str, text: str) -> bool:
    return re.search(rf"{name}\b.* (?:is|has|takes|must) ", text) is not None


def _said(text: str) -> dict[int, str]:
    """What each host was told."""
    return {
        int(host): said
        for host, said in re.findall(r"^fatal: \[h(\d+)\]: FAILED! => (.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    }
