# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: runaway_processes
short_description: Ends processes of an allowed kind that hold too much memory, and limits their units
description:
  - Works on the host. A process of an allowed name, or all of an allowed unit together, is a runaway when it holds more memory of its own than
    O(limit), swapped out or not.
  - A unit that is allowed, and the unit whose main process is a runaway, is stopped by systemd; any other process is ended by SIGTERM. What does not
    end within O(grace) is ended by SIGKILL.
  - Process 1, sshd, systemd and its own services, D-Bus, and whatever this run came in by are never ended. A process is signalled by a
    descriptor after it was looked at again, so that no other one with its number is hit.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
extends_documentation_fragment:
  - action_common_attributes
attributes:
  check_mode:
    description: Says C(changed) exactly when something would be ended.
    support: full
  diff_mode:
    support: none
  platform:
    description: Runs on the host.
    platforms: posix
options:
  state:
    description:
      - V(ended) ends what is a runaway.
      - V(undone) gives units back the limits of O(limits_before) and starts those that were stopped and do not run.
    type: str
    choices: [ended, undone]
    default: ended
  processes:
    description: Names of processes that may be ended, as C(/proc/PID/comm) shows them.
    type: list
    elements: str
    default: []
  units:
    description: Services of systemd that may be stopped.
    type: list
    elements: str
    default: []
  limit:
    description: The megabytes of memory above which one is a runaway.
    type: int
    default: 0
  floor:
    description: The percent of memory that must be available.
    type: int
    default: 10
  grace:
    description: For how many seconds one may end by itself after it was asked to.
    type: int
    default: 15
  restart:
    description: Whether a service that was stopped is started again.
    type: bool
    default: true
  cap:
    description: Whether the service may not use more than O(limit) from then on, until the next boot.
    type: bool
    default: true
  limits_before:
    description: What V(ended) returned.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: End workers that have run away
  breakglass.remediation.runaway_processes:
    processes: [report-worker]
    limit: 4096
"""

RETURN = r"""
found:
  description: The runaways, each with what it holds.
  returned: success
  type: list
  elements: str
  sample: ['report-worker (process 812): 5120 MB']
ended:
  description: How many were ended, or in check mode would be, units and single processes.
  returned: success
  type: int
killed:
  description: How many of them only SIGKILL could end.
  returned: success
  type: int
faults:
  description: What did not work.
  returned: success
  type: list
  elements: str
limits_before:
  description: The units that were limited, each with the MemoryMax that it had and whether it ran.
  returned: success
  type: list
  elements: dict
limits_not_held:
  description: How many of those the kernel does not hold to their limit, because it has no memory controller for them.
  returned: success
  type: int
available:
  description: Percent of the memory that is available.
  returned: success
  type: int
  sample: 41
enough:
  description: Whether that is at least the floor.
  returned: success
  type: bool
largest:
  description: The processes that hold most, when it is not enough.
  returned: success
  type: list
  elements: str
"""

import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import memory_processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ..module_utils.memory_processes import Process

MEGABYTE = 1_000_000
PERCENT = 100
SHOWN = 3
STOPPED = ("inactive", "failed")
BETWEEN_LOOKS_SECONDS = 0.2
STAYS_UP_SECONDS = 5
CGROUPS = Path("/sys/fs/cgroup")


class Refused(Exception):
    """Raised when something is asked for that is never done; its text is the sentence for people."""


@dataclass(frozen=True)
class Runaway:
    """What is to be ended.

    Attributes:
        name: How people call it.
        memory: What it holds, in bytes.
        unit: The service that is stopped; empty for a process that is ended alone.
        process: The process that is ended alone.
    """

    name: str
    memory: int
    unit: str = ""
    process: Process | None = None

    @property
    def shown(self) -> str:
        return f"{self.name}: {self.memory // MEGABYTE} MB"


@dataclass
class Systemd:
    """The systemd of this host.

    Attributes:
        run: Runs a command and gives its return code, output and errors.
    """

    run: Callable[..., tuple[int, str, str]]

    def show(self, unit: str, name: str) -> str:
        code, out, _err = self.run(["systemctl", "show", f"--property={name}", "--value", "--", unit])
        return "" if code else out.strip()

    def do(self, *words: str) -> str:
        """Do something; says what went wrong, else nothing."""
        code, out, err = self.run(["systemctl", *words])
        return f"systemctl {words[0]} failed: {(err or out).strip()[:200]}" if code else ""

    def awaits(self, unit: str, states: Iterable[str], within: float) -> bool:
        """Whether a unit comes into one of these states."""
        deadline = time.monotonic() + within
        while self.show(unit, "ActiveState") not in states:
            if time.monotonic() > deadline:
                return False
            time.sleep(BETWEEN_LOOKS_SECONDS)
        return True

    def stays_up(self, unit: str, seconds: float) -> bool:
        """Whether a unit that was started goes on for so long with the process that it has; one that has done its work may end."""
        pid, deadline = self.show(unit, "MainPID"), time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.show(unit, "ActiveState") == "inactive":
                return True
            if self.show(unit, "ActiveState") == "failed" or self.show(unit, "MainPID") != pid:
                return False
            time.sleep(BETWEEN_LOOKS_SECONDS)
        return self.show(unit, "ActiveState") in ("active", "reloading")


@dataclass
class Outcome:
    """What has been done."""

    ended: int = 0
    killed: int = 0
    faults: list[str] = field(default_factory=list)
    limits_before: list[dict[str, Any]] = field(default_factory=list)
    limits_not_held: int = 0


def full_name(unit: str) -> str:
    """The name of a service as systemd gives it."""
    return (
        unit
        if re.search(r"\.(?:service|scope|slice|socket|timer|target|mount|path|swap|device)$", unit)
        else f"{unit}.service"
    )


def runaways(
    processes: list[Process], names: list[str], units: list[str], limit: int, is_main: Callable[[Process], bool]
) -> list[Runaway]:
    """Whatever of these holds more than the limit, in bytes; the largest first, each unit once."""
    found: dict[str, Runaway] = {}
    for unit in units:
        memory = sum(one.memory for one in processes if one.unit == unit)
        if memory > limit:
            found[unit] = Runaway(unit, memory, unit=unit)
    for one in processes:
        if one.memory <= limit or not one.is_named(names) or one.unit in found:
            continue
        if one.unit and is_main(one):
            found[one.unit] = Runaway(one.unit, one.memory, unit=one.unit)
        else:
            name = f"{one.name} (process {one.pid})"
            found[name] = Runaway(name, one.memory, process=one)
    return sorted(found.values(), key=lambda runaway: -runaway.memory)


def refuse(names: list[str], units: list[str], limit: int) -> None:
    """Raise Refused for what is never ended, whoever allows it."""
    if limit <= 0:
        raise Refused("No limit is given above which a process is a runaway.")
    if any(memory_processes.never(name) for name in names) or any(memory_processes.never_unit(name) for name in units):
        raise Refused(
            "The first process, sshd, systemd, D-Bus and what belongs to a login are never ended: take them off the list."
        )


def end_unit(systemd: Systemd, unit: str, given: Mapping[str, Any], outcome: Outcome) -> None:
    """Stop a service politely, then hard; limit it and start it again if that is wanted and systemd still knows it."""
    if fault := systemd.do("stop", "--no-block", "--", unit):
        outcome.faults.append(fault)
        return
    outcome.ended += 1
    if not systemd.awaits(unit, STOPPED, given["grace"]):
        outcome.killed += 1
        systemd.do("kill", "--signal=KILL", "--", unit)
        if not systemd.awaits(unit, STOPPED, memory_processes.KILLED_WITHIN_SECONDS):
            outcome.faults.append(f"{unit} did not stop")
            return
    if systemd.show(unit, "LoadState") != "loaded":
        return
    if given["cap"]:
        limit_unit(systemd, unit, given["limit"] * MEGABYTE, outcome)
    if given["restart"]:
        if fault := systemd.do("start", "--", unit):
            outcome.faults.append(fault)
            return
        if given["cap"]:
            outcome.limits_not_held += not is_held(systemd, unit)
        if not systemd.stays_up(unit, STAYS_UP_SECONDS):  # as when the kernel ends what needs more than the limit
            limited = f" with at most {given['limit']} MB" if given["cap"] else ""
            outcome.faults.append(f"{unit} did not stay up{limited}")


def limit_unit(systemd: Systemd, unit: str, limit: int, outcome: Outcome) -> None:
    """Let a service use no more than that; one that may use less already is left."""
    before = systemd.show(unit, "MemoryMax")
    if before.isdecimal() and int(before) <= limit:
        return
    outcome.limits_before.append({"unit": unit, "maximum": before if before.isdecimal() else "infinity"})
    if fault := systemd.do("set-property", "--runtime", "--", unit, f"MemoryMax={limit}"):
        outcome.faults.append(fault)


def is_held(systemd: Systemd, unit: str, cgroups: Path = CGROUPS) -> bool:
    """Whether the kernel has the limit that systemd knows of, in either version of its control groups."""
    wanted, group = systemd.show(unit, "MemoryMax"), systemd.show(unit, "ControlGroup").lstrip("/")
    page = 4096
    for path in (cgroups / group / "memory.max", cgroups / "memory" / group / "memory.limit_in_bytes"):
        try:
            text = path.read_text(encoding="ascii").strip()
        except OSError:
            continue
        return bool(group) and text.isdecimal() and wanted.isdecimal() and int(wanted) - int(text) in range(page)
    return False


def undo(systemd: Systemd, limits: list[dict[str, Any]]) -> list[str]:
    """Give units back the limits that they had, and start those that do not run; says what did not work."""
    faults = []
    for one in limits:
        unit = str(one["unit"])
        faults.append(systemd.do("set-property", "--runtime", "--", unit, f"MemoryMax={one['maximum']}"))
        if systemd.show(unit, "ActiveState") in STOPPED:
            faults.append(systemd.do("start", "--", unit))
    return [fault for fault in faults if fault]


def _largest(processes: list[Process]) -> list[str]:
    ordered = sorted(processes, key=lambda one: -one.memory)[:SHOWN]
    return [f"{re.sub('[^A-Za-z0-9@._+/-]', '?', one.name)} {one.memory // MEGABYTE} MB" for one in ordered]


def _result(systemd: Systemd, given: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    if given["state"] == "undone":
        faults = [] if check else undo(systemd, given["limits_before"])
        return {"changed": bool(given["limits_before"]), "faults": faults}
    units = [full_name(unit) for unit in given["units"]]
    refuse(given["processes"], units, given["limit"])
    found = runaways(
        memory_processes.all_processes(),
        given["processes"],
        units,
        given["limit"] * MEGABYTE,
        lambda one: systemd.show(one.unit, "MainPID") == str(one.pid),
    )
    outcome = Outcome(ended=len(found) if check else 0)
    for runaway in () if check else found:
        if runaway.unit:
            end_unit(systemd, runaway.unit, given, outcome)
        elif runaway.process is not None:
            said = memory_processes.end(runaway.process, given["grace"])
            outcome.ended += said in ("terminated", "killed")
            outcome.killed += said == "killed"
            if said == "left":
                outcome.faults.append(f"{runaway.name} could not be ended")
    free, total = memory_processes.available(Path("/proc/meminfo").read_text(encoding="ascii"))
    if check:
        free += sum(runaway.memory for runaway in found)
    enough = PERCENT * free >= given["floor"] * total
    return {
        "changed": bool(outcome.ended),
        "found": [runaway.shown for runaway in found],
        "ended": outcome.ended,
        "killed": outcome.killed,
        "faults": outcome.faults,
        "limits_before": outcome.limits_before,
        "limits_not_held": outcome.limits_not_held,
        "available": PERCENT * free // total,
        "enough": enough,
        "largest": [] if enough else _largest(memory_processes.all_processes()),
    }


def main() -> None:
    names: dict[str, object] = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "state": {"choices": ["ended", "undone"], "default": "ended"},
            "processes": names,
            "units": names,
            "limit": {"type": "int", "default": 0},
            "floor": {"type": "int", "default": 10},
            "grace": {"type": "int", "default": 15},
            "restart": {"type": "bool", "default": True},
            "cap": {"type": "bool", "default": True},
            "limits_before": {"type": "list", "elements": "dict", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        result = _result(Systemd(module.run_command), module.params, check=module.check_mode)
    except Refused as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'The host'}: {error.strerror or error}")
    else:
        module.exit_json(**result)


if __name__ == "__main__":
    main()
