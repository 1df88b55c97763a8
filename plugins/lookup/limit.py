# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tells whether a run was limited to hosts, without reading the limit as a template."""

from __future__ import annotations

DOCUMENTATION = r"""
name: limit
short_description: Whether this run was limited to hosts that somebody named
description:
  - Returns whether C(--limit) was given and names any host or group. An empty limit, a file without a name in it, and a
    limit that only excludes hosts, name none.
  - The variable C(ansible_limit) can't be asked for that. Ansible evaluates it as a template, and in AWX it comes from
    whoever launches the job.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
options:
  _terms:
    description: Nothing.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Never mean all hosts
  ansible.builtin.assert:
    that: lookup('breakglass.remediation.limit')
"""

RETURN = r"""
_raw:
  description: One truth value.
  type: list
  elements: bool
"""

from pathlib import Path

from ansible import context
from ansible.inventory.manager import split_host_pattern
from ansible.plugins.lookup import LookupBase

NOT_A_NAME = ("!", "&")


class LookupModule(LookupBase):
    """Reads the command line, as Ansible's inventory does."""

    def run(self, terms, variables=None, **kwargs):
        names = [
            name for pattern in split_host_pattern(context.CLIARGS.get("subset") or "") for name in _names(pattern)
        ]
        return [any(not name.startswith(NOT_A_NAME) for name in names)]


def _names(pattern):
    if not pattern.startswith("@"):
        return [pattern]
    try:
        lines = Path(pattern[1:]).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
    return [line.strip() for line in lines if line.strip()]
