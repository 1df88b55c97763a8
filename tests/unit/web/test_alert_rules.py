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

RULES = Path(__file__).parents[3] / "deploy" / "prometheus" / "breakglass-alerts.yml"
SERIES = """
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: 'up{{job="breakglass", instance="a:8443"}}', values: '{up}'}}
      - {{series: 'breakglass_ready{{instance="a:8443"}}', values: '{ready}'}}
    alert_rule_test:
      - eval_time: 10m
        alertname: {alert}
        exp_alerts: [{expected}]
"""


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


@pytest.mark.parametrize(
    ("alert", "up", "ready", "fires"),
    [
        ("BreakglassAbsent", "1x15", "1x15", False),
        ("BreakglassAbsent", "0x15", "1x15", True),
        ("BreakglassNotReady", "1x15", "1x15", False),
        ("BreakglassNotReady", "1x15", "0x15", True),
    ],
)
def test_they_fire_when_they_should(tmp_path: Path, alert: str, up: str, ready: str, fires: bool) -> None:  # noqa: FBT001
    instance = "" if alert == "BreakglassAbsent" else ', instance: "a:8443"'
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    for rule in rules["groups"][0]["rules"]:
        rule.pop("annotations")  # promtool would have each sentence repeated here
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    expected = f"{{exp_labels: {{severity: critical{instance}}}}}" if fires else ""
    case = tmp_path / "case.yml"
    text = SERIES.format(rules="rules.yml", up=up, ready=ready, alert=alert, expected=expected)
    case.write_text(text, encoding="utf-8")
    tested = promtool("test", "rules", case)
    assert tested.returncode == 0, tested.stdout + tested.stderr
