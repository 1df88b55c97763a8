# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: evidence
short_description: Keeps what a host was like before a repair changes it
description:
  - Writes one file on the host, for root alone. It holds kernel, uptime, load, memory,
    filesystems, processes, sockets, sessions and failed units, the state and last log lines of the given units, and facts of
    the given files.
  - No arguments and no environment of processes and no content of files are in it; lines of logs are masked.
  - What can't be read is said in its place. A file has at most 1 MiB; what is cut is said. Of all evidence 64 MiB are kept,
    the newest.
  - Returns the digest of the file, which the journal keeps, so that a file that was changed later shows.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
extends_documentation_fragment:
  - action_common_attributes
attributes:
  check_mode:
    description: Nothing is written, and nothing is returned of it.
    support: full
  diff_mode:
    support: none
  platform:
    description: Runs on the host, which must be a Linux.
    platforms: posix
options:
  subject:
    description: What it is about, the name of the remediation.
    type: str
    required: true
  units:
    description: Units whose state and last log lines are kept, too.
    type: list
    elements: str
    default: []
  directory:
    description: Where on the host it is kept; made for root alone, with the directory above it.
    type: path
    default: /var/lib/breakglass/evidence
  paths:
    description: Files whose owner, mode, size, times and digest are kept, too; never their content.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Collect evidence
  breakglass.remediation.evidence:
    subject: restart_service
    units: [nginx.service]
    paths: [/etc/nginx/nginx.conf]
  register: before
"""

RETURN = r"""
path:
  description: The file; empty in check mode.
  returned: success
  type: str
  sample: /var/lib/breakglass/evidence/20261127T031104Z-restart_service-5f0c3a.json
sha256:
  description: Its digest (hex); empty in check mode.
  returned: success
  type: str
size:
  description: Its bytes; 0 in check mode.
  returned: success
  type: int
"""

import hashlib
import json
import os
import re
import secrets
import stat
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.breakglass.remediation.plugins.module_utils.host_snapshot import snapshot
from ansible_collections.breakglass.remediation.plugins.module_utils.undo_file import (
    UntrustedFile,
    own_directory,
    write_file,
)

DIRECTORY = Path("/var/lib/breakglass/evidence")
LARGEST_FILE = 1024 * 1024
KEPT_IN_ALL = 64 * 1024 * 1024
LARGEST_HASHED = 64 * 1024 * 1024
SUBJECT = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
CUT_FIRST = ("sockets", "processes", "units")


def file_facts(path: str) -> dict[str, Any]:
    """Owner, mode, size, times and digest of a file; of a link or directory no digest."""
    try:
        status = os.lstat(path)
    except OSError as error:
        return {"unreadable": error.strerror}
    facts: dict[str, Any] = {
        "uid": status.st_uid,
        "gid": status.st_gid,
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
        "type": _kind(status.st_mode),
        "size": status.st_size,
        "changed_at": int(status.st_mtime),
    }
    if stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST_HASHED:
        facts["sha256"] = _digest(path)
    return facts


def fitting(content: dict[str, Any], most: int = LARGEST_FILE) -> bytes:
    """The content as JSON of at most so many bytes; what must be left out for that is named in it."""
    left_out: list[str] = []
    encoded = _encoded(content)
    for part in CUT_FIRST:
        if len(encoded) <= most:
            break
        left_out.append(part)
        content = {**content, part: None, "left_out_because_of_size": left_out}
        encoded = _encoded(content)
    return encoded[:most]


def prune(directory: Path, most: int = KEPT_IN_ALL) -> None:
    """Remove the oldest evidence until the rest has at most so many bytes."""
    files = sorted(path for path in directory.glob("*.json") if not path.is_symlink() and path.is_file())
    total = sum(path.stat().st_size for path in files)
    for path in files:
        if total <= most:
            return
        total -= path.stat().st_size
        path.unlink()


def keep(subject: str, content: dict[str, Any], directory: Path = DIRECTORY) -> tuple[Path, bytes]:
    """Write it, on the disk when this returns. Raises UntrustedFile, OSError."""
    own_directory(directory)
    encoded = fitting(content)
    prune(directory, KEPT_IN_ALL - len(encoded))
    name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{subject}-{secrets.token_hex(3)}.json"
    write_file(directory / name, encoded.decode(), 0o600)
    return directory / name, encoded


def _encoded(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=1, sort_keys=True).encode() + b"\n"


def _digest(path: str) -> str:
    digest = hashlib.sha256()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return f"unreadable: {error.strerror}"
    with os.fdopen(descriptor, "rb") as file:
        for chunk in iter(lambda: file.read(1024 * 1024), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISREG, "file"), (stat.S_ISDIR, "directory"), (stat.S_ISLNK, "link"))
    return next((name for is_kind, name in kinds if is_kind(mode)), "other")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "subject": {"type": "str", "required": True},
            "units": {"type": "list", "elements": "str", "default": []},
            "directory": {"type": "path", "default": str(DIRECTORY)},
            "paths": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    subject, units = module.params["subject"], module.params["units"]
    if not SUBJECT.fullmatch(subject):
        module.fail_json(msg="The subject of evidence is the name of a role: lower-case letters, digits and _.")
    if any(unit.startswith("-") for unit in units):
        module.fail_json(msg="A unit's name does not begin with a dash.")
    if module.check_mode:
        module.exit_json(changed=False, path="", sha256="", size=0)
    content = {
        "subject": subject,
        "at": int(time.time()),
        "files": {path: file_facts(path) for path in module.params["paths"]},
        **snapshot(units),
    }
    directory = Path(module.params["directory"])
    try:
        path, encoded = keep(subject, content, directory)
    except UntrustedFile as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"The evidence can't be written below {directory}: {error.strerror}. Make room there.")
    else:
        digest = hashlib.sha256(encoded).hexdigest()
        module.exit_json(changed=False, path=str(path), sha256=digest, size=len(encoded))


if __name__ == "__main__":
    main()
