# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tells how long a remediation takes as a rule, so that a grant that is too short is never opened."""

from __future__ import annotations

DOCUMENTATION = r"""
name: expected_duration
short_description: How long a remediation takes as a rule
description:
  - Reads C(expected_duration) from a role's C(meta/remediation.yml), as the option of the same name of
    M(breakglass.remediation.grant) wants it.
  - The empty text for a role that does not say, or that is not found; running it will say so better.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
options:
  _terms:
    description: Role names, short for roles of this collection, else as C(include_role) takes them.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Open a grant that is long enough
  breakglass.remediation.grant:
    access: shop-operator
    reason: nginx answers 502 since 02:51
    expected_duration: "{{ lookup('breakglass.remediation.expected_duration', 'restart_service') }}"
  delegate_to: localhost
  become: false
  run_once: true
"""

RETURN = r"""
_raw:
  description: One duration for each term, as V(60s).
  type: list
  elements: str
"""

from pathlib import Path

import yaml
from ansible import constants
from ansible.plugins.lookup import LookupBase
from ansible.utils.collection_loader._collection_finder import _get_collection_role_path

OURS = ["breakglass.remediation"]


class LookupModule(LookupBase):
    """Finds a role where include_role would."""

    def run(self, terms, variables=None, **kwargs):
        return [_duration(self._directory(str(term))) for term in terms]

    def _directory(self, role):
        found = _get_collection_role_path(role, OURS)
        if found:
            return Path(found[1])
        roots = [Path(self._loader.get_basedir()) / "roles", *map(Path, constants.DEFAULT_ROLES_PATH)]
        return next((root / role for root in roots if (root / role).is_dir()), None)


def _duration(directory):
    """Behaviour that can't be read is the business of whoever runs the role."""
    if directory is None:
        return ""
    try:
        known = yaml.safe_load((directory / "meta" / "remediation.yml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return ""
    return str(known.get("expected_duration") or "") if isinstance(known, dict) else ""
