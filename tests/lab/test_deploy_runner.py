# SPDX-License-Identifier: GPL-3.0-or-later
"""deploy_runner on a real host: a service that works, a second run that changes nothing, and the way back from everything."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.lab.deploying import (
    HOST,
    READY,
    RULES,
    STATE,
    UNIT,
    UNIT_PATH,
    answer,
    deploy,
    forget,
    forget_anchors,
    main_pid,
    put_program,
    records,
    settled,
    state_of,
    told,
)

if TYPE_CHECKING:
    from tests.lab.api import Lab
    from tests.lab.host import LabHost

WORST_EXPOSURE = 3.0
RESTORECON = "/usr/sbin/restorecon"
LABELLED = "/run/labelled"
PROMTOOL = "/usr/local/bin/promtool"
OURS = Path(__file__).parents[2] / "roles" / "deploy_runner" / "files" / "breakglass-alerts.yml"


def test_a_fresh_host_where_it_fails_is_bare_again(
    lab: Lab, runner_host: LabHost, runner_site: dict[str, object], tmp_path: Path
) -> None:
    """Settings that the runner refuses: a sentence says why, and there is no file, directory or user of ours."""
    forget(runner_host)
    forget_anchors(lab)
    before = state_of(runner_host)
    broken = {
        **runner_site,
        "deploy_runner_files": {**runner_site["deploy_runner_files"], "breakglass.yml": "/dev/null"},
    }  # type: ignore[dict-item]
    assert deploy(lab, broken).code != 0
    assert state_of(runner_host) == before
    text = (tmp_path / "site" / "settings.yml").read_text(encoding="utf-8")
    (tmp_path / "refused.yml").write_text(text.replace("127.0.0.1:8443", "nowhere"), encoding="utf-8")
    files = {**runner_site["deploy_runner_files"], "settings.yml": str(tmp_path / "refused.yml")}  # type: ignore[dict-item]
    run = deploy(lab, {**runner_site, "deploy_runner_files": files})
    assert run.code != 0
    assert run.sentence.startswith(f"The runner was not deployed to {HOST}: it refuses its settings: ")
    assert run.sentence.endswith("What was there before was put back.")
    assert state_of(runner_host) == before


def test_check_mode_predicts_and_the_runner_is_ready(
    lab: Lab, runner_host: LabHost, runner_site: dict[str, object]
) -> None:
    """Check mode changes nothing and names the tasks that then change; the service can do all of its work; again nothing changes.

    What is installed is given the labels of a host that has such, once: by a stand-in for SELinux's program, since Debian has no policy.
    """
    forget(runner_host)
    runner_host.write(RESTORECON, f'#!/bin/sh\necho "$@" >> {LABELLED}\n', 0o755)
    forget_anchors(lab)
    bare = state_of(runner_host)
    predicted = deploy(lab, runner_site, "--check", "--diff")
    assert (predicted.code, state_of(runner_host)) == (0, bare)
    run = deploy(lab, runner_site)
    assert run.code == 0, run.text
    assert [task for task in run.changed(HOST) if task != "Start it"] == predicted.changed(HOST)
    assert answer(runner_host, "readyz") == READY
    assert (told(runner_host, "StatusText"), told(runner_host, "WatchdogUSec")) == ("ready", "1min")
    assert runner_host.run(f"systemctl is-enabled {UNIT}").stdout == "enabled\n"
    deployed, pid = state_of(runner_host), main_pid(runner_host)
    again = deploy(lab, runner_site)
    assert (again.code, again.changed(HOST), main_pid(runner_host), state_of(runner_host)) == (0, [], pid, deployed)
    assert re.fullmatch(r"-R /opt/breakglass-runner/[0-9a-f]{16}\n", runner_host.read(LABELLED))
    runner_host.run(["rm", RESTORECON, LABELLED])


def test_the_unit_lets_it_do_its_work_only(lab: Lab, runner_host: LabHost, runner_site: dict[str, object]) -> None:
    """It is its own user without a capability, its files are its own, and systemd calls its exposure low."""
    assert deploy(lab, runner_site).code == 0
    status = runner_host.read(f"/proc/{main_pid(runner_host)}/status")
    assert "NoNewPrivs:\t1" in status
    assert "CapBnd:\t0000000000000000" in status
    assert "Seccomp:\t2" in status
    assert runner_host.run(f"ps -o user:30= -p {main_pid(runner_host)}").stdout.strip() == "breakglass-runner"
    modes = runner_host.run(
        f"stat -c '%a %U:%G' /etc/breakglass /etc/breakglass/settings.yml /etc/breakglass/secrets/secret_id {STATE}"
    )
    assert modes.stdout.splitlines() == [
        "750 root:breakglass-runner",
        "640 root:breakglass-runner",
        "400 breakglass-runner:breakglass-runner",
        "700 breakglass-runner:breakglass-runner",
    ]
    said = runner_host.run(f"systemd-analyze security --no-pager {UNIT} | tail -1").stdout
    print(said)
    assert float(said.split(":")[1].split()[0]) <= WORST_EXPOSURE, said


def test_a_reload_takes_in_the_policy(lab: Lab, runner_host: LabHost, runner_site: dict[str, object]) -> None:
    """`systemctl reload` has the same process read its policy anew, and it stays ready."""
    assert deploy(lab, runner_site).code == 0
    pid, loaded = main_pid(runner_host), records(runner_host).count("policy.loaded")
    runner_host.run(["systemctl", "reload", UNIT])
    settled(runner_host, lambda: records(runner_host).count("policy.loaded") > loaded, 30)
    assert (main_pid(runner_host), answer(runner_host, "readyz")) == (pid, READY)


def test_a_unit_of_others_stays(lab: Lab, runner_host: LabHost, runner_site: dict[str, object]) -> None:
    """It is refused by name, and nothing is changed."""
    forget(runner_host)
    forget_anchors(lab)
    runner_host.write(UNIT_PATH, "[Service]\nExecStart=/bin/true\n")
    before = state_of(runner_host)
    run = deploy(lab, runner_site)
    assert (run.code != 0, run.changed(HOST), state_of(runner_host)) == (True, [], before)
    assert run.sentence == f"{UNIT_PATH} is not this role's; nothing was changed. Move it away, or rename it."
    runner_host.run(["rm", UNIT_PATH])


def test_alert_rules_are_copied_for_a_prometheus(
    lab: Lab, runner_host: LabHost, runner_site: dict[str, object]
) -> None:
    """Where the path says, checked by promtool if it is there; a second run changes nothing; a file of others stays."""
    forget(runner_host)
    forget_anchors(lab)
    given = {**runner_site, "deploy_runner_alert_rules": RULES}
    runner_host.write(RULES, "groups: []\n")
    run = deploy(lab, given)
    assert (run.code != 0, run.changed(HOST)) == (True, [])
    assert run.sentence == f"{RULES} is not this role's; nothing was changed. Move it away, or name another file."
    runner_host.run(["rm", RULES])

    put_program(runner_host, Path("/usr/bin/promtool"), PROMTOOL)
    predicted = deploy(lab, given, "--check")
    run = deploy(lab, given)
    assert run.code == 0, run.text
    assert "Copy the alert rules" in run.changed(HOST)
    assert [task for task in run.changed(HOST) if task != "Start it"] == predicted.changed(HOST)
    assert runner_host.read(RULES) == OURS.read_text(encoding="utf-8")
    assert (deploy(lab, given).changed(HOST), answer(runner_host, "readyz")) == ([], READY)
    runner_host.run(["rm", PROMTOOL])


def test_alert_rules_that_prometheus_refuses_are_not_there(
    lab: Lab, runner_host: LabHost, runner_site: dict[str, object]
) -> None:
    """A promtool that does not know what they ask for keeps the runner from being deployed; what was there is put back."""
    forget(runner_host)
    forget_anchors(lab)
    runner_host.run(["mkdir", "-p", str(Path(RULES).parent)])
    runner_host.write(PROMTOOL, "#!/bin/sh\n[ $1 = --version ] || { echo unknown function >&2; exit 1; }\n", 0o755)
    before = state_of(runner_host)
    run = deploy(lab, {**runner_site, "deploy_runner_alert_rules": RULES})
    runner_host.run(["rm", PROMTOOL])
    assert (run.code != 0, state_of(runner_host)) == (True, before)
    assert "unknown function" in run.sentence


@pytest.mark.parametrize(
    "bad",
    [
        {"deploy_runner_requirements": []},
        {"deploy_runner_program": "/usr/bin/breakglass"},
        {"deploy_runner_requirements": ["a; CANARY"]},
        {"deploy_runner_python": "python3"},
        {"deploy_runner_files": {"../CANARY": "/etc/hostname", "settings.yml": "/etc/hostname"}},
        {"deploy_runner_secrets": {"settings.yml": "/etc/hostname"}},
        {"deploy_runner_files": {}},
        {"deploy_runner_url": "http://127.0.0.1:8443/CANARY"},
        {"deploy_runner_proof_within": 601},
        {"deploy_runner_drain_seconds": 29},
        {"deploy_runner_watchdog_seconds": 29},
        {"deploy_runner_writable": ["/srv/archive\nCANARY"]},
        {"deploy_runner_writable": ["/etc/breakglass/CANARY"]},
        {"deploy_runner_alert_rules": "rules/CANARY.yml"},
        {"deploy_runner_alert_rules": "/opt/breakglass-runner/CANARY.yml"},
    ],
)
def test_bad_parameters_are_refused(
    lab: Lab, runner_host: LabHost, runner_site: dict[str, object], bad: dict[str, object]
) -> None:
    """Before anything is looked at or changed, by a sentence that names the parameter and not the value."""
    run = deploy(lab, {**runner_site, **bad})
    assert (run.code != 0, run.changed(HOST)) == (True, [])
    assert next(iter(bad)) in run.sentence
    assert "CANARY" not in run.sentence
    assert "Read the unit that is there" not in run.tasks
