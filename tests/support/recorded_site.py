# SPDX-License-Identifier: GPL-3.0-or-later
"""A crash site whose journal is shipped to two sinks, and a witness who remembers every line that was ever seen in it."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections import Counter
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Self

import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.ledger import NAME as LEDGER
from tests.support.crash_site import CrashSite
from tests.support.receivers.dialects import CloudEvents
from tests.support.receivers.faults import Fault, Script
from tests.support.receivers.http_receiver import Answer, HttpReceiver
from tests.support.traces import processes_of

from breakglass.narrator import UNKNOWN, Narrator, told
from breakglass.verification import Witnesses, verify_paths

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from breakglass.timeline import Event

SHIPPER = "plugin_utils._ship"
ANSWER_SECONDS = 0.05
FAULTS = (Fault.LOST_REPLY, Fault.CUT, Fault.BROKEN)


class SlowCloudEvents(CloudEvents):
    """Takes its time between keeping a batch and saying so: that is where a shipper's death makes duplicates."""

    def take(self, path: str, headers: Mapping[str, str], body: bytes, fault: Fault | None) -> Answer:
        answer = super().take(path, headers, body, fault)
        time.sleep(ANSWER_SECONDS)
        return answer


class Witness:
    """Remembers whole lines of every file of a journal; none of them may ever be missing, changed or there twice.

    Attributes:
        ids: Of all records seen, with the line of each.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._seen: dict[Path, bytes] = {}
        self.ids: dict[str, bytes] = {}

    def look(self) -> None:
        """Remember what is there now, after checking that everything is still there that was there before."""
        for path in self._journal.rglob("*.jsonl"):
            text = path.read_bytes()
            whole = text[: text.rfind(b"\n") + 1]
            known = self._seen.get(path, b"")
            assert whole.startswith(known), f"{path} has lost or changed a record that was there"
            for line in whole[len(known) :].splitlines():
                record = str(json.loads(line)["id"])
                assert record not in self.ids, f"{record} is there twice"
                self.ids[record] = line
            self._seen[path] = whole
        gone = [path for path in self._seen if not path.exists()]
        assert not gone, f"{gone} was taken away"

    def checkpoints(self) -> list[str]:
        """The ids under which the signed checkpoints are shipped that the ledger's seals speak of."""
        ledger = map(json.loads, (self._journal / LEDGER).read_bytes().splitlines())
        seals = [record["body"] for record in ledger if record["kind"] == "stream.sealed"]
        return [
            f"{body['stream'].removesuffix('.jsonl')}#checkpoint-{size}"
            for body in seals
            for size in body["checkpoints"][-1:]
            if size  # of an empty stream the seal itself says all
        ]


class RecordedSite(CrashSite):
    """Use it in a `with` block.

    Attributes:
        receiver: The HTTP sink.
        file: The file sink.
        witness: Of the journal.
    """

    def __enter__(self) -> Self:
        super().__enter__()
        self.receiver = self._parts.enter_context(HttpReceiver(SlowCloudEvents()))
        self.file = self.scratch / "shipped.jsonl"
        settings = yaml.load(self.place.settings.read_text(encoding="utf-8"), yaml.BaseLoader)
        settings["journal"]["sinks"] = {
            "siem": {"kind": "http", "url": self.receiver.url, "timeout": "5s", "batch": "9"},
            "file": {"kind": "file", "path": str(self.file)},
        }
        self.place.settings.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
        self.witness = Witness(self.place.journal)
        self._lines: Counter[bytes] = Counter()
        self._in_file: Counter[str] = Counter()
        self._read = 0
        return self

    def trouble_receiver(self, dice: random.Random) -> None:
        """Have the HTTP sink do some of its next deliveries wrong."""
        self.receiver.script = Script([dice.choice(FAULTS) for _ in range(dice.randint(0, 3))])

    def shippers(self) -> list[int]:
        """Shippers of this journal; the one of a dead runner may be saying its last words."""
        found = processes_of(f"{SHIPPER}\0--journal\0{self.place.journal}\0")
        return sorted(found)

    def players(self) -> list[int]:
        """Processes of plays that have been laid down: guard, Ansible, its workers, what they execute."""
        laid_down = [root for root in self.directories() if (root / "order.json").exists()]
        return sorted({pid for root in laid_down for pid in processes_of(str(root))})

    def in_file(self) -> Counter[str]:
        """How often each record is in the file sink; all copies of one are equal to the journal's line."""
        with self.file.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            record = str(json.loads(line)["id"])
            assert self.witness.ids.get(record, line) == line, f"{record} was shipped otherwise than it stands there"
            self._in_file[record] += 1
        return self._in_file

    def in_http(self) -> Counter[str]:
        """How often each record came to the HTTP sink."""
        self.receiver.bodies.clear()
        return Counter(self.receiver.kept)

    def not_shipped(self) -> list[str]:
        """Records and last checkpoints of the journal as the witness knows it that a sink has not got."""
        wanted = {*self.witness.ids, *self.witness.checkpoints()}
        return sorted((wanted - self.in_file().keys()) | (wanted - self.in_http().keys()))

    def tear(self, incident: str, dice: random.Random) -> tuple[int, str] | None:
        """Leave half a line at the end of a stream whose writer is dead, as a short write does before a death.

        Returns size and SHA-256 of it; None where every stream is sealed or has a writer that lives.
        """
        ledger = (self.place.journal / LEDGER).read_bytes()
        streams = sorted(self.place.journal.glob(f"*/*/*/{incident}/*.jsonl"))
        unsealed = [path for path in streams if not self._is_sealed(path, ledger)]
        for path in dice.sample([*unsealed, self.place.journal / LEDGER], len(unsealed) + 1):
            with path.open("r+b") as file, suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                written = file.read()
                if written and not written.endswith(b"\n"):
                    continue  # a death before this one has torn it, and both halves would be closed as one
                last = written.splitlines()[-1:] or [b'{"at":"2026-11-27T00:00:00.000000Z","body":{}}']
                half = last[0][: dice.randint(1, len(last[0]) - 1)]
                file.seek(0, os.SEEK_END)
                file.write(half)
                return len(half), sha256(half).hexdigest()
        return None

    def check_recovered(self, torn: tuple[int, str]) -> None:
        """A record says how long the half line was and what it was, and a signed checkpoint counts this record."""
        size, digest = torn
        said = [json.loads(line) for line in self.witness.ids.values() if digest.encode() in line]
        (record,) = [one for one in said if one["body"] == {"sha256": digest, "size": size}]
        assert record["kind"] == "stream.recovered"
        name = record["origin"] if (self.place.journal / f"{record['origin']}.jsonl").exists() else Path(LEDGER).stem
        (stream,) = [one for one in self._reports(f"{name}.jsonl") if one.path == f"{name}.jsonl"]
        assert max(signed for signed, _ in stream.signed_at) >= record["seq"], f"{name} is not signed"

    def check_unknown(self, incident: str) -> int:
        """Tasks that were begun and have no result are called unknown, each of them, by verifier and timeline; how many."""
        directory = next(iter(self.place.journal.glob(f"*/*/*/{incident}")))
        relative = directory.relative_to(self.place.journal).as_posix()
        events, found = self.events(incident), 0
        for report in self._reports(relative):
            if report.path != LEDGER:
                assert report.is_sealed, report
                mine = [event for event in events if f"{relative}/{event.stream}.jsonl" == report.path]
                unanswered = _unanswered(mine)
                assert len(report.remarks) == unanswered, (report, unanswered)
                found += unanswered
        shown = [line for _, line in told(events, Narrator())]
        tasks = [line.text for line in shown if line.name == "remediate" and line.text.endswith(UNKNOWN)]
        assert len(tasks) == found, (tasks, found)
        return found

    def _reports(self, name: str) -> list:
        witnesses = Witnesses(keys=None, offline=False)
        (verified,) = verify_paths([self.place.journal / name], witnesses, self.environment)
        assert verified.exit_code == 0, verified.text()
        return list(verified.report.streams)

    def _is_sealed(self, path: Path, ledger: bytes) -> bool:
        name = path.relative_to(self.place.journal).as_posix()
        about = [line for line in ledger.splitlines() if f'"stream":"{name}"'.encode() in line]
        return bool(about) and b'"kind":"stream.sealed"' in about[-1]


def _unanswered(events: list[Event]) -> int:
    """Counted here anew, without the product's own way of doing it."""
    open_tasks: Counter[tuple[str, str]] = Counter()
    for event in events:
        key = (str(event.body.get("task")), str(event.body.get("host")))
        if event.kind == "task.intent":
            open_tasks[key] += 1
        elif event.kind == "task.result" and open_tasks[key]:
            open_tasks[key] -= 1
    return open_tasks.total()
