# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass policy check`: file, line and a sentence for each thing that is wrong."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from breakglass.demo.installation import POLICY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.cli.conftest import Call, Command
    from tests.support.site import Site

GOOD = POLICY.read_text(encoding="utf-8")
BAD = (
    ("triggers:", "trigers:", r":\d+: .*trigers.*Did you mean .triggers."),
    ("    approval: automatic\n", "", r":\d+: .*approval: automatic"),
    ("alert_resolves_within: 30s", "alert_resolves_within: 30", r":15: .*90s, 10m, 2h or 400d"),
    ("access: web-operator", "access: web-operater", r":11: .*Did you mean .web-operator."),
    ("remediation: restart_service", "remediation: restart_servise", r":13: .*restart_serv"),
    ("restart_service_name:", "restart_service_nam:", r":14: .*restart_service_name"),
    ("mode: act", "mode: acting", r":17: .*acting.*Did you mean .act."),
    ("{{ alert.labels.name }}", "{{ lookup('pipe', 'id') }}", r":14: "),
    ("version: 1", "version: 2", r":3: "),
    ("hosts: [web]", "hosts: [web", r":\d+: "),
    ("version: 1", "version: 1\napprovals: {two: {}}", r":4: .*notify: this key is missing"),
)


def test_good_policy(breakglass: Command, tmp_path: Path) -> None:
    """A good policy exits 0, and what could not be checked without the settings is said."""
    policy = tmp_path / "good.yml"
    policy.write_text(GOOD, encoding="utf-8")
    checked = breakglass("policy", "check", policy)

    assert checked.returncode == 0
    assert checked.stdout.startswith("OK  1 trigger")
    assert "Channels and groups were not checked: name the settings with --settings." in checked.stdout


@pytest.mark.parametrize(("old", "new", "says"), BAD, ids=[new.strip() or old.strip() for old, new, _ in BAD])
def test_bad_policy(call: Call, tmp_path: Path, old: str, new: str, says: str) -> None:
    """A policy with a fault exits 1 and says with file, line and a sentence what is wrong."""
    assert GOOD.count(old) >= 1
    policy = tmp_path / "bad.yml"
    policy.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    checked = call("policy", "check", policy)

    assert checked.returncode == 1
    problems = [line for line in checked.stdout.splitlines() if re.search(says, line)]
    assert problems, checked.stdout
    assert all(re.fullmatch(rf"{re.escape(str(policy))}:\d+: .+[.?]", line) for line in checked.stdout.splitlines())
    assert checked.stderr.startswith(f"breakglass: {policy} has ")


def test_bad_policy_as_a_process(breakglass: Command, tmp_path: Path) -> None:
    """What was found wrong goes to standard output, how it ended to standard error, and the exit code says it too."""
    policy = tmp_path / "bad.yml"
    policy.write_text(GOOD.replace("mode: act", "mode: acting"), encoding="utf-8")
    checked = breakglass("policy", "check", policy)

    assert checked.returncode == 1
    assert checked.stdout.startswith(f"{policy}:17: ")
    assert checked.stderr.startswith(f"breakglass: {policy} has 1 problem")


def test_all_faults_are_told_at_once(call: Call, tmp_path: Path) -> None:
    """Two faults are two lines, in the order of the file."""
    policy = tmp_path / "bad.yml"
    text = GOOD.replace("mode: act", "mode: acting").replace("version: 1", "version: 2")
    policy.write_text(text, encoding="utf-8")
    checked = call("policy", "check", policy)

    assert [line.split(":")[1] for line in checked.stdout.splitlines()] == ["3", "17"]


def test_settings_add_channels_and_groups(call: Call, site: Site, tmp_path: Path) -> None:
    """With the settings, a channel and a group that do not exist are faults too."""
    policy = tmp_path / "bad.yml"
    text = GOOD.replace("escalation: on-call", "escalation: on-cal").replace("hosts: [web]", "hosts: [wep]")
    policy.write_text(text, encoding="utf-8")

    assert call("policy", "check", site.place.policy, "--settings", site.place.settings).returncode == 0
    checked = call("policy", "check", policy, "--settings", site.place.settings)
    assert checked.returncode == 1
    assert "on-call" in checked.stdout
    assert "wep" in checked.stdout


def test_missing_policy(call: Call, tmp_path: Path) -> None:
    """A file that is not there is named in one sentence."""
    checked = call("policy", "check", tmp_path / "none.yml")

    assert checked.returncode == 1
    assert "none.yml" in checked.stdout
    assert "No such file or directory" in checked.stdout


def test_schema_is_json(call: Call) -> None:
    """`policy schema` prints the JSON Schema that editors take."""
    shown = call("policy", "schema")

    assert shown.returncode == 0
    assert json.loads(shown.stdout)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
