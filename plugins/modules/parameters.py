# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: parameters
short_description: Refuses parameters of a role that are not what they should name
description:
  - The first task of a remediation. It reads C(meta/remediation.yml) of the role that it stands in, where O(ignore:parameters)
    gives each parameter a kind (a service, a path, a port), and checks the value that the host has.
  - Parameters may come out of an alert, and names of tasks show them, so this comes before everything else.
  - A parameter that has its default says nothing and is not checked. Of a parameter with the type C(list) each item is.
  - A refusal never repeats the value.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
extends_documentation_fragment:
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
"""

EXAMPLES = r"""
- name: Check what is asked for
  breakglass.remediation.parameters:
"""

RETURN = r"""
checked:
  description: The parameters that were checked.
  returned: success
  type: list
  elements: str
  sample: [restart_service_name, restart_service_health_url]
"""
