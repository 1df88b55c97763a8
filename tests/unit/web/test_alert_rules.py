# SPDX-License-Identifier: GPL-3.0-or-later
"""The alert rules for the runner itself: Prometheus takes them, they ask for numbers that there are, and they fire when they should."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from breakglass.domain.incident import State
from breakglass.web.metrics import Metrics

ROOT = Path(__file__).parents[3]
RULES = ROOT / "roles" / "deploy_runner" / "files" / "breakglass-alerts.yml"
WELL = {
    'up{job="breakglass", instance="a:8443"}': "1x15",
    'breakglass_ready{instance="a:8443"}': "1x15",
    'breakglass_heartbeat_lost_in_a_row{instance="a:8443"}': "0x15",
    'breakglass_start_time_seconds{instance="a:8443"}': "10x15",
}
"""What a runner that is well says, minute by minute."""


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run promtool; without it the test is skipped by name, and fails where CI runs."""
    program = shutil.which("promtool")
    if program is None:
        missing = "promtool is not here, so nobody has checked the alert rules: install the Debian package prometheus"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)


def expressions() -> list[str]:
    """What each rule asks for."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


def test_prometheus_takes_them() -> None:
    checked = promtool("check", "rules", RULES)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_they_ask_for_numbers_that_the_runner_gives() -> None:
    families = {family.name: family.type for family in Metrics()._registry.collect()}
    known = {f"{name}_total" if kind == "counter" else name for name, kind in families.items()}
    asked = {name for text in expressions() for name in re.findall(r"breakglass_[a-z_]+", text)}
    assert asked
    assert asked <= known


def test_they_ask_for_states_that_incidents_have() -> None:
    named = re.findall(r'state=~?"([a-z|]+)"', " ".join(expressions()))
    assert named
    assert {state for names in named for state in names.split("|")} <= set(State)


def test_they_are_found_where_they_always_were() -> None:
    """Who has copied them from deploy/ finds the ones that the role copies."""
    assert (ROOT / "deploy" / "prometheus" / "breakglass-alerts.yml").samefile(RULES)


@pytest.mark.parametrize(
    ("alert", "severity", "name", "values"),
    [
        ("BreakglassAbsent", "", "up", "1x15"),
        ("BreakglassAbsent", "critical", "up", "0x15"),
        ("BreakglassNotReady", "", "breakglass_ready", "1x15"),
        ("BreakglassNotReady", "", "breakglass_ready", "1x7 0x8"),
        ("BreakglassNotReady", "critical", "breakglass_ready", "0x15"),
        ("BreakglassHeartbeatLost", "", "breakglass_heartbeat_lost_in_a_row", "2x15"),
        ("BreakglassHeartbeatLost", "warning", "breakglass_heartbeat_lost_in_a_row", "3x15"),
        ("BreakglassRestartsOften", "", "breakglass_start_time_seconds", "10x4 20x4 30x4"),
        ("BreakglassRestartsOften", "critical", "breakglass_start_time_seconds", "10x2 20x2 30x2 40x2"),
    ],
)
def test_they_fire_when_they_should(tmp_path: Path, alert: str, severity: str, name: str, values: str) -> None:
    """After ten minutes of these values, with this severity, or not at all."""
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    for rule in rules["groups"][0]["rules"]:
        rule.pop("annotations")  # promtool would have each sentence repeated here
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    series = {key: values if key.startswith(f"{name}{{") else well for key, well in WELL.items()}
    labels = {"severity": severity} | ({} if name == "up" else {"instance": "a:8443"})
    expected = {"eval_time": "10m", "alertname": alert, "exp_alerts": [{"exp_labels": labels}] if severity else []}
    case = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": key, "values": values} for key, values in series.items()],
                "alert_rule_test": [expected],
            }
        ],
    }
    (tmp_path / "case.yml").write_text(yaml.safe_dump(case), encoding="utf-8")
    tested = promtool("test", "rules", tmp_path / "case.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr
