# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ssh_certificate
short_description: Obtains an SSH certificate for exactly these hosts
description:
  - Makes a fresh Ed25519 key and has Vault sign a user certificate for it whose principals are the hosts' inventory names.
  - What Vault signed is checked against what was asked for. The certificate ends no later than the run's grant.
  - Key, certificate and a known_hosts file with the host CA lie in the run's own directory and are wiped at its end.
  - Called again for the same hosts it returns the certificate that is there.
  - An SSH certificate can't be revoked. It lives until RV(expires_at).
author:
  - The breakglass.remediation maintainers
version_added: 0.1.0
requirements:
  - hvac
  - cryptography
options:
  hosts:
    description: Inventory names of the hosts. They must be within the access of the grant.
    type: list
    elements: str
    required: true
extends_documentation_fragment:
  - breakglass.remediation.vault
  - action_common_attributes
attributes:
  check_mode:
    description: The certificate is obtained in check mode too, because looking at hosts needs one.
    support: partial
  diff_mode:
    support: none
  platform:
    description: Runs on the controller.
    platforms: posix
notes:
  - The address of Vault is that of the grant; the login options are accepted for O(ignore:module_defaults) only.
seealso:
  - module: breakglass.remediation.grant
"""

EXAMPLES = r"""
- name: Obtain a certificate for these hosts
  breakglass.remediation.ssh_certificate:
    hosts: "{{ ansible_play_hosts_all }}"
  delegate_to: localhost
  become: false
  run_once: true
"""

RETURN = r"""
private_key_path:
  description: The private key; OpenSSH finds the certificate beside it.
  returned: success
  type: str
certificate_path:
  description: The certificate.
  returned: success
  type: str
known_hosts_path:
  description: A known_hosts file with the host CA for these hosts.
  returned: success
  type: str
serial:
  description: The certificate's serial number, as text because it may exceed what JSON numbers hold.
  returned: success
  type: str
principals:
  description: The hosts that it opens.
  returned: success
  type: list
  elements: str
key_id:
  description: Its name in the log of sshd, which is the stream of the journal that tells about this run.
  returned: success
  type: str
valid_before:
  description: When it ends (UTC, RFC 3339).
  returned: success
  type: str
expires_at:
  description: The same as RV(valid_before).
  returned: success
  type: str
"""
