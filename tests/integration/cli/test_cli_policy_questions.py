# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to a policy that start nothing: `breakglass policy explain` and `test`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.support.incidents import NEVER_WAITS, make_alert, make_course, make_incident, make_plan
from tests.support.journal_on_disk import write_stream

from breakglass.domain.holds import Scope
from breakglass.domain.messages import Reserved
from breakglass.store.database import Database
from breakglass.store.holds import Holds
from breakglass.store.inbox import Arrival
from breakglass.store.incidents import Incidents
from breakglass.store.limits import Reservations

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.cli.conftest import Call

SETTINGS = """\
listen: 127.0.0.1:8443
policy: policy.yml
inventory: hosts
database_url: sqlite:///breakglass.db
journal: {directory: journal}
vault: {url: "http://127.0.0.1:8200", auth_method: approle, role_id_file: role_id, secret_id_file: secret_id}
sources:
  alertmanager: {kind: alertmanager, bearer_token_files: [token]}
  checks: {kind: json, bearer_token_files: [token], fields: {labels: {alertname: what, instance: host}, starts_at: since}}
channels:
  chat: {url_file: chat}
"""
POLICY = """\
version: 1
access:
  web-operator: {hosts: [web]}
defaults: {escalation: chat, mode: act}
triggers:
  - name: nginx-failed
    match: {alertname: SystemdUnitFailed, name: [nginx.service, haproxy.service]}
    when: alert.labels.severity != 'info'
    access: web-operator
    approval: automatic
    remediation: restart_service
    parameters: {restart_service_name: "{{ alert.labels.name }}"}
  - name: any-unit
    match: {alertname: SystemdUnitFailed}
    access: web-operator
    approval: automatic
    remediation: restart_service
    parameters: {restart_service_name: cron}
    mode: observe
"""
NGINX = {"alertname": "SystemdUnitFailed", "name": "nginx.service", "instance": "web2:9100", "severity": "critical"}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with settings, policy and inventory; it is the working directory."""
    (tmp_path / "settings.yml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "policy.yml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "hosts").write_text("[web]\nweb1\nweb2\n[db]\ndb1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_message(directory: Path, *labels: dict[str, str], fires_for: timedelta = timedelta(minutes=4)) -> Path:
    """A webhook message with alerts of these labels."""
    started = (datetime.now(UTC) - fires_for).isoformat()
    alerts = [{"status": "firing", "labels": one, "startsAt": started} for one in labels]
    path = directory / "alert.json"
    path.write_text(json.dumps({"version": "4", "groupKey": "g", "alerts": alerts}), encoding="utf-8")
    return path


def test_explain_says_which_trigger_takes_an_alert_and_why(installed: Path, call: Call) -> None:
    """Every trigger in the order of the policy: what matches, what would run, and who only would have come later."""
    said = call("policy", "explain", write_message(installed, NGINX))
    assert said.returncode == 0, said.stderr
    lines = [line.strip() for line in said.stdout.splitlines()]
    assert lines[2] == "nginx-failed (policy.yml:10)"
    assert "hosts   web2                                                       inside web-operator" in lines
    assert any(
        line.startswith("plan    breakglass.remediation.restart_service  restart_service_name=nginx") for line in lines
    )
    assert any(line.startswith("limits  firing 1m") and line.endswith("fires for 4m") for line in lines)
    assert "NOW     would run" in lines
    assert "any-unit: would match, but nginx-failed comes first" in lines
    assert not (installed / "breakglass.db").exists()


def test_explain_says_what_is_in_the_way_now(installed: Path, call: Call) -> None:
    """What the runner's database says of the hosts: nothing, a repair that is under way, its cooldown, a hold; it is only read."""
    message = write_message(installed, NGINX)
    assert "were not looked up: there is no database " in call("policy", "explain", message).stdout

    url = f"sqlite:///{installed}/breakglass.db"
    database = Database.open(url)
    course = make_course(trigger="of-another-team", plan=make_plan("web2"), limits=NEVER_WAITS)
    assert "so far  web2: no repair by this trigger" in call("policy", "explain", message).stdout
    Incidents(database).accept([Arrival(make_alert(), course, "INC-9QX2AB")])
    assert isinstance(Reservations(database, 5).reserve(make_incident(course, name="INC-9QX2AB")), Reserved)
    working = call("policy", "explain", message)
    assert (working.returncode, working.stderr) == (0, "")
    assert "    NOW     would wait: web2 is under repair (INC-9QX2AB)" in working.stdout.splitlines()
    young = call("policy", "explain", write_message(installed, NGINX, fires_for=timedelta(seconds=5))).stdout
    assert "until it has fired for long enough, and then would wait: web2 is under repair (INC-9QX2AB)" in young

    with database.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM host_claim")
        connection.exec_driver_sql("UPDATE incident SET state = 'closed', closed_at = opened_at")
        connection.exec_driver_sql("UPDATE repair SET trigger = 'nginx-failed'")
    message = write_message(installed, NGINX)
    cooling = call("policy", "explain", message).stdout
    assert ": cooldown of web2 after its last repair" in cooling
    assert "so far  web2: last repair " in cooling
    assert "ago, 1 within a day" in cooling
    Holds(database).set(Scope.HOST, ["web2"], "it is looked at\x1b[2J", "ada")
    held = call("policy", "explain", message).stdout
    assert "NOW     would be refused: web2 is held by ada since" in held
    assert "\x1b" not in held
    database.close()
    then = call("policy", "explain", message, "--now", IN_IT).stdout
    assert "were not looked up: with --now nobody knows them." in then
    assert "held by" not in then
    (installed / "breakglass.db").write_bytes(b"no database" * 100)
    broken = call("policy", "explain", message)
    assert (broken.returncode, "NOW     would run" in broken.stdout) == (0, True)
    assert "can't be read" in broken.stdout


def test_explain_says_what_becomes_of_the_last_alert_that_came_in(installed: Path, call: Call) -> None:
    """By the journal, whether a trigger took it or not; what people asked for, and what the runner tells of itself, is no alert."""
    nothing = call("policy", "explain", "--last")
    assert (nothing.returncode, "There is no journal in " in nothing.stderr) == (1, True)
    of_day = {"source": "alertmanager", "fingerprint": "f1", "name": "SystemdUnitFailed", "labels": NGINX}
    firing = {**of_day, "annotations": {}, "starts_at": (datetime.now(UTC) - timedelta(minutes=4)).isoformat()}
    journal, day = installed / "journal", datetime(2026, 11, 22, 3, 12, tzinfo=UTC)
    write_stream(journal, "2026/11/22/INC-A/runner", [("alert.firing", firing)], day)
    write_stream(
        journal,
        "2026/11/22/runner",
        [("alert.unmatched", {**firing, "source": "request", "status": "firing"})],
        day + timedelta(hours=1),
    )
    write_stream(journal, "2026/11/21/runner", [("alert.unmatched", {**of_day, "labels": {}, "status": "firing"})])
    said = call("policy", "explain", "--last")
    assert (said.returncode, said.stderr) == (0, "From alertmanager, 2026-11-22 03:12:00 UTC:\n")
    assert "    NOW     would run" in said.stdout.splitlines()
    other = [
        ("alert.unmatched", {**of_day, "labels": {"alertname": "DiskFull"}, "name": "DiskFull", "status": "resolved"})
    ]
    write_stream(journal, "2026/11/22/runner-b", other, day + timedelta(hours=2))
    later = call("policy", "explain", "--last")
    assert later.stdout.startswith("resolved: DiskFull")
    assert "No trigger takes it" in later.stdout
    for words in (("--last", "alert.json"), ()):
        assert "one of them" in call("policy", "explain", *words).stderr


WINDOW = """\
maintenance:
  - {name: web-patching, hosts: [web], every: sunday, at: "02:00", lasts: 3h, timezone: Europe/Berlin}
"""
IN_IT = "2026-11-22T02:30:00+01:00"


def test_explain_says_what_it_would_do_at_another_time(installed: Path, call: Call) -> None:
    """Maintenance windows, and how long the alert fires, by the moment that is asked about."""
    (installed / "policy.yml").write_text(POLICY + WINDOW, encoding="utf-8")
    message = write_message(installed, NGINX, fires_for=datetime.now(UTC) - datetime.fromisoformat(IN_IT))
    inside = call("policy", "explain", message, "--now", "2026-11-22T02:34:30+01:00")
    lines = [line.strip() for line in inside.stdout.splitlines()]
    until = "in maintenance window web-patching until 2026-11-22 05:00 Europe/Berlin"
    assert f"NOW     would only be observed, {until}; what still fires then is repaired" in lines
    assert any(line.startswith(f"window  {until}") and "observe (policy.yml:" in line for line in lines)
    assert any(line.startswith("limits  firing 1m") and line.endswith("fires for 4m") for line in lines)
    after = call("policy", "explain", message, "--now", "2026-11-22T05:00:00+01:00").stdout
    assert "NOW     would run" in after
    assert "maintenance window" not in after
    wrong = call("policy", "explain", message, "--now", "sunday")
    assert wrong.returncode != 0
    assert "Write a date, a time and the offset from UTC" in wrong.stderr


def test_what_explain_writes_of_a_moment_holds_at_any_time(installed: Path, call: Call) -> None:
    """With `now:` and the mode of then; without `--now` a test is outside of all windows."""
    (installed / "policy.yml").write_text(POLICY + WINDOW, encoding="utf-8")
    message = write_message(installed, NGINX)
    inside = call("policy", "explain", message, "--as-test", "--now", IN_IT).stdout
    assert f"now: '{IN_IT}'" in inside
    assert "mode: observe" in inside
    outside = call("policy", "explain", message, "--as-test").stdout.removeprefix("tests:\n")
    assert "now:" not in outside
    tests = inside + outside.replace("is as it was", "is outside as it was")
    (installed / "policy.yml").write_text(POLICY + WINDOW + tests, encoding="utf-8")
    passed = call("policy", "test")
    assert (passed.returncode, passed.stdout.count("ok ")) == (0, 2), passed.stdout + passed.stderr
    (installed / "policy.yml").write_text(POLICY + tests, encoding="utf-8")
    failed = call("policy", "test")
    assert (failed.returncode, "mode is act, not observe" in failed.stdout) == (1, True)


@pytest.mark.parametrize(
    ("labels", "line"),
    [
        ({**NGINX, "severity": "info"}, "nginx-failed: no, when is false: alert.labels.severity != 'info'"),
        ({**NGINX, "severity": "info"}, "NOW     would only be observed (mode: observe)"),
        ({"alertname": "Other"}, "nginx-failed: no, alertname is Other, not SystemdUnitFailed"),
        ({"alertname": "Other"}, "No trigger takes it: nothing would be done, and nobody told."),
        (
            {**NGINX, "instance": "db1"},
            "REFUSED outside-access: db1 is in none of the groups of access web-operator (web).",
        ),
        ({**NGINX, "instance": "{{ 7*7 }}"}, "REFUSED unknown-host: '{{ 7*7 }}' is not a host of the inventory"),
        (
            {**NGINX, "name": "nginx.service\x1b[31m"},
            "nginx-failed: no, name is nginx.service\\x1b[31m, not nginx.service",
        ),
    ],
)
def test_explain_says_why_not(installed: Path, call: Call, labels: dict[str, str], line: str) -> None:
    """In the words of the policy, with nothing of the alert that could move a cursor."""
    said = call("policy", "explain", write_message(installed, labels))
    assert said.returncode == 0, said.stderr
    assert line in "\n".join(one.strip() for one in said.stdout.splitlines())
    assert "\x1b" not in said.stdout


def test_explain_knows_young_alerts(installed: Path, call: Call) -> None:
    """They wait for `firing_for`."""
    said = call("policy", "explain", write_message(installed, NGINX, fires_for=timedelta(seconds=5)))
    assert "until it has fired for 1m; then it would run" in said.stdout


def test_what_explain_writes_as_tests_holds(installed: Path, call: Call) -> None:
    """The tests that it prints pass as they are, and fail when the policy changes."""
    message = write_message(
        installed, NGINX, {**NGINX, "instance": "x"}, {"alertname": "Other", "note": "a: b # \u202e"}
    )
    tests = call("policy", "explain", message, "--as-test").stdout
    (installed / "policy.yml").write_text(POLICY + tests, encoding="utf-8")
    passed = call("policy", "test")
    assert (passed.returncode, passed.stdout.count("ok ")) == (0, 3), passed.stdout + passed.stderr
    (installed / "policy.yml").write_text(POLICY.replace("[nginx.service, ", "[") + tests, encoding="utf-8")
    failed = call("policy", "test")
    assert failed.returncode == 1
    assert "trigger is any-unit, not nginx-failed" in failed.stdout
    assert failed.stderr == "breakglass: 2 of 3 tests of the policy failed.\n"


def test_another_policy_can_be_tried_on_the_same_hosts(installed: Path, call: Call) -> None:
    """As in a review of a change."""
    (installed / "next.yml").write_text(POLICY.replace("mode: act", "mode: observe"), encoding="utf-8")
    said = call("policy", "explain", write_message(installed, NGINX), "--policy", "next.yml")
    assert "nginx-failed (next.yml:10)" in said.stdout
    assert "would only be observed" in said.stdout


@pytest.mark.parametrize(
    ("body", "sentence"),
    [("{", "not JSON"), ('{"version": "3"}', 'version "4"'), (None, "can't be read: No such file")],
)
def test_a_message_that_is_none_is_said(installed: Path, call: Call, body: str | None, sentence: str) -> None:
    """In one sentence."""
    if body is not None:
        (installed / "alert.json").write_text(body, encoding="utf-8")
    said = call("policy", "explain", "alert.json")
    assert said.returncode == 1
    assert sentence in said.stderr


def test_explain_reads_what_another_source_sends(installed: Path, call: Call) -> None:
    """By its kind and its fields in the settings."""
    body = '{"what": "SystemdUnitFailed", "host": "web1", "since": "2026-11-27T00:00:00Z"}'
    (installed / "check.json").write_text(body, encoding="utf-8")
    said = call("policy", "explain", "check.json", "--source", "checks")
    assert "any-unit (policy.yml:" in said.stdout
    wrong = call("policy", "explain", "check.json", "--source", "check")
    assert (wrong.returncode, "checks" in wrong.stderr) == (3, True)


def test_a_policy_without_tests_says_how_to_get_some(installed: Path, call: Call) -> None:
    """That is no failure."""
    said = call("policy", "test")
    assert said.returncode == 0
    assert "--as-test" in said.stdout
    assert installed.exists()


def test_show_prints_one_file_that_means_the_same(installed: Path, call: Call) -> None:
    """Out of a directory of files, as it is written and with every default."""
    head, _, triggers = POLICY.partition("triggers:\n")
    (installed / "policy").mkdir()
    (installed / "policy" / "a.yml").write_text(head, encoding="utf-8")
    (installed / "policy" / "b.yml").write_text(f"version: 1\ntriggers:\n{triggers}", encoding="utf-8")
    for options in ((), ("--defaults",)):
        shown = call("policy", "show", "--policy", "policy", *options)
        assert shown.returncode == 0, shown.stderr
        (installed / "shown.yml").write_text(shown.stdout, encoding="utf-8")
        assert call("policy", "diff", "policy", "shown.yml").stdout == "They mean the same.\n"
    assert "hosts_at_once: 1" in shown.stdout


def test_diff_fails_a_review_when_asked_to(installed: Path, call: Call) -> None:
    """With the difference on standard output."""
    (installed / "next.yml").write_text(POLICY.replace("mode: observe", "mode: act"), encoding="utf-8")
    for options, code in (((), 0), (("--fail-on-more",), 1)):
        compared = call("policy", "diff", "policy.yml", "next.yml", *options)
        assert (compared.returncode, compared.stdout) == (code, "+ trigger any-unit: mode is act, was observe\n")
    assert call("policy", "diff", "next.yml", "policy.yml", "--fail-on-more").returncode == 0


def test_who_can_and_graph(installed: Path, call: Call) -> None:
    """Of the policy that the settings name; an access that is not there is wrong use, with a hint."""
    said = call("policy", "who-can", "web-operator")
    assert "on     web: web1, web2" in said.stdout
    assert said.stdout.count("  alert  alertname=SystemdUnitFailed") == 2
    wrong = call("policy", "who-can", "web-operater")
    assert wrong.returncode == 3
    assert "web-operator" in wrong.stderr
    assert call("policy", "graph").stdout.startswith("flowchart LR\n")
    assert "running --> closing" in call("policy", "graph", "--states").stdout
    assert installed.exists()


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("web1", 0, "web1 means web1\n  in     all, web\n  opens  web-operator, 15m at most (through web)\n"),
        ("web1:9100", 0, "web1:9100 means web1 (the port is dropped)"),
        ("db1", 0, "opens  nothing: the host is in no group of an access"),
        ("web3", 1, "'web3' is not a host of the inventory, with or without a port after it."),
        ("WEB1", 1, "is not a host of the inventory"),
        ("web1.example.com", 1, "is not a host of the inventory"),
        ("*", 1, "is not a host of the inventory"),
        ("web1\x1b[31m", 1, "is not a host of the inventory"),
    ],
)
def test_hosts_explain_says_what_a_label_means(installed: Path, call: Call, text: str, code: int, said: str) -> None:
    """Exactly one host or none, by the rule that alerts are held to."""
    answer = call("hosts", "explain", text)
    assert (answer.returncode, said in answer.stdout + answer.stderr) == (code, True), answer.stdout + answer.stderr
    assert "\x1b" not in answer.stdout + answer.stderr
    assert installed.exists()
