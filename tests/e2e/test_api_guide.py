# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide to the API: its calls, as they stand there, against a real runner."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.e2e.test_approvals import POLICY
from tests.support.command_blocks import blocks
from tests.support.guide_grounds import put_programs
from tests.support.office import Member, Office, open_office

if TYPE_CHECKING:
    from collections.abc import Iterator

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "api.md"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
CALL = re.compile(r"^\$ (curl (?:.*\n)(?:    .*\n)*)(\{.*\})?", re.MULTILINE)
CALLS = [
    (call.strip(), answer)
    for block in BLOCK.findall(GUIDE.read_text(encoding="utf-8"))
    for call, answer in CALL.findall(block)
]
REQUEST = "INC-4T9QXA"
RUNNER = "https://breakglass.example.com"


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One whose policy lets ada ask."""
    with open_office(POLICY, hand_out=True) as made:
        yield made


def sign_in(office: Office, who: Member, directory: Path) -> dict[str, object]:
    """The guide's first block, as it stands there, in somebody's own shell: it leaves who.txt; what its call answers."""
    block = next(one for one in blocks() if one.page == "docs/guides/api.md")
    text = "\n".join(block.commands).replace(RUNNER, office.runner.url)
    done = subprocess.run(
        ["sh", "-e", "-c", text],
        cwd=directory,
        env={
            "PATH": f"{put_programs(directory / 'bin')}:{os.environ['PATH']}",
            "VAULT_ADDR": office.site.vault.url,
            "VAULT_TOKEN": who.token,
        },
        text=True,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, (text, done.stdout, done.stderr)
    return dict(json.loads(done.stdout))


def test_who_calls_is_known_by_a_token_from_vault(office: Office, tmp_path: Path) -> None:
    """The token lies in a file that nobody else reads, and the runner says who it is: with the very fields that are shown."""
    said = sign_in(office, office.hire("cleo", "web-team", factor=False), tmp_path)
    ((_, shown),) = [one for one in CALLS if "/me" in one[0]]
    assert (said["person"], said["groups"], set(said)) == ("cleo", ["web-team"], set(json.loads(shown)))
    assert (tmp_path / "who.txt").stat().st_mode & 0o077 == 0


def test_its_calls_do_what_it_says(office: Office, tmp_path: Path) -> None:
    """In their order: each is answered, with the fields that are shown; what is asked for is there once, and given back."""
    sign_in(office, office.hire("ada", "web-team", factor=False), tmp_path)
    made = REQUEST
    calls = [(call, shown) for call, shown in CALLS if "/me" not in call]
    assert len(calls) >= 5
    for call, shown in calls:
        line = f"RUNNER={office.runner.url}\n{call.replace(REQUEST, shlex.quote(made))} --fail-with-body"
        done = subprocess.run(["sh", "-c", line], cwd=tmp_path, text=True, capture_output=True, check=False, timeout=30)
        assert done.returncode == 0, (call, done.stdout, done.stderr)
        if shown:
            answer = json.loads(done.stdout)
            assert set(answer) == set(json.loads(shown)), (call, answer)
            made = answer.get("request", made)
    assert made != REQUEST
    office.site.wait_for(made, "incident.closed")


def test_its_example_of_a_problem_is_one(office: Office) -> None:
    """The very sentence."""
    shown = re.search(r"^```json\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert shown
    bea = office.hire("bea", "web-team", factor=False)
    wish = {"access": "web-operator", "hosts": ["web1"], "reason": "a test", "time_box_seconds": 301}
    assert office.call("POST", "/requests", bea, wish)[1] == json.loads(shown[1])
