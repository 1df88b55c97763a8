# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands out paths of the run's credentials where a module can't stand."""

from __future__ import annotations

DOCUMENTATION = r"""
name: credential
short_description: Paths of the run's credentials, for play variables
description:
  - Returns where a credential of the run lies or will lie. The paths stay the same for the whole run, so that they can
    stand in play variables before the credential was obtained.
  - Nothing secret is returned.
author:
  - The breakglass.remediation maintainers
version_added: 0.1.0
options:
  _terms:
    description:
      - V(ssh) is the private key that M(breakglass.remediation.ssh_certificate) writes; its certificate is beside it.
      - V(known_hosts) is the file with the host CA for the run's hosts.
      - V(control) is the directory of the run's SSH control sockets.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Connect with the run's certificate
  hosts: web
  vars:
    ansible_ssh_private_key_file: "{{ lookup('breakglass.remediation.credential', 'ssh') }}"
    ansible_control_path_dir: "{{ lookup('breakglass.remediation.credential', 'control') }}"
"""

RETURN = r"""
_raw:
  description: One path for each term.
  type: list
  elements: path
"""

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run import live


class LookupModule(LookupBase):
    """Knows the paths from the run that the audit callback announced."""

    def run(self, terms, variables=None, **kwargs):
        try:
            run = live.current().run
        except BreakglassError as error:
            raise AnsibleError(str(error)) from None
        paths = {"ssh": run.key, "known_hosts": run.known_hosts, "control": run.control}
        unknown = [term for term in terms if term not in paths]
        if unknown:
            raise AnsibleError(f"There is no credential {unknown[0]!r} to look up. There are: {', '.join(paths)}.")
        return [str(paths[term]) for term in terms]
