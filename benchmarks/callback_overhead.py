# SPDX-License-Identifier: GPL-3.0-or-later
"""What recording costs: wall time of the same playbooks without a callback, with ours, and with two well-known others.

    python -m benchmarks.callback_overhead [pairs]

All ways run beside each other, so that what else the machine does hits all of them; the ratio is the median over pairs of
neighbours. The same of the processor's time of all processes of a run is given beside it: it hardly depends on what else
the machine does. The others come from PyPI, pinned, into an environment of their own on the same ansible-core (`.build/bench`) and
are compared with runs in that. No pair begins after TOTAL_SECONDS; the result says how many there were.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import machine, other_callbacks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
RESULT = Path(__file__).parent / "results" / "callback.json"
OWN = Path(sys.executable).parent
OTHERS = other_callbacks.PROGRAMS
PAIRS = 5
PAIRS_OF_OTHERS = 1
RUN_SECONDS = 600
TOTAL_SECONDS = 1200
MIXED = """
    - ansible.builtin.set_fact: {{bench_{n}: "{n}"}}
    - ansible.builtin.{module}: {{{arguments}}}
      changed_when: false
    - ansible.builtin.assert: {{that: true, quiet: true}}
    - ansible.builtin.debug: {{msg: "{{{{ item }}}}"}}
      loop: [1, 2, 3]
    - ansible.builtin.debug: {{msg: no}}
      when: false
"""


def _mixed(number: int) -> str:
    """Five tasks; in every other block one of them is a module that runs in a process of its own, as on a real host."""
    module, arguments = ("command", 'cmd: "true"') if number % 2 else ("debug", "msg: hello")
    return MIXED.format(n=number, module=module, arguments=arguments)


@dataclass(frozen=True)
class Load:
    """What is played."""

    name: str
    hosts: int
    tasks: str
    results: int


@dataclass(frozen=True)
class Cost:
    """What one run took."""

    wall: float
    """Seconds from its start to its end."""
    processor: float
    """Seconds that its processes kept a core busy, all together."""


@dataclass(frozen=True)
class Way:
    """One way to record, or none: its programs and its environment."""

    name: str
    programs: Path
    environment: Callable[[Path], Mapping[str, str]] = field(repr=False)


LOADS = (
    Load("5 hosts x 300 debug tasks", 5, "    - ansible.builtin.debug: {msg: hello}\n" * 300, 1500),
    Load("25 hosts x 20 mixed tasks", 25, "".join(_mixed(n) for n in range(4)), 500),
)
NOTHING = Way("none", OWN, lambda _: {})
OURS = Way(
    "breakglass.remediation.audit",
    OWN,
    lambda scratch: {
        "ANSIBLE_CALLBACKS_ENABLED": "breakglass.remediation.audit",
        "BREAKGLASS_JOURNAL": str(scratch / "journal"),
        "BREAKGLASS_RUNS": str(scratch / "r"),
    },
)
NOTHING_THERE = Way("none", OTHERS, lambda _: {})
JSONL = Way("ansible.posix.jsonl", OTHERS, lambda _: {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.jsonl"})
ARA = Way(
    "ara (offline)",
    OTHERS,
    lambda scratch: {
        "ANSIBLE_CALLBACK_PLUGINS": other_callbacks.plugins_of_ara(),
        "ARA_BASE_DIR": str(scratch / "ara"),
    },
)
WAYS = (OURS, JSONL, ARA)
WITHOUT = {OURS: NOTHING, JSONL: NOTHING_THERE, ARA: NOTHING_THERE}


def measure(pairs: int) -> Iterator[dict[str, object]]:
    """Yield what is known after each round of both loads: each way beside runs without it, ours before the others."""
    began = time.monotonic()
    known: dict[tuple[Load, Way], list[tuple[Cost, Cost]]] = {(load, way): [] for load in LOADS for way in WAYS}
    for way in [OURS] * pairs + [JSONL, ARA] * PAIRS_OF_OTHERS:
        for load in LOADS:
            taken = known[load, way]
            if time.monotonic() - began > TOTAL_SECONDS:
                break
            if not taken:
                _run(load, WITHOUT[way])  # what is cached by the first run is cached for all
            taken.append(_pair(load, way, turned=len(taken) % 2 == 1))
        found = {
            load.name: {"task_results": load.results, **{way.name: _summary(known[load, way]) for way in WAYS}}
            for load in LOADS
        }
        yield {"took_s": round(time.monotonic() - began), "at_most_s": TOTAL_SECONDS, **found}


def _pair(load: Load, way: Way, *, turned: bool) -> tuple[Cost, Cost]:
    """What it costs without the way and with it, one right after the other."""
    order = [WITHOUT[way], way]
    costs = {one: _run(load, one) for one in (reversed(order) if turned else order)}
    print(f"{load.name}, {way.name}: {costs[way]}, {costs[WITHOUT[way]]} without", flush=True)
    return costs[WITHOUT[way]], costs[way]


def _summary(pairs: Sequence[tuple[Cost, Cost]]) -> dict[str, object]:
    if not pairs:
        return {"pairs": 0}
    wall = _compared([(plain.wall, recorded.wall) for plain, recorded in pairs])
    processor = _compared([(plain.processor, recorded.processor) for plain, recorded in pairs])
    return {"pairs": len(pairs), **wall, "processor": processor}


def _compared(pairs: Sequence[tuple[float, float]]) -> dict[str, object]:
    ratios = sorted(recorded / plain for plain, recorded in pairs)
    return {
        "none_s": round(statistics.median(plain for plain, _ in pairs), 3),
        "recorded_s": round(statistics.median(recorded for _, recorded in pairs), 3),
        "ratio_median_of_pairs": round(statistics.median(ratios), 4),
        "ratios": [round(ratio, 4) for ratio in ratios],
    }


def _processor_seconds() -> float:
    """Of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(load: Load, way: Way) -> Cost:
    with tempfile.TemporaryDirectory(prefix="bgb") as directory:
        scratch = Path(directory)
        play = f"- hosts: all\n  gather_facts: false\n  connection: local\n  tasks:\n{load.tasks}"
        (scratch / "play.yml").write_text(play, encoding="utf-8")
        (scratch / "hosts").write_text("".join(f"h{n}\n" for n in range(load.hosts)), encoding="utf-8")
        environment = {
            "PATH": f"{way.programs}:{os.environ['PATH']}",
            "HOME": directory,
            "LANG": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build" / "collections"),
            "ANSIBLE_PYTHON_INTERPRETER": str(way.programs / "python"),
            "ANSIBLE_NOCOLOR": "1",
            **way.environment(scratch),
        }
        command = [str(way.programs / "ansible-playbook"), "-i", "hosts", "play.yml"]
        with (scratch / "output").open("wb") as output:
            used, began = _processor_seconds(), time.perf_counter()
            done = subprocess.run(
                command, env=environment, cwd=scratch, stdout=output, stderr=output, timeout=RUN_SECONDS, check=False
            )
            cost = Cost(time.perf_counter() - began, _processor_seconds() - used)
        if done.returncode or not _is_recorded(scratch, way, load):
            raise SystemExit(f"{way.name}: {(scratch / 'output').read_text(errors='replace')[-2000:]}")
        return cost


def _is_recorded(scratch: Path, way: Way, load: Load) -> bool:
    """A callback that did nothing would be quick."""
    if way is OURS:
        (stream,) = scratch.glob("journal/*/*/*/*/play-1.jsonl")
        return stream.read_bytes().count(b'"kind":"task.result"') == load.results
    if way is ARA:
        return any((scratch / "ara").rglob("*.sqlite"))
    return way is not JSONL or (scratch / "output").read_bytes().count(b"v2_runner_on_") >= load.results


def _sync_milliseconds() -> float:
    """Median of a sync of this disk just now: strict mode waits for it, so that a busy disk shows in every ratio."""
    took: list[float] = []
    with tempfile.TemporaryFile() as file:
        for _ in range(100):
            file.write(b"x" * 500)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return round(statistics.median(took) * 1000, 3)


def main() -> None:
    """Measure, print and write."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS
    other_callbacks.make()
    about: dict[str, object] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {**machine.describe(), **other_callbacks.versions()},
    }
    about["fdatasync_p50_ms"] = _sync_milliseconds()
    for known in measure(pairs):
        RESULT.write_text(json.dumps({**about, **known}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
