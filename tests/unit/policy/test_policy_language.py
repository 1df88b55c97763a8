# SPDX-License-Identifier: GPL-3.0-or-later
"""What the policy language takes and refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.unit.policy.policy_material import COMPLETE, SMALLEST, alert_of

from breakglass.domain.rules import Ladder, Limits, Mode, Policy, Rung, SshCredential

Load = Callable[..., Policy]
Problems = Callable[..., list[str]]

TRIGGER = (
    "  - {name: b, match: {alertname: X}, access: web-operator, approval: automatic, remediation: restart_service, "
)
TRIGGER += "parameters: {restart_service_name: nginx}, escalation: platform-chat"


def changed(old: str, new: str) -> str:
    assert old in SMALLEST
    return SMALLEST.replace(old, new)


def test_the_smallest_policy_gets_its_defaults(load: Load) -> None:
    """What the smallest policy leaves out has the documented value."""
    policy = load(SMALLEST)
    (trigger,) = policy.triggers
    assert trigger.line == "1.yml:9"
    assert trigger.mode is Mode.ACT
    assert trigger.time_box == timedelta(minutes=10)
    assert trigger.limits == Limits(
        firing_for=timedelta(minutes=1),
        attempts=2,
        cooldown=timedelta(minutes=15),
        repairs_per_day=3,
        hosts_at_once=1,
    )
    assert trigger.alert_resolves_within == timedelta(minutes=10)
    assert trigger.hosts.value(alert_of({"instance": "web1:9100"})) == "web1:9100"
    assert policy.access["web-operator"].ssh == SshCredential("breakglass")
    assert policy.access["web-operator"].max_time_box == timedelta(minutes=15)
    assert policy.ladders == {"platform-chat": Ladder("platform-chat", (Rung(("platform-chat",), None),))}


def test_without_mode_a_trigger_observes(load: Load) -> None:
    """Nothing acts unless the policy says act."""
    assert load(changed("    mode: act", "    owner: x")).triggers[0].mode is Mode.OBSERVE


def test_the_complete_language_is_read(load: Load) -> None:
    """Everything that the language has, in one policy; the small role of these tests wants its parameter."""
    needed = "    parameters: {restart_service_name: x}\n    time_box: 20m\n"
    policy = load(COMPLETE.replace("    time_box: 20m\n", needed))
    assert [trigger.preview for trigger in policy.triggers] == ["", "database-observer"]


@pytest.mark.parametrize("share", ["0%", "101%", "25", "25 %", "-1%", "[1]", "{{ 1 }}%"])
def test_a_share_is_a_percentage(problems: Problems, share: str) -> None:
    """From 1% to 100%; whatever else is written is refused with its line."""
    (said,) = problems(changed("    mode: act", f"    limits: {{group_share: '{share}'}}\n    mode: act"))
    assert "Write a share of 1% to 100%" in said


@pytest.mark.parametrize(
    "storm", ["{incidents: 0, within: 5m}", "{incidents: 10}", "{incidents: 10, within: 0s}", "10"]
)
def test_a_storm_is_a_number_within_a_time(problems: Problems, storm: str) -> None:
    """Both are needed, and neither is nothing."""
    assert problems(changed("    mode: act", f"    limits: {{storm: {storm}}}\n    mode: act"))


def test_an_automatic_trigger_can_bring_no_ticket(problems: Problems) -> None:
    """An access that wants a ticket is refused where nobody is asked who could give one."""
    text = changed("    hosts: [web]", "    hosts: [web]\n    ticket: required")
    assert any("wants a ticket" in line for line in problems(text))


def test_empty_sections_are_no_use_of_them(load: Load) -> None:
    """A section of the coming language that holds nothing is accepted, and so is `hand_out: false`."""
    text = changed("    hosts: [web]", "    hosts: [web]\n    hand_out: false")
    policy = load(text + "maintenance: []\nrequests:\napprovals: {}\ndefaults:\nescalations:\n")
    assert not policy.access["web-operator"].ticket_required


def test_a_trigger_overrides_the_defaults_line_by_line(load: Load) -> None:
    """Limits of a trigger replace single lines of the defaults, not the whole."""
    text = "defaults:\n  time_box: 5m\n  limits: {attempts: 3, cooldown: 0s}\n  verification: {alert_resolves_within: 2h}\n"
    text += changed("    mode: act", "    limits: {attempts: 1}\n    mode: act")
    (trigger,) = load(text).triggers
    assert (trigger.limits.attempts, trigger.limits.cooldown) == (1, timedelta())
    assert trigger.time_box == timedelta(minutes=5)
    assert trigger.alert_resolves_within == timedelta(hours=2)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "approval:",
            "approvall:",
            "1.yml:9: 'triggers.nginx-failed.approvall' is not known. Did you mean \"approval\"?",
        ),
        ("approval:", "approvall:", "1.yml:6: triggers.nginx-failed.approval: this key is missing. Say who approves"),
        ("triggers:", "triggerz:", "1.yml:5: 'triggerz' is not known. Did you mean \"triggers\"?"),
        ("mode: act", "mode: actt", "1.yml:13: triggers.nginx-failed.mode: 'actt' is not known. Did you mean \"act\"?"),
        ("mode: act", "mode: [act]", "1.yml:13: triggers.nginx-failed.mode: Write one of: observe, act."),
        ("mode: act", "mode:", "Write one of: observe, act."),
        ("version: 1", "version: 2", "1.yml:1: version: This breakglass reads version 1"),
        ("mode: act", "time_box: 10", "1.yml:13: triggers.nginx-failed.time_box: Write a duration"),
        ("mode: act", "time_box: 0m", "This duration must be longer than 0."),
        ("mode: act", "time_box: 1h30m", "Write a duration"),
        ("mode: act", "time_box: 16m", "longer than the max_time_box of access web-operator (900 s)."),
        ("mode: act", "limits: {attempts: 0}", "limits.attempts: Write a whole number, at least 1."),
        ("mode: act", "limits: {attempts: ٣}", "Write a whole number, at least 1."),
        ("mode: act", "limits: {cooldwn: 1m}", 'limits.cooldwn\' is not known. Did you mean "cooldown"?'),
        ("mode: act", "limits: [1]", "triggers.nginx-failed.limits: must be a mapping"),
        ("mode: act", "when: {a: b}", "triggers.nginx-failed.when: Write a text."),
        ("mode: act", "when: alert.labels.severity", "1.yml:13: when: 'alert.labels.severity' gives a value"),
        ("mode: act", "when: severityy == 'x'", "'severityy' is not known; an expression knows only `alert`."),
        ("mode: act", "when: true", "`when` does not look at the alert"),
        ("mode: act", 'hosts: "{{ alert.labelz.x }}"', 'alert.labelz does not exist. Did you mean "labels"?'),
        ("mode: act", "hosts: []", "triggers.nginx-failed.hosts: Write a host, a list of hosts"),
        (
            "hosts: [web]",
            "hosts: [wbe]",
            '1.yml:4: access.web-operator: wbe is not a group of the inventory. Did you mean "web"?',
        ),
        ("hosts: [web]", "hosts: []", "access.web-operator.hosts: must not be empty."),
        ("hosts: [web]", 'hosts: ["web:!web1"]', "'web:!web1' is not the name of an inventory group."),
        ("hosts: [web]", "hosts: [web]\n    hand_out: maybe", "Write true or false."),
        ("hosts: [web]", "hosts: [web]\n    credentials: [{kind: shh}]", "'shh' is not known. Did you mean \"ssh\"?"),
        ("hosts: [web]", "hosts: [web]\n    credentials: [{kind: ssh, user: -oX}]", "'-oX' is not a login name"),
        (
            "hosts: [web]",
            "hosts: [web]\n    credentials: [{kind: ssh}, {kind: ssh, user: x}]",
            "one SSH credential at most",
        ),
        (
            "access: web-operator",
            "access: web-operater",
            'there is no access web-operater. Did you mean "web-operator"?',
        ),
        (
            "escalation: platform-chat ",
            "escalation: chat ",
            "1.yml:12: nginx-failed: chat is neither a ladder nor a channel.",
        ),
        ("escalation: platform-chat ", "owner: x ", "escalation is missing, here and in the defaults."),
        ("remediation: restart_service", "remediation: restart_servce", 'Did you mean "restart_service"?'),
        ("remediation: restart_service", "remediation: ../x", "'../x' is not a role name"),
        ("{restart_service_name: nginx}", "{restart_service_nam: nginx}", "has no parameter 'restart_service_nam'."),
        ("{restart_service_name: nginx}", "{}", "needs the parameter restart_service_name."),
        ("{restart_service_name: nginx}", "{restart_service_name: [x]}", "restart_service_name: a list is not a text."),
        ("{restart_service_name: nginx}", "{restart_service_name: }", "Write '' for an empty text."),
        ("match: {alertname: SystemdUnitFailed, name: nginx.service}", "match: {}", "would take every alert."),
        ("name: nginx.service}", "name: []}", "match.name: The list is empty, so this can never match."),
        ("name: nginx.service}", "alert.labels.name: x}", "'alert.labels.name' is not a label name"),
        ("name: nginx-failed", "name: nginx failed", "'nginx failed' is not a name of letters"),
    ],
)
def test_a_fault_is_named_with_its_line(problems: Problems, old: str, new: str, said: str) -> None:
    """Each fault gives a sentence that names the key, the line and what to write instead."""
    assert said in "\n".join(problems(changed(old, new)))


def test_all_faults_are_found_at_once(problems: Problems) -> None:
    """A fault in one place does not hide the faults of another."""
    text = changed("hosts: [web]", "hosts: [nowhere]\n    max_time_box: 5m")
    text += (
        TRIGGER
        + ", previewz: x}\n"
        + TRIGGER.replace("{name: b", "{name: c").replace("operator", "x")
        + ", modez: y}\n"
    )
    text += TRIGGER.replace("{name: b", "{name: nginx-failed") + "}\n"
    assert len(found := problems(text)) == 6, found


def test_a_fault_in_the_defaults_is_said_once(problems: Problems) -> None:
    """Triggers that rely on a faulty line of the defaults are not blamed for it."""
    text = "defaults: {escalation: [x], time_box: 5m}\n" + changed("    escalation: platform-chat  ", "    owner: x  ")
    assert problems(text.replace("[web]", "[web]\n    max_time_box: 6m")) == [
        "1.yml:1: defaults.escalation: Write a name of letters, digits, _ and -, at most 64."
    ]


def test_a_trigger_behind_a_wider_one_is_reported(problems: Problems) -> None:
    """A trigger that an earlier one without `when` covers wholly never applies, and the policy says so."""
    narrow = "  - name: narrow\n" + SMALLEST.split("  - name: nginx-failed\n")[1].replace(
        "SystemdUnitFailed,", "[SystemdUnitFailed],"
    )
    assert problems(SMALLEST + narrow) == [
        "1.yml:14: narrow: never applies: nginx-failed before it (1.yml:9) takes every such alert."
    ]


def test_a_condition_lets_later_triggers_apply(load: Load) -> None:
    """An earlier trigger with `when` shadows nothing for certain."""
    later = "  - name: later\n" + SMALLEST.split("  - name: nginx-failed\n")[1]
    text = changed("    mode: act", "    when: alert.labels.severity != 'info'\n    mode: act") + later
    assert [trigger.name for trigger in load(text).triggers] == ["nginx-failed", "later"]


def test_ladders_are_checked(problems: Problems) -> None:
    """A ladder's channels exist, only its last rung waits for nobody, and its name is its own."""
    text = SMALLEST + (
        "escalations:\n  duty-manager: [{notify: [platform-chat]}]\n"
        "  a:\n    - {notify: [platform-chta]}\n    - {notify: [platform-chat], acknowledge_within: 5m}\n"
    )
    assert problems(text) == [
        "1.yml:15: duty-manager is the name of a channel too: give the ladder another one.",
        "1.yml:17: Only the last rung may wait for nobody: write acknowledge_within.",
        '1.yml:17: platform-chta is not a channel of the settings. Did you mean "platform-chat"?',
        "1.yml:18: After the last rung comes nobody: leave its acknowledge_within out.",
    ]


def test_a_directory_is_one_policy(load: Load) -> None:
    """Files of a directory merge: mappings by name, triggers in the order of the file names."""
    shared = "version: 1\naccess:\n  web-operator: {hosts: [web]}\n"
    teams = [
        f"version: 1\ntriggers:\n{TRIGGER.replace('{name: b', f'{{name: {n}').replace(': X', f': {n}')}}}\n"
        for n in "ab"
    ]
    policy = load(shared, *teams)
    assert [trigger.name for trigger in policy.triggers] == ["a", "b"]
    assert policy.triggers[1].line == "3.yml:3"


def test_a_name_defined_twice_names_both_places(problems: Problems) -> None:
    """The second definition in another file is an error that says where the first stands."""
    found = problems(SMALLEST, "access:\n  web-operator: {hosts: [db]}\n")
    assert found[0].startswith("2.yml:1: version: this key is missing.")
    assert found[1].startswith("2.yml:2: access.web-operator is defined twice, first at ")
    assert found[1].endswith("1.yml:3.")


def test_the_digest_is_of_the_meaning(load: Load) -> None:
    """Comments, order of keys, spelling of durations and written-out defaults leave the digest; a value changes it."""
    digest = load(SMALLEST).digest
    same = changed(
        "alertname: SystemdUnitFailed, name: nginx.service", "name: [nginx.service], alertname: SystemdUnitFailed"
    )
    same = same.replace("    mode: act", "    time_box: 600s\n    limits: {cooldown: 900s}\n    mode: act") + "# end\n"
    assert load(same).digest == digest
    assert load(changed("mode: act", "mode: observe")).digest != digest
    assert load(changed("name: nginx}", "name: nginx2}")).digest != digest


def test_the_ladder_of_the_defaults_is_kept(load: Load) -> None:
    """Also when no trigger uses it: the runner tells of itself by it. It belongs to what the policy means."""
    text = "defaults: {escalation: platform-pager}\n" + SMALLEST
    policy = load(text)
    assert policy.escalation == "platform-pager"
    assert policy.ladders["platform-pager"].rungs[0].notify == ("platform-pager",)
    assert policy.digest not in (load(SMALLEST).digest, load(text.replace("pager", "chat")).digest)
    assert load(SMALLEST).escalation == ""


def test_a_ladder_of_the_defaults_that_is_none(problems: Problems) -> None:
    """It is said once: at the triggers that use it, or at the defaults when none does."""
    (said,) = problems("defaults: {escalation: platform-pgaer}\n" + SMALLEST)
    assert said == '1.yml:1: platform-pgaer is neither a ladder nor a channel. Did you mean "platform-pager"?'
    by_trigger = "defaults: {escalation: platform-pgaer}\n" + changed(
        "    escalation: platform-chat  ", "    owner: x  "
    )
    (said,) = problems(by_trigger)
    assert "nginx-failed: platform-pgaer is neither" in said


@pytest.mark.parametrize(
    "address", ["wiki/one", "javascript:alert(1)", "'https://wiki/a b'", '"https://wiki/\\e[2J"', "https://wiki/ä"]
)
def test_a_runbook_is_a_web_address(problems: Problems, address: str) -> None:
    """People are sent there at night, so it is nothing else, and on one line."""
    text = SMALLEST.replace("approval: automatic", f"approval: automatic\n    runbook: {address}")
    assert any("is not a web address" in problem for problem in problems(text))
