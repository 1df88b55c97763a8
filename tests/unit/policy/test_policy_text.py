# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy with its defaults filled in means the same; who may open an access; the policy as a picture."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.unit.policy.policy_material import SMALLEST, hostile_values

from breakglass.domain.incident import TRANSITIONS
from breakglass.policy_graph import policy_graph, states_graph
from breakglass.policy_text import who_can, with_defaults

if TYPE_CHECKING:
    from collections.abc import Callable

    from breakglass.domain.rules import Policy

RICH = """\
version: 1
defaults: {escalation: oncall, time_box: 9m, limits: {cooldown: 0s}}
access:
  web-operator:
    hosts: [web, web_canary]
    credentials:
      - {kind: ssh, user: fixer}
      - {kind: database, role: admin}
      - {kind: pki, role: web, mount: pki-web}
      - {kind: secret, path: web/one}
      - {kind: secret, path: thing/x, mount: other, engine: dynamic}
    max_time_box: 90s
    ticket: required
  nothing: {hosts: [db], credentials: []}
triggers:
  - name: one
    owner: team
    runbook: https://wiki.example.com/one
    match: {alertname: [B, A], environment: ""}
    when: alert.labels.severity != 'info' and alert.labels.x | int > 3
    hosts: [web1, "{{ alert.labels.instance }}"]
    access: nothing
    approval: automatic
    remediation: restart_service
    parameters:
      restart_service_name: "{{ alert.labels.name }}"
      restart_service_command: [a, "b {{ alert.labels.name }}"]
      restart_service_timeout: 7
    time_box: 80s
    verification: {alert_resolves_within: 25h}
  - name: two
    match: {alertname: C}
    access: nothing
    approval: automatic
    remediation: breakglass.remediation.restart_service
    parameters: {restart_service_name: "a: b # c", restart_service_command: [x, y]}
    escalation: platform-chat
    mode: act
requests:
  - {name: console, who: [dba, admins], access: web-operator, approval: automatic}
escalations:
  oncall:
    - {notify: [platform-chat, platform-pager], acknowledge_within: 5m}
    - {notify: [duty-manager]}
"""


@pytest.mark.parametrize("text", [SMALLEST, RICH])
def test_with_defaults_it_means_the_same(load: Callable[..., Policy], text: str) -> None:
    """What is printed is a policy with the same digest, and printing that changes nothing more."""
    policy = load(text)
    printed = with_defaults(policy)
    assert load(printed).digest == policy.digest
    assert with_defaults(load(printed)) == printed


def test_nothing_is_left_unsaid(load: Callable[..., Policy]) -> None:
    """The smallest policy gets its time box, its limits and its login."""
    content = yaml.safe_load(with_defaults(load(SMALLEST)))
    (trigger,) = content["triggers"]
    assert trigger["limits"] == {
        "firing_for": "1m",
        "attempts": 2,
        "cooldown": "15m",
        "repairs_per_day": 3,
        "hosts_at_once": 1,
    }
    assert (trigger["time_box"], trigger["hosts"]) == ("10m", "{{ alert.labels.instance }}")
    assert content["access"]["web-operator"]["credentials"] == [{"kind": "ssh", "user": "breakglass"}]


def test_who_can_names_every_way_to_an_access(load: Callable[..., Policy]) -> None:
    """Hosts of the inventory, what is opened, alerts and people; and that nobody can, where it is so."""
    policy = load(RICH)
    inventory = {"web1": frozenset({"web", "all"}), "db1": frozenset({"db", "all"}), "c1": frozenset({"web_canary"})}
    lines = list(who_can(policy, policy.access["web-operator"], inventory))
    assert lines[0] == (
        "web-operator opens SSH as fixer, database database/admin, pki pki-web/web, secret kv/web/one, "
        "secret other/thing/x"
    )
    assert lines[1] == "  on     web, web_canary: c1, web1"
    assert lines[2] == "  for    90s at most, with a ticket"
    assert lines[3].startswith("  person of admins, dba: 90s at most, approval automatic, with a ticket   console (")
    assert [line.split(":")[0] for line in who_can(policy, policy.access["nothing"], inventory)][3:5] == [
        "  alert  alertname=B or A, environment= and alert.labels.severity != 'info' and alert.labels.x | int > 3",
        "  alert  alertname=C",
    ]
    unused = load(RICH.replace("  - {name: console", "  # {name: console"))
    assert "  Nobody: no trigger and no request names it." in who_can(unused, unused.access["web-operator"], {})


def test_the_picture_has_a_path_for_each_trigger_and_request(load: Callable[..., Policy]) -> None:
    """Each node once, each path from the alert or the person to its end."""
    lines = list(policy_graph(load(RICH), {}))
    assert lines[0] == "flowchart LR"
    paths = [line for line in lines if "-->" in line]
    assert [len(path.split(" --> ")) for path in paths] == [8, 8, 4]
    nodes = [re.fullmatch(r'  (\w+)\["[^"<>`\\]*"\]', line) for line in lines[1:] if "-->" not in line]
    assert all(nodes)
    assert sorted(node[1] for node in nodes if node) == sorted(
        name for path in paths for name in path.split() if name != "-->"
    )


@pytest.mark.parametrize(
    "value", [value for _, value in hostile_values() if isinstance(value, str) and value.isprintable()]
)
def test_no_text_breaks_out_of_the_picture(load: Callable[..., Policy], value: str) -> None:
    """Labels of the policy are anybody's texts, too."""
    quoted = "'" + value.replace("'", "''") + "'"
    for line in policy_graph(load(SMALLEST.replace("nginx.service", quoted)), {}):
        assert "-->" in line or line == "flowchart LR" or re.fullmatch(r'  \w+\["[^"<>`\\\n]*"\]', line), line


def test_the_states_are_those_of_the_table() -> None:
    """Every transition is drawn, and nothing else."""
    drawn = {
        tuple(line.split(" --> "))
        for line in (line.strip() for line in states_graph())
        if "[*]" not in line and "-->" in line
    }
    assert drawn == {(str(one), str(two)) for one, following in TRANSITIONS.items() for two in following}
