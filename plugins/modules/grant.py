# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: grant
short_description: Opens and closes the time-boxed grant of this run
description:
  - Opens the time box under which the rest of the run works, as one Vault token with an explicit maximum life.
  - Under a runner it takes the grant that the runner sent. Otherwise it logs in to Vault with your own login and mints one, or
    with O(runner_url) asks a runner for one and waits.
  - A run has one grant. Called again, as once for each batch of C(serial), it returns the grant that is open.
  - Nothing needs to be done to close it. A guard process revokes the grant and every lease that was made under it, and proves
    that they are gone, when the run ends, however that happens. O(state=absent) does the same earlier.
  - An SSH certificate can't be revoked, and what was read from a key-value store stays read. The last line of the run and
    RV(remains) say what lives on, and until when.
  - It refuses when the callback P(breakglass.remediation.audit#callback) is not enabled, since nothing would be recorded,
    and while the hold is set in Vault.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
requirements:
  - hvac
  - cryptography
options:
  state:
    description:
      - V(present) opens the grant, or returns the one that is open.
      - V(absent) closes it now, proves that it is gone with all its leases, and wipes the files of its credentials. What
        follows in the run can obtain nothing any more, and a closed grant is not opened again.
      - Under a runner V(absent) revokes everything, and the runner proves it when the play has ended.
    type: str
    choices: [present, absent]
    default: present
  access:
    description: Name of the access to open, as the policy has it. Required with O(state=present).
    type: str
  time_box:
    description:
      - How long the grant may live, from the moment it opens. A whole number and one unit, V(90s), V(10m), V(2h).
      - More than the access allows is refused, never shortened.
    type: str
    default: 10m
  reason:
    description: Why it is needed, a sentence for the auditor. Required with O(state=present).
    type: str
  ticket:
    description: The ticket that it belongs to.
    type: str
    default: ""
  expected_duration:
    description:
      - How long the remediation takes as a rule, as V(5m). A shorter O(time_box) is refused before anything is opened, since
        the remediation would be cut off in the middle.
      - The lookup P(breakglass.remediation.expected_duration#lookup) reads it from a role.
    type: str
    default: ""
  short_lived:
    description:
      - Whether the grant lives for two minutes only, and is renewed by its guard within the O(time_box).
      - In a container the guard dies together with the run, and nobody would close the grant. A grant that nobody renews any
        more ends by itself.
      - Without it, V(true) in a container and V(false) elsewhere.
    type: bool
  runner_url:
    description:
      - Address of a runner that is asked for the grant, as V(https://breakglass.example.com). Its policy, limits and host claims
        decide then, not your login's rights alone, and it closes and proves on its side, too.
      - Your login says who you are by a short-lived identity token of Vault; the runner never gets a Vault token of yours.
      - It is V(https://…). V(http://…) is taken for a runner on this machine only, since whoever hears an identity token can be you
        for minutes.
      - Without it the grant is opened with your login.
    type: str
  runner_ca_cert:
    description: File of CA certificates to trust the runner by. Without it, the system's.
    type: path
  runner_wait:
    description: How long the runner may take to decide, as V(15m). After that the request is withdrawn.
    type: str
    default: 15m
  hosts:
    description: The hosts that the grant is for, told to the runner of O(runner_url). Without it, the hosts of the play.
    type: list
    elements: str
  request:
    description:
      - What M(breakglass.remediation.access_request) has asked the runner of O(runner_url) for, as V(INC-4T9Q). It is taken up
        instead of asking again.
      - O(access) and O(time_box) must be those that were asked for, and so must O(hosts) where they are given.
    type: str
    default: ""
extends_documentation_fragment:
  - breakglass.remediation.vault
  - action_common_attributes
attributes:
  check_mode:
    description: The grant is opened and closed in check mode too, because looking at hosts needs one.
    support: partial
  diff_mode:
    support: none
  platform:
    description: Runs on the controller.
    platforms: posix
seealso:
  - module: breakglass.remediation.access_request
  - module: breakglass.remediation.ssh_certificate
  - module: breakglass.remediation.database_credential
  - module: breakglass.remediation.pki_certificate
  - module: breakglass.remediation.secret_file
  - module: breakglass.remediation.credential_info
"""

EXAMPLES = r"""
- name: Open the grant
  breakglass.remediation.grant:
    access: shop-operator
    time_box: 10m
    reason: nginx answers 502 since 02:51
    ticket: OPS-4711
  delegate_to: localhost
  become: false
  run_once: true

- name: Close the grant before the end of the run, and prove it
  breakglass.remediation.grant:
    state: absent
  delegate_to: localhost
  become: false
  run_once: true
"""

RETURN = r"""
access:
  description: Name of the access.
  returned: O(state=present)
  type: str
  sample: shop-operator
accessor:
  description: The handle by which the grant can be looked up and revoked. It can't be used to act.
  returned: when a grant is open, or was closed by this task
  type: str
expires_at:
  description: When the grant dies by itself (UTC, RFC 3339).
  returned: O(state=present)
  type: str
  sample: "2026-11-22T14:12:09Z"
time_box:
  description: Its whole life in seconds.
  returned: O(state=present)
  type: int
  sample: 600
proven:
  description:
    - Whether it is proven that the grant and all its leases are gone. The task fails when they should be and can't be proven.
    - V(false) under a runner, which proves it when the play has ended, and in a run that had no grant.
  returned: O(state=absent)
  type: bool
remains:
  description: What lives on, and until when, a sentence for each credential. Empty when nothing does.
  returned: O(state=absent), when this task closed the grant
  type: list
  elements: str
  sample: ["SSH certificate 8123 for web1 expires at 2026-11-22T14:12:09Z"]
"""
