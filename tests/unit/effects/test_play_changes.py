# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stream of a preview tells of what would change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.effects.test_play_story import write

from breakglass.domain.previews import Previewed, WouldChange
from breakglass.effects.play_changes import LARGEST, MOST, read_changes
from breakglass.effects.play_process import Order

if TYPE_CHECKING:
    from pathlib import Path

ROLE = "breakglass.remediation.restore_config"
GRANT = ("task.started", {"task": "t0", "name": "Open the grant", "action": "breakglass.remediation.grant"})
WRITE = ("task.started", {"task": "t1", "name": f"{ROLE} : Write it", "action": "ansible.builtin.copy", "role": ROLE})
RELOAD = ("handler.started", {"task": "t2", "name": f"{ROLE} : Reload", "action": "x", "role": ROLE})
DIFFERENCE = ("task.changed_files", {"task": "t1", "host": "web1", "differences": ["-old\n+new"]})


def result(task: str, *, host: str = "web1", changed: bool = True) -> tuple[str, dict[str, object]]:
    return "task.result", {"task": task, "host": host, "status": "ok", "changed": changed}


def test_what_the_remediation_would_change(tmp_path: Path) -> None:
    """Tasks and handlers of the role that say "changed", with their differences; not what the play opens for itself."""
    records = (GRANT, result("t0"), WRITE, DIFFERENCE, result("t1"), result("t1", host="web2", changed=False))
    path = write(tmp_path / "play-1.jsonl", *records, RELOAD, result("t2"))
    assert read_changes(path) == Previewed(
        (
            WouldChange("web1", "restore_config : Write it", ("-old\n+new",)),
            WouldChange("web1", "restore_config : Reload"),
        )
    )


def test_differences_may_be_told_after_the_result(tmp_path: Path) -> None:
    """Versions of Ansible differ in that."""
    path = write(tmp_path / "play-1.jsonl", WRITE, result("t1"), DIFFERENCE)
    assert read_changes(path).changes[0].differences == ("-old\n+new",)


def test_a_play_that_changes_nothing(tmp_path: Path) -> None:
    """That is an answer, too; a stream that is not there is none, which the play's outcome says."""
    path = write(tmp_path / "play-1.jsonl", WRITE, result("t1", changed=False))
    assert read_changes(path) == Previewed()


def test_much_of_it_is_capped(tmp_path: Path) -> None:
    """So many changes, so many characters; a long text of a record is its beginning."""
    long = (
        "task.changed_files",
        {"task": "t1", "host": "web1", "differences": [{"text": "x" * 4000, "size": 9000}] * 9},
    )
    many = [record for number in range(MOST + 5) for record in (_task(number), result(f"m{number}"))]
    seen = read_changes(write(tmp_path / "play-1.jsonl", WRITE, long, result("t1"), *many))
    assert sum(len(text) for change in seen.changes for text in change.differences) == LARGEST
    assert len(seen.changes) == MOST
    assert seen.left_out == 6


def test_a_preview_shows_differences_and_a_drill_does_not() -> None:
    """A drill in check mode is as quiet as a repair."""
    assert Order("p", "i", 1, check_mode=True, show_differences=True).options == "--check --diff"
    assert Order("p", "i", 1, check_mode=True).options == "--check"
    assert Order("p", "i", 1).options is None


def _task(number: int) -> tuple[str, dict[str, object]]:
    return "task.started", {"task": f"m{number}", "name": "x", "action": "y", "role": ROLE}
