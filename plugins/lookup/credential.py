# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hands out paths of the run's credentials where a module can't stand."""

from __future__ import annotations

DOCUMENTATION = r"""
name: credential
short_description: Paths of the run's credentials, for play variables
description:
  - Returns where a file of a credential lies or will lie. The paths stay the same for the whole run, so that they can
    stand in play variables and group_vars before the credential was obtained, and a renewed credential is found there.
  - Nothing secret is returned.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
options:
  _terms:
    description:
      - V(ssh) is the private key that M(breakglass.remediation.ssh_certificate) writes; its certificate is beside it.
      - V(known_hosts) is the file with the host CA for the run's hosts; while it is being replaced, with the next or previous one too.
      - V(control) is the directory of the run's SSH control sockets.
      - V(NAME/FILE) is a file of the credential with that O(breakglass.remediation.database_credential#module:name), as
        V(database/pgpass), V(pki/certificate.pem) or V(secret/environment).
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Connect with the run's certificate, and ask PostgreSQL with the run's own user
  hosts: db
  gather_facts: false
  vars:
    ansible_user: breakglass
    ansible_ssh_private_key_file: "{{ lookup('breakglass.remediation.credential', 'ssh') }}"
    ansible_control_path_dir: "{{ lookup('breakglass.remediation.credential', 'control') }}"
    ansible_ssh_common_args: >-
      -o UserKnownHostsFile={{ lookup('breakglass.remediation.credential', 'known_hosts') }}
      -o HostKeyAlias={{ inventory_hostname }}
  tasks:
    - name: See how long the host has been up
      ansible.builtin.command: uptime
      changed_when: false

    - name: See who is logged in to the database
      ansible.builtin.command: psql --no-psqlrc --command 'SELECT usename FROM pg_stat_activity'
      environment:
        PGSERVICEFILE: "{{ lookup('breakglass.remediation.credential', 'database/pg_service.conf') }}"
        PGSERVICE: breakglass
      changed_when: false
      delegate_to: localhost   # the credential's files are on the controller
      run_once: true
"""

RETURN = r"""
_raw:
  description: One path for each term.
  type: list
  elements: path
"""

import re

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run import live

FILE = re.compile(r"([a-z][a-z0-9_-]{0,31})/([A-Za-z0-9][A-Za-z0-9._-]{0,63})", re.ASCII)


class LookupModule(LookupBase):
    """Knows the paths from the run that the audit callback announced."""

    def run(self, terms, variables=None, **kwargs):
        try:
            run = live.current().run
        except BreakglassError as error:
            raise AnsibleError(str(error)) from None
        return [str(_path(run, str(term))) for term in terms]


def _path(run, term):
    known = {"ssh": run.key, "known_hosts": run.known_hosts, "control": run.control}
    if term in known:
        return known[term]
    match = FILE.fullmatch(term)
    if match is None:
        raise AnsibleError(
            f"There is no credential {term[:80]!r} to look up. There are: {', '.join(known)}, and NAME/FILE as database/pgpass."
        )
    return run.credential(match[1]) / match[2]
