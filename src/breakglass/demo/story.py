# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's incident as its journal tells it, and the checks that nothing in it falls short."""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.errors import BreakglassError
from breakglass.narrator import Narrator
from breakglass.timeline import Event, Follower, Line, shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from breakglass.verification import Verified

ATTEMPTS_THAT_FAIL = 2


class BrokenPromise(BreakglassError):
    """Raised when the incident did not go as the demo promises; says in what."""


class Story:
    """Follows one incident.

    Attributes:
        incident: Its id.
        result: Of the journal's verification, once it was made.
    """

    def __init__(self, incident: str, journal: Path, say: Callable[[str], object]) -> None:
        self.incident = incident
        self.result: Verified | None = None
        self._journal = journal
        self._say = say
        self._narrator = Narrator()
        self._events: list[Event] = []
        self._lines: list[Line] = []
        self._follower: Follower | None = None

    @property
    def verified(self) -> bool:
        """Whether the journal was found intact."""
        return self.result is not None and self.result.exit_code == 0

    @property
    def revoked(self) -> bool:
        """Whether a grant was proven gone."""
        return bool(self._of("grant.revoked"))

    @property
    def last_line(self) -> str:
        """The newest thing that was said."""
        return f"{self._lines[-1].name}: {self._lines[-1].text}" if self._lines else "nothing happened"

    def follow(self) -> None:
        """Say what has happened since."""
        self._follower = self._follower or self._find()
        for event in self._follower.new_events() if self._follower else ():
            self._events.append(event)
            line = self._narrator.tell(event)
            if line:
                self._lines.append(line)
                self._tell(line)

    def over(self, *, escalated: bool) -> bool:
        """Whether the incident has come to the end that is expected."""
        return bool(self._of("escalation.delivered" if escalated else "incident.closed"))

    def sealed(self) -> bool:
        """Whether a checkpoint counts every record of the incident and of the ledger."""
        directory = self._directory()
        streams = list(directory.glob("*.jsonl")) if directory else []
        return bool(streams) and all(_signed_whole(path) for path in (*streams, self._journal / "ledger.jsonl"))

    def check(self, *, escalated: bool) -> None:
        """Compare with what the demo promises; raises BrokenPromise."""
        tasks = [event for event in self._of("task.result") if event.body.get("status") != "skipped"]
        revoked, minted = self._of("grant.revoked"), self._of("grant.minted")
        if not tasks or not self._of("task.intent"):
            raise BrokenPromise("No task was recorded.")
        if len(revoked) != len(minted) or not all(event.body.get("proven") for event in revoked):
            raise BrokenPromise("A grant was not proven gone.")
        if escalated and len(minted) != ATTEMPTS_THAT_FAIL:
            raise BrokenPromise(f"{len(minted)} attempts were made, not {ATTEMPTS_THAT_FAIL}.")
        if not escalated and self._closed_as() != "repaired":
            raise BrokenPromise(f"The incident closed as {self._closed_as()}, not as repaired.")

    def as_json(self) -> dict[str, object]:
        """The demo's one JSON object."""
        certificate = self._first("task.result", "serial")
        revoked = self._of("grant.revoked")
        last = revoked[-1].body if revoked else {}
        return {
            "incident": self.incident,
            "state": "closed" if self._of("incident.closed") else "escalated",
            "plan_digest": str(self._of("plan.made")[0].body["digest"]),
            "timeline": [{"at": line.at.isoformat(), "what": f"{line.name}: {line.text}"} for line in self._lines],
            "alert_to_first_task_seconds": self._alert_to_first_task(),
            "revocation": {"proven": bool(last.get("proven")), "accessor": str(last.get("accessor", ""))},
            "certificate": {
                "serial": str(certificate.get("serial", "")),
                "principals": certificate.get("principals", []),
                "valid_before": str(certificate.get("valid_before", "")),
            },
            "journal": str(self._journal),
            "journal_verified": self.verified,
        }

    def _alert_to_first_task(self) -> float:
        """Seconds from the alert's record to the result of the remediation's first task (after grant and certificate)."""
        certified = next(event.at for event in self._of("task.result") if event.body.get("serial"))
        first = next(event.at for event in self._of("task.result") if event.at > certified)
        return round((first - self._of("alert.firing")[0].at).total_seconds(), 3)

    def _closed_as(self) -> str:
        closed = self._of("incident.closed")
        return str(closed[0].body.get("result")) if closed else "nothing"

    def _of(self, kind: str) -> list[Event]:
        return [event for event in self._events if event.kind == kind]

    def _first(self, kind: str, field: str) -> dict[str, object]:
        return next((dict(event.body) for event in self._of(kind) if field in event.body), {})

    def _tell(self, line: Line) -> None:
        if line.name == "incident":
            self._say(f"  {self.incident}   {line.text}")
            return
        self._say(shown(line, self._events[0].at))

    def _directory(self) -> Path | None:
        return next(iter(self._journal.glob(f"*/*/*/{self.incident}")), None)

    def _find(self) -> Follower | None:
        directory = self._directory()
        return Follower(directory) if directory else None


def _signed_whole(stream: Path) -> bool:
    records = stream.read_bytes().count(b"\n")
    return stream.with_name(f"{stream.stem}.{records}.checkpoint").exists()
