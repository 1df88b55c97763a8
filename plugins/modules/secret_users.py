# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: secret_users
short_description: Says which units have not read a file since it was written
description:
  - Works on the host. Compares the time at which each systemd unit was started with the time at which a file was written.
  - Changes nothing, and does not read the file.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
extends_documentation_fragment:
  - action_common_attributes
attributes:
  check_mode:
    description: It only reads.
    support: full
  diff_mode:
    support: none
  platform:
    description: Runs on the host, which needs systemd.
    platforms: posix
options:
  path:
    description: The file that they read when they are started. It must be a plain file; a link is refused.
    type: path
    required: true
  units:
    description: The systemd units.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Know who has not read the new password yet
  breakglass.remediation.secret_users:
    path: /etc/shop/database-password
    units: [shop.service]
"""

RETURN = r"""
unread:
  description: Units that don't run, or were started before the file was written.
  returned: success
  type: list
  elements: str
  sample: [shop.service]
"""

import os
import stat
import time
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

if TYPE_CHECKING:
    from collections.abc import Mapping

PROPERTIES = "LoadState,ActiveState,ActiveEnterTimestampMonotonic"


def properties(text: str) -> dict[str, str]:
    """What `systemctl show` says."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def has_read(unit: Mapping[str, str], written: float, wall: float, monotonic: float) -> bool:
    """Whether a unit runs and was started after a moment (seconds since the epoch), by the clocks of now."""
    started = int(unit.get("ActiveEnterTimestampMonotonic") or 0) / 1_000_000
    return unit.get("ActiveState") == "active" and wall - (monotonic - started) >= written


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "units": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    path = module.params["path"]
    try:
        status = os.lstat(path)
    except OSError as error:
        module.fail_json(msg=f"{path} can't be looked at: {error.strerror}. Nobody can read a secret from it.")
        return
    if not stat.S_ISREG(status.st_mode):
        module.fail_json(msg=f"{path} is no plain file. If it is a link, name what it points to.")
    unread = []
    for unit in module.params["units"]:
        _code, out, _err = module.run_command(["systemctl", "show", f"--property={PROPERTIES}", "--", unit])
        said = properties(out)
        if said.get("LoadState") != "loaded":
            module.fail_json(msg=f"There is no unit {unit} that can be started ({said.get('LoadState', 'no answer')}).")
        if not has_read(said, status.st_mtime, time.time(), time.monotonic()):
            unread.append(unit)
    module.exit_json(changed=False, unread=unread)


if __name__ == "__main__":
    main()
