# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: ssh_certificate
short_description: Obtains an SSH certificate for exactly these hosts
description:
  - With O(kind=user) it makes a fresh Ed25519 key and has Vault sign a certificate for it whose principals are the hosts'
    inventory names. Key, certificate and a known_hosts file with the host CA lie in the run's own directory, 0600. While the CA is
    being replaced, known_hosts holds the next or the previous one as well.
  - With O(kind=host) it has Vault certify a host's own public key, so that whoever trusts the CA knows the host. It is meant to
    outlive the grant. The access must open it with C(kind=ssh_host).
  - What Vault signed is checked against what was asked for. A user certificate ends no later than the run's grant.
  - Called again for the same hosts it returns the certificate that is there. For other hosts a user certificate is replaced,
    at the same paths.
  - The guard has a user certificate that is shorter than the grant signed anew before it ends, for the same key and in place.
  - An SSH certificate can't be revoked. At closing the files are wiped and the connections of the run are ended, and the
    certificate itself lives until RV(expires_at). The end of the run says so.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
requirements:
  - hvac
  - cryptography
options:
  kind:
    description: V(user) to log in to hosts, V(host) for a host to prove itself.
    type: str
    choices: [user, host]
    default: user
  hosts:
    description: Inventory names of the hosts. They must be within the access of the grant.
    type: list
    elements: str
    required: true
  name:
    description:
      - With O(kind=host), what the run calls the certificate, V(ssh_host) if it is not given. Certificates for several hosts
        need a name each.
      - A run has one user certificate, which is always called V(ssh).
    type: str
  public_key:
    description: Required with O(kind=host). The text of the host's C(ssh_host_ed25519_key.pub).
    type: str
  ttl:
    description:
      - Longest life of the certificate, as V(2m) or V(30d).
      - Without it, what is left of the grant for V(user), and 30 days for V(host).
      - Under a short-lived grant, as in a container, a V(user) certificate lives for two minutes at most and is signed anew.
    type: str
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
  - A grant must be open; the address of Vault is that of the grant, and the login options are accepted for
    O(ignore:module_defaults) only.
seealso:
  - module: breakglass.remediation.grant
  - plugin: breakglass.remediation.credential
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Obtain a certificate for these hosts
  breakglass.remediation.ssh_certificate:
    hosts: "{{ ansible_play_hosts_all }}"
  delegate_to: localhost
  become: false
  run_once: true

- name: Certify the key of a host for 30 days
  breakglass.remediation.ssh_certificate:
    kind: host
    name: host_web1
    hosts: [web1]
    public_key: "{{ lookup('ansible.builtin.file', 'files/web1/ssh_host_ed25519_key.pub') }}"
    ttl: 30d
  delegate_to: localhost
  become: false
  run_once: true
"""

RETURN = r"""
private_key_path:
  description: The private key; OpenSSH finds the certificate beside it.
  returned: O(kind=user)
  type: str
certificate_path:
  description: The certificate.
  returned: O(kind=user)
  type: str
known_hosts_path:
  description: A known_hosts file with the host CA for these hosts; with each of RV(authorities).
  returned: O(kind=user)
  type: str
authorities:
  description:
    - Public keys of the CAs that are there, one line each. The first one has signed the certificate; hosts are to trust all of them.
    - One key, and while the CA is being replaced the next or the previous one as well.
  returned: O(kind=user)
  type: list
  elements: str
files:
  description: Path of each file by its name. C(id), C(id-cert.pub) and C(known_hosts) of a user, C(host-cert.pub) of a host.
  returned: success
  type: dict
serial:
  description: The certificate's serial number, as text because it may exceed what JSON numbers hold.
  returned: success
  type: str
principals:
  description: The hosts that it opens, or the names of the host.
  returned: success
  type: list
  elements: str
key_id:
  description: Its name in the log of sshd. For a user it is the stream of the journal that tells about this run.
  returned: success
  type: str
valid_after:
  description: When it begins (UTC, RFC 3339), half a minute before it was signed, for hosts whose clocks are a little behind.
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
latest_end:
  description: The same as RV(valid_before).
  returned: success
  type: str
name:
  description: What the run calls it.
  returned: success
  type: str
  sample: ssh
kind:
  description: V(ssh) for a user, V(ssh_host) for a host.
  returned: success
  type: str
  sample: ssh
lease_id:
  description: Always empty, since Vault keeps no lease for an SSH certificate.
  returned: success
  type: str
"""
