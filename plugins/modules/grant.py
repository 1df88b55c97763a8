# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: grant
short_description: Opens a time-boxed grant for this run
description:
  - Opens the time box under which the rest of the run works, as one Vault token with an explicit maximum life.
  - Under a runner it takes the grant that the runner sent. Otherwise it logs in to Vault with your own login and mints one.
  - A run has one grant. Called again, as once for each batch of C(serial), it returns the grant that is open.
  - Nothing needs to be done to close it. A guard process revokes it and proves that it is gone when the run ends, however
    that happens.
  - It refuses when the callback P(breakglass.remediation.audit#callback) is not enabled, since nothing would be recorded,
    and while the hold is set in Vault.
author:
  - The breakglass.remediation maintainers
version_added: 0.1.0
requirements:
  - hvac
  - cryptography
options:
  access:
    description: Name of the access to open, as the policy has it.
    type: str
    required: true
  time_box:
    description: How long the grant may live, from the moment it opens. A whole number and one unit, V(90s), V(10m), V(2h).
    type: str
    default: 10m
  reason:
    description: Why it is needed, a sentence for the auditor.
    type: str
    required: true
  ticket:
    description: The ticket that it belongs to.
    type: str
    default: ""
extends_documentation_fragment:
  - breakglass.remediation.vault
  - action_common_attributes
attributes:
  check_mode:
    description: The grant is opened in check mode too, because looking at hosts needs one.
    support: partial
  diff_mode:
    support: none
  platform:
    description: Runs on the controller.
    platforms: posix
seealso:
  - module: breakglass.remediation.ssh_certificate
"""

EXAMPLES = r"""
- name: Open the grant
  breakglass.remediation.grant:
    access: web-operator
    time_box: 10m
    reason: nginx answers 502 since 02:51
    ticket: OPS-4711
  delegate_to: localhost
  become: false
  run_once: true
"""

RETURN = r"""
access:
  description: Name of the access.
  returned: success
  type: str
  sample: web-operator
accessor:
  description: The handle by which the grant can be looked up and revoked. It can't be used to act.
  returned: success
  type: str
expires_at:
  description: When the grant dies by itself (UTC, RFC 3339).
  returned: success
  type: str
  sample: "2026-11-22T14:12:09Z"
time_box:
  description: Its whole life in seconds.
  returned: success
  type: int
  sample: 600
"""
