# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: access_request
short_description: Asks a runner for an access, and waits until people have approved it
description:
  - Asks a runner for an access to hosts, with a reason and a ticket, and waits for its decision. Its policy says who may ask,
    and who must say yes.
  - Approval and opening are separate tasks then. The request that this returns is taken up by M(breakglass.remediation.grant)
    with its option O(breakglass.remediation.grant#module:request).
  - The grant opens as soon as it is approved, and its time box begins then. It waits a minute and a half to be taken; after
    that the runner closes it. So put the task with M(breakglass.remediation.grant) soon after this one.
  - It fails, with the reason, when somebody says no, when nobody decides in time, or when the policy does not allow it. A
    request that nobody waits for any more is withdrawn.
  - The access must say C(hand_out) in the policy, because the run takes the grant to its own machine.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
requirements:
  - hvac
options:
  access:
    description: Name of the access, as the policy has it.
    type: str
    required: true
  hosts:
    description: The hosts that it is for, inventory names of the runner. Without it, the hosts of the play.
    type: list
    elements: str
  reason:
    description: Why it is needed, a sentence for the approver and the auditor.
    type: str
    required: true
  ticket:
    description: The ticket that it belongs to.
    type: str
    default: ""
  time_box:
    description:
      - How long the grant may live, from the moment that it opens. A whole number and one unit, V(90s), V(10m), V(2h).
      - More than the policy allows is refused, never shortened.
    type: str
    default: 10m
  runner_url:
    description:
      - Address of the runner, as V(https://breakglass.example.com).
      - Your login says who you are by a short-lived identity token of Vault; the runner never gets a Vault token of yours.
      - It is V(https://…). V(http://…) is taken for a runner on this machine only, since whoever hears an identity token can be you
        for minutes.
    type: str
    required: true
  runner_ca_cert:
    description: File of CA certificates to trust the runner by. Without it, the system's.
    type: path
  wait:
    description: How long to wait for the decision, as V(15m). After that the request is withdrawn, and the task fails.
    type: str
    default: 15m
extends_documentation_fragment:
  - breakglass.remediation.vault
  - action_common_attributes
attributes:
  check_mode:
    description: Says what it would ask for, and asks nobody.
    support: full
  diff_mode:
    support: none
  platform:
    description: Runs on the controller.
    platforms: posix
seealso:
  - module: breakglass.remediation.grant
"""

EXAMPLES = r"""
- name: Ask for the access, and wait until it is approved
  breakglass.remediation.access_request:
    runner_url: https://breakglass.example.com
    access: web-operator
    hosts: [web1]
    reason: the shop answers 502 since 02:51
    ticket: OPS-4711
    time_box: 10m
    wait: 30m
  register: asked
  delegate_to: localhost
  become: false
  run_once: true

- name: Open what was approved
  breakglass.remediation.grant:
    runner_url: https://breakglass.example.com
    request: "{{ asked.request }}"
    access: "{{ asked.access }}"
    time_box: "{{ asked.time_box }}"
    reason: the shop answers 502 since 02:51
  when: asked.request | length > 0
  delegate_to: localhost
  become: false
  run_once: true
"""

RETURN = r"""
request:
  description: The runner's name for the request, an incident. Empty in check mode.
  returned: success
  type: str
  sample: INC-4T9Q
access:
  description: Name of the access.
  returned: success
  type: str
  sample: web-operator
hosts:
  description: The hosts that it is for.
  returned: success
  type: list
  elements: str
  sample: [web1]
time_box:
  description: Its time box, as M(breakglass.remediation.grant) takes it.
  returned: success
  type: str
  sample: 600s
approval:
  description: The approval that the policy asks for; V(automatic) where it asks nobody, V(override) where it was done without.
  returned: when it is open
  type: str
  sample: dba-and-security
approved_by:
  description: Who said yes. Empty where nobody was asked.
  returned: when it is open
  type: list
  elements: dict
  contains:
    person:
      description: Whom the identity in Vault belongs to.
      type: str
      sample: ben
    groups:
      description: The groups by which they count.
      type: list
      elements: str
      sample: [dba]
    at:
      description: When (UTC, RFC 3339).
      type: str
      sample: "2026-11-22T02:59:32+00:00"
expires_at:
  description: When the grant dies by itself (UTC, RFC 3339).
  returned: when it is open
  type: str
  sample: "2026-11-22T03:09:40+00:00"
msg:
  description: What would be asked for.
  returned: in check mode
  type: str
"""
