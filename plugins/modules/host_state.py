# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: host_state
short_description: Tells which boot of a host this is, how its systemd is, and what stands in the way of restarting it
description:
  - Works on the host and changes nothing.
  - Locks are those of C(systemd-inhibit) against a shutdown that block, not those that only delay it, and a package manager at its work.
  - Names of units and of programs are told, never what a program says of itself beyond the name that it gave its lock.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
extends_documentation_fragment:
  - action_common_attributes
attributes:
  check_mode:
    description: The same as without it.
    support: full
  diff_mode:
    support: none
  platform:
    description: Runs on the host, which needs systemd.
    platforms: posix
options:
  units:
    description: Units whose state is wanted.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Look at the host
  breakglass.remediation.host_state:
    units: [nginx.service]
  register: host_before
"""

RETURN = r"""
boot_id:
  description: The kernel's own name for this boot.
  returned: success
  type: str
system:
  description: What systemd says of the whole, C(running), C(degraded), C(starting) and others.
  returned: success
  type: str
failed_units:
  description: Units that have failed.
  returned: success
  type: list
  elements: str
inactive_units:
  description: Those of O(units) that are not active.
  returned: success
  type: list
  elements: str
locks:
  description: Who asks that the host is not restarted now.
  returned: success
  type: list
  elements: str
  sample: ["dpkg (a package is being installed)"]
up_seconds:
  description: How long ago systemd began, in seconds; also right in a container, which has the uptime of its machine.
  returned: success
  type: int
shutdown_at:
  description: When a shutdown that somebody has planned will be, in seconds since 1970; 0 when there is none.
  returned: success
  type: int
"""

import fcntl
import json
import os
import re
import struct
import subprocess
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
WITHIN_SECONDS = 30
LOGIN1 = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
PACKAGE_LOCKS = {"dpkg": "/var/lib/dpkg/lock-frontend", "rpm": "/var/lib/rpm/.rpm.lock"}
FLOCK = "hhqqi"
NAME_LIMIT = 40
_PLANNED = re.compile(r"^USEC=([0-9]{1,18})$", re.MULTILINE)


class SilentSystemd(Exception):
    """Raised when systemd, or its logind, does not answer."""


def blocking_locks(answer: str) -> list[str]:
    """Who blocks a shutdown, out of logind's answer to ListInhibitors; raises SilentSystemd."""
    try:
        rows = json.loads(answer)["data"][0]
        found = [(str(what), str(who)) for what, who, _why, mode, _uid, _pid in rows if mode == "block"]
    except (ValueError, KeyError, IndexError, TypeError):
        raise SilentSystemd("systemd-logind tells its locks in a form that is not known") from None
    return [_plain(who) for what, who in found if "shutdown" in what.split(":")]


def planned_shutdown(text: str) -> int:
    """When, in seconds since 1970, out of `/run/systemd/shutdown/scheduled`; 0 when it says nothing."""
    found = _PLANNED.search(text)
    return int(found[1]) // 1_000_000 if found else 0


def age(begun: str, now: float) -> int:
    """How long ago systemd began, by its own property in microseconds and the same clock in seconds; raises SilentSystemd."""
    if not begun.strip().isdecimal():
        raise SilentSystemd("systemd does not say when it began")
    return max(0, int(now) - int(begun) // 1_000_000)


def names(listed: str) -> list[str]:
    """The units of a plain list of systemctl's, in order."""
    return sorted(line.split()[0] for line in listed.splitlines() if line.strip())


def is_locked(path: str) -> bool:
    """Whether a process holds a lock (fcntl) on a file; asking takes none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = struct.unpack(FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
        return bool(answer[0] != fcntl.F_UNLCK)
    finally:
        os.close(descriptor)


def state(units: list[str]) -> dict[str, Any]:
    """Everything that the module returns; raises SilentSystemd, OSError."""
    locks = [f"{name} (a package is being installed)" for name, path in PACKAGE_LOCKS.items() if is_locked(path)]
    if _ask("systemctl", "is-active", "systemd-logind.service").strip() == "active":
        locks += blocking_locks(_ask("busctl", "--json=short", "call", *LOGIN1, "ListInhibitors"))
    plan = Path("/run/systemd/shutdown/scheduled")
    return {
        "boot_id": Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip(),
        "system": _ask("systemctl", "is-system-running").strip(),
        "failed_units": names(_ask("systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager")),
        "inactive_units": [unit for unit in units if _ask("systemctl", "is-active", unit).strip() != "active"],
        "locks": locks,
        "up_seconds": age(
            _ask("systemctl", "show", "--property=UserspaceTimestampMonotonic", "--value"), time.monotonic()
        ),
        "shutdown_at": planned_shutdown(plan.read_text(encoding="utf-8", errors="replace") if plan.exists() else ""),
    }


def _plain(name: str) -> str:
    shown = "".join(letter for letter in name if letter.isascii() and letter.isprintable())
    return shown[:NAME_LIMIT] or "a program without a name"


def _ask(*command: str) -> str:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=ENVIRONMENT,
            timeout=WITHIN_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        raise SilentSystemd(f"{command[0]} does not answer") from None
    return done.stdout


def main() -> None:
    module = AnsibleModule(
        argument_spec={"units": {"type": "list", "elements": "str", "default": []}}, supports_check_mode=True
    )
    try:
        module.exit_json(changed=False, **state(module.params["units"]))
    except SilentSystemd as error:
        module.fail_json(msg=f"{error}, so nobody can tell how this host is.")
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'A file'}: {error.strerror or error}.")


if __name__ == "__main__":
    main()
