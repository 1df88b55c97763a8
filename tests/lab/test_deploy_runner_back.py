# SPDX-License-Identifier: GPL-3.0-or-later
"""deploy_runner where a runner works already: what a new one is refused for brings the old one back, whole and at work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.lab.deploying import (
    HOST,
    READY,
    RULES,
    STATE,
    UNIT,
    answer,
    deploy,
    forget,
    forget_anchors,
    main_pid,
    records,
    state_of,
    told,
)

if TYPE_CHECKING:
    from tests.lab.api import Lab
    from tests.lab.host import LabHost

Given = dict[str, object]
LOADED = ("ExecStart", "TimeoutStopUSec", "WatchdogUSec", "Type", "FragmentPath", "NeedDaemonReload", "UnitFileState")


def at_work(host: LabHost) -> dict[str, str]:
    """What runs: as systemd has loaded it, as the kernel has started it, and out of which files."""
    loaded = {name: told(host, name).split(" ; start_time=")[0] for name in LOADED}
    process = host.run(f"tr '\\0' ' ' < /proc/{main_pid(host)}/cmdline; readlink /proc/{main_pid(host)}/exe").stdout
    environment = process.split("/bin/")[0]
    files = host.run(f"find {environment} -type f | sort | xargs sha256sum | sha256sum", timeout=120).stdout
    return {**loaded, "process": process, "installation": f"{environment} {files}"}


def changed_in_every_way(given: Given, directory: Path, settings: Given) -> Given:
    """Another unit, configuration, secret, alert rule path and installation, with these settings."""
    text = yaml.safe_load(Path(str(given["deploy_runner_files"]["settings.yml"])).read_text(encoding="utf-8"))  # type: ignore[index]
    (directory / "new-settings.yml").write_text(yaml.safe_dump({**text, **settings}), encoding="utf-8")
    (directory / "new-token").write_text("another token", encoding="utf-8")
    files = {**given["deploy_runner_files"], "settings.yml": str(directory / "new-settings.yml")}  # type: ignore[dict-item]
    secrets = {**given["deploy_runner_secrets"], "secrets/new": str(directory / "new-token")}  # type: ignore[dict-item]
    return {
        **given,
        "deploy_runner_files": {**files, "more/new.yml": "/etc/hostname"},
        "deploy_runner_secrets": {**secrets, "secrets/alertmanager": str(directory / "new-token")},
        "deploy_runner_requirements": [*given["deploy_runner_requirements"], "--no-compile"],  # type: ignore[misc]
        "deploy_runner_drain_seconds": 77,
        "deploy_runner_watchdog_seconds": 99,
        "deploy_runner_alert_rules": RULES,
        "deploy_runner_proof_within": 5,
    }


@pytest.mark.parametrize(
    "refused",
    [
        (
            {"listen": "198.51.100.7:8443", "behind_tls_proxy": True},
            "it does not start: The runner can't listen on 198.51.100.7:8443: Cannot assign requested address.",
        ),
        (
            {"vault": {"url": "http://127.0.0.1:9", "auth_method": "approle"}},
            "it does not say that it can do all of its work: ",
        ),
    ],
    ids=["refused only at the start", "started and never ready"],
)
def test_a_working_runner_comes_back(
    lab: Lab, runner_host: LabHost, runner_site: Given, tmp_path: Path, refused: tuple[Given, str]
) -> None:
    """New settings that pass the check and fail at the start: the old unit, files and installation are there, and at work.

    It is the old program that was started again, ready, with the journal that it had; the sentence says what is wrong.
    """
    settings, said = refused
    forget(runner_host)
    forget_anchors(lab)
    runner_host.run(["mkdir", "-p", str(Path(RULES).parent)])
    assert deploy(lab, runner_site).code == 0
    before, work, pid = state_of(runner_host), at_work(runner_host), main_pid(runner_host)
    recorded = records(runner_host)
    if vault := settings.get("vault"):
        old = yaml.safe_load((tmp_path / "site" / "settings.yml").read_text(encoding="utf-8"))["vault"]
        settings = {"vault": {**old, **vault}}  # type: ignore[dict-item]

    run = deploy(lab, changed_in_every_way(runner_site, tmp_path, settings))

    assert run.code != 0
    assert {"Install", "Copy the configuration", "(no_log)", "Write the unit", "Copy the alert rules"} <= set(
        run.changed(HOST)
    )
    assert run.sentence.startswith(f"The runner was not deployed to {HOST}: {said}"), run.sentence
    assert run.sentence.endswith(". What was there before was put back.")
    assert state_of(runner_host) == before
    assert answer(runner_host, "readyz") == READY
    assert at_work(runner_host) == work
    assert main_pid(runner_host) != pid
    assert told(runner_host, "NRestarts") == "0"
    now = records(runner_host)
    assert now[: len(recorded)] == recorded
    assert now.count("runner.started") > recorded.count("runner.started")
    assert runner_host.exists(f"{STATE}/breakglass.db")


def test_one_that_was_not_enabled_and_does_not_work_stays_so(
    lab: Lab, runner_host: LabHost, runner_site: Given, tmp_path: Path
) -> None:
    """A runner that a person has stopped and disabled is neither started nor enabled when a new one fails."""
    assert deploy(lab, runner_site).code == 0
    runner_host.run(["systemctl", "disable", "--now", UNIT])
    before = state_of(runner_host)
    run = deploy(
        lab, changed_in_every_way(runner_site, tmp_path, {"listen": "198.51.100.7:8443", "behind_tls_proxy": True})
    )
    assert (run.code != 0, state_of(runner_host)) == (True, before)
    assert runner_host.active(UNIT) == "inactive"


def test_refused_settings_do_not_disturb_a_working_runner(
    lab: Lab, runner_host: LabHost, runner_site: Given, tmp_path: Path
) -> None:
    """What the check of the settings refuses is put back before anything is stopped: the old process goes on."""
    assert deploy(lab, runner_site).code == 0
    before, pid = state_of(runner_host), main_pid(runner_host)
    run = deploy(lab, changed_in_every_way(runner_site, tmp_path, {"listen": "nowhere"}))
    assert (run.code != 0, state_of(runner_host), main_pid(runner_host)) == (True, before, pid)
    assert answer(runner_host, "readyz") == READY
