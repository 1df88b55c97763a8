# SPDX-License-Identifier: GPL-3.0-or-later
"""Each role's README says what its two files in meta/ say, and its examples work."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import yaml
from tools.role_docs import (
    RolePapers,
    command_example,
    policy_example,
    read_papers,
    readme,
    remediation_roles,
)

from breakglass.policy.load import load_policy
from breakglass.remediations import Remediations

REPOSITORY = Path(__file__).parents[3]
ROLES = REPOSITORY / "roles"
NAMES = remediation_roles(ROLES)
SPEC = {
    "short_description": "Do C(it)",
    "description": ["Does it to O(do_it_what), V(a\\)b\\|c) and M(ansible.builtin.copy)."],
    "options": {
        "do_it_what": {"type": "list", "elements": "str", "required": True, "description": ["What.", "Or | who."]},
        "do_it_how": {"type": "str", "choices": ["hard", "soft"], "default": "", "description": "How."},
        "do_it_note": {"type": "str", "description": "A note."},
    },
}
BEHAVIOUR = {
    "idempotent": True,
    "disruptive": False,
    "expected_duration": "60s",
    "check_mode": "full",
    "holds_host": True,
    "parameters": {"do_it_what": "port"},
    "example": {"do_it_what": [80]},
    "does_not": ["It does not do that."],
}
PAPERS = RolePapers("do_it", SPEC, BEHAVIOUR, {"idempotent": "it looks first"}, has_playbook=False)


@pytest.mark.parametrize("name", NAMES)
def test_each_readme_is_what_its_role_says(name: str) -> None:
    """Nobody writes a README by hand, and nobody forgets it."""
    path = ROLES / name / "README.md"
    written = path.read_text(encoding="utf-8") if path.is_file() else ""
    if written != readme(read_papers(REPOSITORY, name)):
        pytest.fail(f"roles/{name}/README.md is not what roles/{name}/meta says: run `make role-docs` and commit it.")


@pytest.mark.parametrize("name", NAMES)
def test_each_example_is_one_that_the_role_takes(name: str, tmp_path: Path) -> None:
    """The policy of the README loads without a problem, and the command gives the same parameters."""
    papers = read_papers(REPOSITORY, name)
    file = tmp_path / "policy.yml"
    file.write_text(policy_example(papers), encoding="utf-8")
    policy = load_policy(file, channels={"platform-chat"}, remediations=Remediations(ROLES), groups={"web"})
    assert [trigger.name for trigger in policy.triggers] == [name.replace("_", "-")]
    example = papers.behaviour["example"]
    given = [json.loads(word) for word in shlex.split(command_example(papers)) if word.startswith("{")]
    assert given == ([example] if example else [])


@pytest.mark.parametrize("name", NAMES)
def test_each_role_says_what_it_does_not_do(name: str) -> None:
    """At least three sentences, each with an end, none twice."""
    said = read_papers(REPOSITORY, name).behaviour["does_not"]
    assert isinstance(said, list)
    assert len(said) >= 3
    assert len({*said}) == len(said)
    assert all(sentence.endswith(".") for sentence in said)


def test_a_reason_beside_a_behaviour_is_told() -> None:
    """What stands after the # of a line of meta/remediation.yml comes into the table."""
    assert read_papers(REPOSITORY, "restart_service").reasons["check_mode"].startswith('says "changed" exactly')
    assert "| yes | it looks first |" in readme(PAPERS)


@pytest.mark.parametrize(
    "line",
    [
        "Do `it`.",
        "- Does it to `do_it_what`, `a)b|c` and `ansible.builtin.copy`.",
        "| `do_it_what` | list of str | `port` | **required** | What. Or \\| who. |",
        '| `do_it_how` | str | one of `hard`, `soft` | `""` | How. |',
        "| `do_it_note` | str |  | none | A note. |",
        "- `port`: 1 to 65535",
        "| users may notice it (`disruptive`) | no |  |",
        "| holds the host against other triggers (`holds_host`) | yes |  |",
        "- It does not do that.",
        "    -e remediate_access=web-operator -e remediate_reason='why it is needed' -e remediate_role=do_it \\",
        "    -e '{\"do_it_what\": [80]}'",
    ],
)
def test_what_a_readme_says(line: str) -> None:
    """Ansible's markup becomes Markdown, tables hold whatever stands in them, and nothing is left out."""
    assert line in readme(PAPERS).splitlines()


def test_a_readme_of_a_role_without_parameters() -> None:
    """It has no table of them, and its examples give none."""
    spec = {key: value for key, value in SPEC.items() if key != "options"}
    papers = RolePapers("do_it", spec, {**BEHAVIOUR, "parameters": {}, "example": {}}, {}, has_playbook=True)
    text = readme(papers)
    assert "## Parameters\n\nNone.\n" in text
    assert command_example(papers).endswith("-e remediate_reason='why it is needed'")
    assert "breakglass.remediation.do_it " in command_example(papers)
    assert "parameters" not in yaml.safe_load(policy_example(papers))["triggers"][0]
