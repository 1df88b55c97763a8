# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of policy, sources and domain share: the smallest policy, an argument spec, an alert, hostile texts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from breakglass.domain.alert import Alert, AlertStatus

CHANNELS = ("platform-chat", "platform-pager", "duty-manager")
GROUPS = ("all", "web", "web_canary", "db")
HOSTILE = Path(__file__).parents[2] / "support" / "hostile-text.json"

SPECS = """\
argument_specs:
  main:
    options:
      restart_service_name: {type: str, required: true}
      restart_service_health_url: {type: str}
      restart_service_timeout: {type: int, default: 60}
      restart_service_command: {type: list, elements: str}
      restart_service_how: {type: str, choices: [hard, soft]}
"""
BEHAVIOUR = "idempotent: true\ndisruptive: true\nexpected_duration: 20s\ncheck_mode: full\nholds_host: false\n"

SMALLEST = """\
version: 1
access:
  web-operator:
    hosts: [web]
triggers:
  - name: nginx-failed
    match: {alertname: SystemdUnitFailed, name: nginx.service}
    access: web-operator
    approval: automatic
    remediation: restart_service
    parameters: {restart_service_name: nginx}
    escalation: platform-chat          # a channel of the settings is a ladder of one rung
    mode: act                          # without this line it only observes
"""

COMPLETE = """\
# What is an emergency, who may act, on what, for how long. Kept in git.
version: 1

defaults:                          # a trigger may override any line
  mode: act                        # observe (journal what would have run) unless it says act
  time_box: 10m                    # life of the grant, from the moment it opens
  escalation: platform-oncall
  verification:
    alert_resolves_within: 10m     # the role's own check always comes first
  limits:
    firing_for: 1m                 # younger alerts wait
    attempts: 2                    # per incident, then people
    cooldown: 15m                  # per trigger and host, after the incident closes
    repairs_per_day: 3             # per trigger and host; more hides a deeper fault
    hosts_at_once: 1
    group_share: 25%               # of an inventory group under repair at once
    storm: {incidents: 10, within: 5m}   # then hold the trigger, escalate once

access:                            # what a grant can open, never more
  web-operator:
    hosts: [web, web_canary]       # inventory groups: the outer bound
    credentials:
      - {kind: ssh, user: breakglass}
    max_time_box: 15m
  database-observer:
    hosts: [db]
    credentials:
      - {kind: ssh, user: observer}
  database-operator:
    hosts: [db]
    credentials:
      - {kind: ssh, user: breakglass}
      - {kind: database, role: payments-admin}
    max_time_box: 30m              # 15m when not given
    ticket: required
    hand_out: false                # true: credentials may leave the runner

approvals:                         # "automatic" is built in
  dba-and-security:
    require:                       # every line, by different people, never the requester
      - {count: 1, from: [dba]}
      - {count: 1, from: [security, duty-manager]}
    mfa: totp                      # fresh for each decision
    notify: [platform-chat]        # who is asked
    within: 15m                    # then the incident escalates

triggers:                          # the first match wins
  - name: web-service-failed
    owner: team-web
    match:                         # label equals, or is one of
      alertname: SystemdUnitFailed
      name: [nginx.service, haproxy.service]
    when: alert.labels.severity != 'info'
    hosts: "{{ alert.labels.instance }}"   # the default; must be in the inventory
    access: web-operator
    approval: automatic
    remediation: restart_service
    parameters:                    # exactly the role's own variables
      restart_service_name: "{{ alert.labels.name }}"
      restart_service_health_url: http://localhost/healthz

  - name: database-unreachable
    owner: team-data
    match: {alertname: PostgresqlDown, environment: production}
    access: database-operator
    approval: dba-and-security
    preview: database-observer     # a lesser access, granted automatically: approvers see the check-mode diff
    remediation: restore_database_access
    time_box: 20m
    limits: {attempts: 1, firing_for: 2m}
    verification: {alert_resolves_within: 5m}

requests:                          # people who break the glass themselves
  - name: database-console
    who: [dba, data-oncall]
    access: database-operator
    approval: dba-and-security
    time_box: 30m
    ticket: required               # a reason always is
    override: {who: [duty-manager], review_within: 24h}

escalations:                       # channels are named in settings.yml
  platform-oncall:
    - {notify: [platform-chat], acknowledge_within: 5m}
    - {notify: [platform-pager], acknowledge_within: 10m}
    - {notify: [duty-manager]}

maintenance:
  - {name: database-patching, hosts: [db], every: sunday, at: "02:00",
     lasts: 3h, timezone: Europe/Berlin, mode: observe}

drills:
  - {name: monday-web, trigger: web-service-failed, hosts: [web_canary],
     every: monday, at: "10:00", timezone: Europe/Berlin}

tests:                             # not part of the policy digest
  - name: nginx on web1 is restarted without asking
    alert: {alertname: SystemdUnitFailed, name: nginx.service, severity: critical, instance: "web1:9100"}
    expect: {trigger: web-service-failed, hosts: [web1], approval: automatic}
  - name: a host that nobody knows is refused
    alert: {alertname: SystemdUnitFailed, name: nginx.service, instance: "{{ 7*7 }}"}
    expect: {refused: unknown-host}
  - name: Sunday patching is only observed
    now: "2026-11-22T02:30:00+01:00"
    alert: {alertname: PostgresqlDown, environment: production, instance: db1}
    expect: {trigger: database-unreachable, mode: observe}
"""


def hostile_values() -> list[tuple[str, object]]:
    return [(entry["name"], entry["value"]) for entry in json.loads(HOSTILE.read_text(encoding="utf-8"))]


def alert_of(labels: dict[str, str], annotations: dict[str, str] | None = None) -> Alert:
    return Alert(
        source="alertmanager",
        fingerprint="f",
        group="g",
        status=AlertStatus.FIRING,
        labels=labels,
        annotations=annotations or {},
        starts_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
