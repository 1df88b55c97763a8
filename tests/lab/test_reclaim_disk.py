# SPDX-License-Identifier: GPL-3.0-or-later
"""reclaim_disk on a real host: a full root file system is cleared, of nothing but what may go, and also with nobody looking on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.lab.faults import FILL
from tests.lab.watching import repaired_unattended

from breakglass.verification import verify_journal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.api import Lab
    from tests.lab.host import LabHost

    from breakglass.demo.serving import Serving

ROLE = "reclaim_disk"
ROOT = {"reclaim_disk_path": "/", "reclaim_disk_ceiling": 100}
ARCHIVED = "0123456789abcdef0123456789abcdef-0000000000000001-0006614200000000"
REMOVE = "Remove what may go from /"
DATA = "/srv/breakglass-lab.data"
WRITER = """
import os, time
f = open("/var/log/breakglass-lab.log", "w")
f.write("x" * 200_000_000)
f.flush()
os.unlink("/var/log/breakglass-lab.log")
time.sleep(36000)
"""


@pytest.fixture
def full(lab: Lab) -> Iterator[LabHost]:
    """A host whose root file system is full of one rotated log."""
    lab.break_("disk-full", "web1")
    try:
        yield lab.host("web1")
    finally:
        lab.mend("disk-full", "web1")


@pytest.fixture
def filled(lab: Lab) -> Iterator[LabHost]:
    """A host whose root file system is full of data, which no repair may remove."""
    web1 = lab.host("web1")
    web1.run(f"fallocate -l $(( $(df --output=avail -B1 / | tail -1) * 95 / 100 )) {DATA}")
    try:
        yield web1
    finally:
        web1.run(f"rm -f {DATA}")


def _used(host: LabHost) -> int:
    return int(host.run("df --output=pcent / | tail -1 | tr -dc 0-9").stdout)


@pytest.mark.core
def test_check_mode_predicts_what_the_repair_then_removes(lab: Lab, full: LabHost) -> None:
    """A disk without a free block: check mode says what would go, the repair removes exactly that, a second run nothing."""
    assert _used(full) == 100
    predicted = lab.run_role(ROLE, ["web1"], ROOT, check=True)
    assert full.exists(FILL)
    full.run("rm -rf /run/breakglass/evidence")
    repaired = lab.run_role(ROLE, ["web1"], ROOT)
    assert (predicted.code, repaired.code) == (0, 0), repaired.text
    assert repaired.changed("web1") == predicted.changed("web1") == [REMOVE]
    assert _used(full) < 80
    [would], [did] = (
        [one["freed"] for one in run.bodies("task.result") if one.get("freed")] for run in (predicted, repaired)
    )
    assert would == did
    assert full.run("ls -A /run/breakglass/evidence").stdout.count("reclaim_disk") == 1
    assert lab.run_role(ROLE, ["web1"], ROOT).changed("web1") == []
    lab.record_run(role=ROLE, fault="disk-full", run=repaired)
    verified = verify_journal(repaired.journal, None, lab.environment, offline=False)
    assert verified.exit_code == 0, verified.text()


def test_what_may_not_go_stays_and_people_are_told_what_fills_the_disk(lab: Lab, filled: LabHost) -> None:
    """Data is never removed; check mode foresees the failure, and one sentence names the largest directory."""
    for check in (True, False):
        run = lab.run_role(ROLE, ["web1"], ROOT, check=check)
        assert run.code != 0
        assert re.search(
            f"^/ {'would still be' if check else 'is still'} 9. % used, wanted less than 80 %: ", run.sentence
        )
        assert "most is in /srv " in run.sentence
        assert run.changed("web1") == []
    assert filled.exists(DATA)


def test_the_ceiling_holds(lab: Lab, full: LabHost) -> None:
    """A rotated log that is larger than what one run may remove stays, and the sentence says so."""
    run = lab.run_role(ROLE, ["web1"], {"reclaim_disk_path": "/"})
    assert run.code != 0
    assert "left ceiling 1" in run.sentence
    assert full.exists(FILL)


def test_links_other_mounts_and_open_files_are_left(lab: Lab) -> None:
    """Rotated logs behind a link, on a bind mount, with two names, of logins, or in use stay; the others go, whatever their names."""
    web1 = lab.host("web1")
    web1.run(
        "mkdir -p /srv/lab /var/log/lab /var/log/lab-mount; ln -s /srv/lab /var/log/lab-link; echo x > /srv/lab/away.log.1"
    )
    web1.run(
        "cd /var/log/lab && for f in two auth used $'new\\nline'; do echo x > \"$f.log.1\"; done; ln two.log.1 /srv/lab/two"
    )
    web1.run("touch -d '3 days ago' /srv/lab/* /var/log/lab/*; mount --bind /srv/lab /var/log/lab-mount")
    used = "--property=StandardInput=file:/var/log/lab/used.log.1"
    web1.run(["systemd-run", "--quiet", "--unit=lab-reader", "--collect", used, "sleep", "infinity"])
    lab.break_("disk-full", "web1")
    try:
        run = lab.run_role(ROLE, ["web1"], ROOT)
        assert run.code == 0, run.text
        assert [one["left"] for one in run.bodies("task.result") if one.get("left")] == [["hard_links 1", "in_use 1"]]
        assert web1.run("ls /srv/lab").stdout.split() == ["away.log.1", "two"]
        assert web1.run("ls /var/log/lab").stdout.split() == ["auth.log.1", "two.log.1", "used.log.1"]
    finally:
        web1.run("systemctl stop lab-reader; umount /var/log/lab-mount && rm -rf /srv/lab /var/log/lab /var/log/lab-*")
        lab.mend("disk-full", "web1")


def test_archived_journals_go_and_the_ones_that_are_written_stay(lab: Lab) -> None:
    """What is left of the journal is sound; that this was not enough is said, with what was freed."""
    web1 = lab.host("web1")
    web1.run(
        f"logger -t lab before; journalctl --sync; cd /var/log/journal/* && cp -p system.journal system@{ARCHIVED}.journal"
    )
    asked = {"reclaim_disk_path": "/", "reclaim_disk_floor": 1, "reclaim_disk_kinds": ["journal"]}
    run = lab.run_role(ROLE, ["web1"], asked)
    assert run.changed("web1") == [REMOVE]
    assert "removed journal: " in run.sentence
    assert run.sentence.endswith("; what was removed cannot be brought back.")
    assert "system@" not in web1.run("ls /var/log/journal/*").stdout
    web1.run("journalctl --verify --quiet")
    assert "before" in web1.run("journalctl -t lab --output=cat").stdout


def test_a_deleted_file_that_is_still_open_is_told_and_emptied_only_when_allowed(lab: Lab) -> None:
    """First who holds it; then, with deleted_files among the kinds, it is emptied while its process goes on."""
    web1 = lab.host("web1")
    web1.run(["systemd-run", "--quiet", "--unit=lab-writer", "--collect", "python3", "-c", WRITER])
    web1.run(
        "timeout 20 sh -c 'until ls -l /proc/*/fd 2>/dev/null | grep -q \"breakglass-lab.log (deleted)\"; do sleep 0.1; done'"
    )
    before = _used(web1)
    asked = {"reclaim_disk_path": "/", "reclaim_disk_floor": before - 5}
    try:
        told = lab.run_role(ROLE, ["web1"], asked)
        assert told.code != 0
        assert "deleted but open are files of python3 (process" in told.sentence
        done = lab.run_role(ROLE, ["web1"], {**asked, "reclaim_disk_kinds": ["deleted_files"]})
        assert done.code == 0, done.text
        assert _used(web1) < before - 5
        assert web1.active("lab-writer") == "active"
    finally:
        web1.run("systemctl stop lab-writer", check=False)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("reclaim_disk_path", "/srv/../etc"),
        ("reclaim_disk_path", "/;reboot"),
        ("reclaim_disk_path", "/" + "a" * 10_000),
        ("reclaim_disk_log_directories", ["/var/log/*"]),
        ("reclaim_disk_kinds", ["{{ lookup('pipe', 'touch /srv/canary') }}"]),
        ("reclaim_disk_ceiling", 101),
    ],
)
def test_a_parameter_that_is_none_is_refused_before_anything_is_done(lab: Lab, parameter: str, value: object) -> None:
    """Also one that would be a template."""
    run = lab.run_role(ROLE, ["web1"], {**ROOT, parameter: value}, check=True)
    assert run.code != 0
    assert parameter in run.sentence
    assert f"Look at {value}" not in run.text
    assert not Path("/srv/canary").exists()
    assert not lab.host("web1").exists("/srv/canary")


def test_a_full_disk_is_repaired_unattended(watched: Lab, runner: Serving) -> None:
    """The file system has no free block; Prometheus, Alertmanager and the runner see to it."""
    assert runner.pid
    web1 = watched.host("web1")
    repaired_unattended(watched, "disk-full", "web1", proof=lambda: not web1.exists(FILL) and _used(web1) < 80)
