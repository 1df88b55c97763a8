# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: credential_info
short_description: Tells what this run holds, and until when
description:
  - Lists the grant of this run and every credential that was obtained under it. It asks nobody and changes nothing.
  - Nothing secret is returned, so the result can be shown.
  - After the grant was closed both are empty.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
extends_documentation_fragment:
  - breakglass.remediation.vault
  - action_common_attributes
attributes:
  check_mode:
    description: The same as without it.
    support: full
  diff_mode:
    support: none
  platform:
    description: Runs on the controller.
    platforms: posix
notes:
  - The address of Vault and the login options are accepted for O(ignore:module_defaults) only.
seealso:
  - module: breakglass.remediation.grant
"""

EXAMPLES = r"""
- name: Know what this run holds
  breakglass.remediation.credential_info:
  register: held
  delegate_to: localhost
  become: false
  run_once: true

- name: Show when each credential ends
  ansible.builtin.debug:
    msg: "{{ held.credentials | items2dict(key_name='name', value_name='expires_at') }}"
  run_once: true
"""

RETURN = r"""
grant:
  description: The open grant. Empty when there is none.
  returned: success
  type: dict
  contains:
    access:
      description: Name of the access.
      type: str
      sample: shop-operator
    accessor:
      description: The handle by which the grant can be looked up and revoked. It can't be used to act.
      type: str
    expires_at:
      description: When the grant dies by itself (UTC, RFC 3339).
      type: str
      sample: "2026-11-22T14:12:09Z"
    time_box:
      description: Its whole life in seconds.
      type: int
      sample: 600
credentials:
  description: The credentials, by name, each with what its module says of its kind.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: What the run calls it.
      type: str
      sample: database
    kind:
      description: V(ssh), V(ssh_host), V(database), V(pki), V(pki_host), V(secret) or V(rotation).
      type: str
      sample: database
    expires_at:
      description: When it is over if nobody renews it any more (UTC, RFC 3339). Empty for what does not end.
      type: str
    latest_end:
      description: When it is over however often it is renewed. Empty for what does not end.
      type: str
    lease_id:
      description: By which Vault takes it back. Empty if there is no lease.
      type: str
    files:
      description: Path of each file by its name.
      type: dict
"""
