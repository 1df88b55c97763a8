# SPDX-License-Identifier: GPL-3.0-or-later
"""Where this run is recorded: told by the runner in the run directory, or chosen here for a run without one."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._journal.ledger import Ledger
from .._run.directory import RunDirectory, parent_of_runs, state_directory

if TYPE_CHECKING:
    from collections.abc import Mapping

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class UntoldStory(BreakglassError):
    """Raised when a runner drives the run but does not say where it is to be recorded."""


@dataclass(frozen=True)
class Place:
    """Where one run is recorded.

    Attributes:
        run: Its directory.
        journal: The journal's directory.
        stream: Path without `.jsonl`, relative to the journal; also the stream's origin.
        under_runner: Whether a runner drives the run.
        about: What the runner says of it: incident, attempt, plan digest, accessor of the grant.
        previews: Whether it only shows people what the plan would change, before they are asked.
    """

    run: RunDirectory
    journal: Path
    stream: str
    under_runner: bool
    about: Mapping[str, str] = field(default_factory=dict)
    previews: bool = False

    @property
    def path(self) -> Path:
        """The stream's file."""
        return self.journal / f"{self.stream}.jsonl"


def find_place(environ: Mapping[str, str]) -> Place:
    """Take the place that the runner prepared, or make one below this user's state directory."""
    if given := environ.get("BREAKGLASS_RUN_DIR"):
        return _place_of_runner(RunDirectory(Path(given)))
    journal = Path(environ.get("BREAKGLASS_JOURNAL") or state_directory(environ) / "journal").absolute()
    now = datetime.now(tz=timezone.utc)
    name = "RUN-" + "".join(secrets.choice(ALPHABET) for _letter in range(8))
    stream = f"{now:%Y/%m/%d}/{name}/play-1"
    run = RunDirectory.create(parent_of_runs(environ))
    try:
        Ledger.create_if_absent(journal).announce(Path(f"{stream}.jsonl"), stream)
    except BreakglassError:
        run.wipe()
        raise
    return Place(run, journal, stream, under_runner=False)


def forsake(place: Place) -> None:
    """Leave nothing of a run that could not begin to be recorded; a runner looks after its own directories."""
    if place.under_runner:
        return
    place.run.wipe()
    if not place.path.exists():
        with suppress(BreakglassError):
            Ledger.open(place.journal).absent(Path(f"{place.stream}.jsonl"))


def _place_of_runner(run: RunDirectory) -> Place:
    run.check()
    story = run.read_json(run.story)
    if story is None or not {"journal", "stream"} <= story.keys():
        raise UntoldStory(
            f"BREAKGLASS_RUN_DIR is set, but {run.story} does not say where to record this run. Unset it, unless the "
            "runner started this."
        )
    about: dict[str, str] = {
        name: str(story[name]) for name in ("incident", "attempt", "plan_digest", "accessor") if name in story
    }
    return Place(
        run,
        Path(str(story["journal"])),
        str(story["stream"]),
        under_runner=True,
        about=about,
        previews=story.get("preview") is True,
    )
