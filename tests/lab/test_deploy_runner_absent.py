# SPDX-License-Identifier: GPL-3.0-or-later
"""deploy_runner_state: absent on a real host: all that the role has made goes, and no record does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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
    records,
    state_of,
    told,
)

if TYPE_CHECKING:
    from tests.lab.api import Lab
    from tests.lab.host import LabHost

ABSENT = {"deploy_runner_state": "absent"}
NOTHING_LEFT = f"There is no runner on {HOST} any more."
TRACES = f"ls -d {UNIT_PATH} /etc/systemd/system/*/{UNIT}.service /etc/breakglass /opt/breakglass-runner {RULES} /run/breakglass-runner*"


def kept(host: LabHost) -> str:
    """The runner's records and its database, byte for byte, and whose they are."""
    return host.run(
        f"find {STATE} -type f | sort | xargs sha256sum; find {STATE} -printf '%p %m %u:%g\\n' | sort"
    ).stdout


def test_all_of_it_goes_and_its_records_stay(lab: Lab, runner_host: LabHost, runner_site: dict[str, object]) -> None:
    """Check mode foretells it; it drains first; unit, files, installation and rules are gone, and a second run changes nothing.

    Journal and database stay as the runner has left them, and so does their owner; the sentence says how to remove them.
    """
    forget(runner_host)
    forget_anchors(lab)
    runner_host.run(["mkdir", "-p", str(Path(RULES).parent)])
    given = {**runner_site, "deploy_runner_alert_rules": RULES}
    assert deploy(lab, given).code == 0
    deployed = state_of(runner_host)

    predicted = deploy(lab, {**given, **ABSENT}, "--check", "--diff")
    assert (predicted.code, state_of(runner_host), answer(runner_host, "readyz")) == (0, deployed, READY)
    assert f"There would be no runner on {HOST} any more." in predicted.text

    run = deploy(lab, {**given, **ABSENT})
    assert run.code == 0, run.text
    assert run.changed(HOST) == predicted.changed(HOST) != []
    assert runner_host.run(TRACES, check=False).stdout == ""
    assert (told(runner_host, "LoadState"), told(runner_host, "ActiveState")) == ("not-found", "inactive")
    assert records(runner_host)[-1] == "runner.stopped"
    assert NOTHING_LEFT in run.text
    assert f"rm -r {STATE} && userdel breakglass-runner" in run.text
    left = kept(runner_host)
    assert f"{STATE}/breakglass.db 600 breakglass-runner:breakglass-runner" in left
    assert f"{STATE}/journal/ledger.jsonl" in left

    again = deploy(lab, {**given, **ABSENT})
    assert (again.code, again.changed(HOST), kept(runner_host)) == (0, [], left)
    assert NOTHING_LEFT in again.text


def test_it_can_come_back_to_its_records(lab: Lab, runner_host: LabHost, runner_site: dict[str, object]) -> None:
    """Deployed again it goes on with the journal and the database that it has left, and is ready; with no other variable it goes."""
    assert deploy(lab, runner_site).code == 0
    assert deploy(lab, ABSENT).code == 0
    before = records(runner_host)
    assert deploy(lab, runner_site).code == 0
    assert answer(runner_host, "readyz") == READY
    assert records(runner_host)[: len(before)] == before
    run = deploy(lab, ABSENT)
    assert (run.code, runner_host.run(TRACES, check=False).stdout) == (0, "")


def test_what_others_have_put_there_stays(lab: Lab, runner_host: LabHost, runner_site: dict[str, object]) -> None:
    """A file of somebody else in the configuration is named and stays, with nothing of ours beside it; so does a database elsewhere."""
    assert deploy(lab, runner_site).code == 0
    server = "postgresql://breakglass@db1/breakglass"
    runner_host.run(["sed", "-i", f"s#^database_url: .*#database_url: {server}#", "/etc/breakglass/settings.yml"])
    runner_host.write("/etc/breakglass/collections/of/others.yml", "kept\n")
    run = deploy(lab, ABSENT)
    assert run.code == 0, run.text
    found = runner_host.run("find /etc/breakglass -type f").stdout
    assert found == "/etc/breakglass/collections/of/others.yml\n"
    assert "What others have put into /etc/breakglass stays, too: /etc/breakglass/collections, " in run.text
    assert f"Its database is on a server, and was not touched: {server}" in run.text
    assert f"rm -r {STATE} && userdel" in run.text
    again = deploy(lab, ABSENT)
    assert (again.code, again.changed(HOST)) == (0, [])
    runner_host.run(["rm", "-r", "/etc/breakglass"])


def test_a_host_without_a_runner(lab: Lab, runner_host: LabHost) -> None:
    """Nothing is there to take away, and nothing is changed: neither in check mode nor for real."""
    forget(runner_host)
    before = state_of(runner_host)
    for options in (("--check",), ()):
        run = deploy(lab, ABSENT, *options)
        assert (run.code, run.changed(HOST), state_of(runner_host)) == (0, [], before), run.text


def test_a_unit_of_others_is_not_taken_away(lab: Lab, runner_host: LabHost) -> None:
    """It is refused by name, and nothing is changed."""
    forget(runner_host)
    runner_host.write(UNIT_PATH, "[Service]\nExecStart=/bin/true\n")
    before = state_of(runner_host)
    run = deploy(lab, ABSENT)
    assert (run.code != 0, run.changed(HOST), state_of(runner_host)) == (True, [], before)
    assert run.sentence == f"{UNIT_PATH} is not this role's; nothing was changed. Move it away, or rename it."
    runner_host.run(["rm", UNIT_PATH])
