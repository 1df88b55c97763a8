# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: pki_certificate
short_description: Obtains an X.509 certificate for this run
description:
  - Makes a fresh P-256 key, which never leaves this machine, and has the PKI engine of Vault sign a certificate for it. What was
    signed is checked against what was asked for, and lies in the run's own directory as 0600 files.
  - The certificate ends no later than the grant. It is not renewed.
  - At closing the certificate is revoked by its lease, which is proven, and from then on stands on the CA's revocation list. A
    service that does not check that list accepts the certificate until RV(expires_at), so ask for a short O(ttl).
  - The role needs C(generate_lease=true). Without a lease nobody could revoke the certificate, and the task throws it away with
    its key and fails; O(lease_required=false) accepts a certificate that lives on, and the end of the run says until when.
  - With O(kind=host) the certificate is one with which a service of a host proves itself. It is meant to outlive the grant, so
    closing leaves it alone, and the access must open it with C(kind=pki_host).
  - Called again in the same way it returns the certificate that is there.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
requirements:
  - hvac
  - cryptography
options:
  name:
    description: What the run calls this credential. Its files are looked up as V(NAME/FILE), as in V(pki/certificate.pem).
    type: str
    default: pki
  role:
    description: The role of the engine. The access of the grant must open it.
    type: str
    required: true
  engine_mount_point:
    description: Where the PKI engine is mounted.
    type: str
    default: pki
  common_name:
    description: The name that it is for. It is a subject alternative name, too.
    type: str
    required: true
  alt_names:
    description: Further DNS names.
    type: list
    elements: str
    default: []
  ip_sans:
    description: IP addresses.
    type: list
    elements: str
    default: []
  ttl:
    description:
      - Longest life of the certificate, as V(5m). Without it, and at most, what is left of the grant.
      - With O(kind=host) its life, V(30d) without it, and by the engine's role at most.
    type: str
  format:
    description:
      - V(pem) writes C(certificate.pem), C(private_key.pem) and C(chain.pem).
      - V(pkcs12) writes C(bundle.p12) with all three, and its passphrase in the file C(passphrase).
    type: str
    choices: [pem, pkcs12]
    default: pem
  lease_required:
    description: Whether a certificate that closing can't revoke is refused. With O(kind=host) one that it would revoke is.
    type: bool
    default: true
  kind:
    description:
      - V(run) is a certificate for this run, that ends with the grant.
      - V(host) is one for a service of a host. It is no client's, and the role needs C(generate_lease=false).
    type: str
    choices: [run, host]
    default: run
extends_documentation_fragment:
  - breakglass.remediation.vault
  - action_common_attributes
attributes:
  check_mode:
    description: The certificate is obtained in check mode too, because asking a service needs one; with O(kind=host) none is.
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
- name: Obtain a client certificate for the shop's API
  breakglass.remediation.pki_certificate:
    role: shop-client
    common_name: breakglass.shop.example.com
    ttl: 5m
  delegate_to: localhost
  become: false
  run_once: true

- name: Obtain one with two names and an address, for a program that wants PKCS#12
  breakglass.remediation.pki_certificate:
    name: keystore
    role: shop-client
    common_name: breakglass.shop.example.com
    alt_names: [repair.shop.example.com]
    ip_sans: [192.0.2.10]
    format: pkcs12
  delegate_to: localhost
  become: false
  run_once: true

- name: Obtain one with which the shop proves itself for a month
  breakglass.remediation.pki_certificate:
    name: shop
    kind: host
    role: shop-server
    common_name: shop.example.com
    ttl: 30d
  delegate_to: localhost
  become: false
  run_once: true
"""

RETURN = r"""
serial:
  description: The certificate's serial number, in hexadecimal.
  returned: success
  type: str
common_name:
  description: The name that it is for.
  returned: success
  type: str
  sample: breakglass.shop.example.com
files:
  description: Path of each file by its name.
  returned: success
  type: dict
  sample: {"certificate.pem": "/run/user/1000/breakglass/run-x1/credentials/pki/certificate.pem"}
expires_at:
  description: When it ends by itself (UTC, RFC 3339).
  returned: success
  type: str
latest_end:
  description: The same as RV(expires_at).
  returned: success
  type: str
lease_id:
  description: By which Vault revokes it. Empty when the role keeps no lease.
  returned: success
  type: str
name:
  description: What the run calls it.
  returned: success
  type: str
  sample: pki
kind:
  description: V(pki), or V(pki_host) with O(kind=host).
  returned: success
  type: str
  sample: pki
"""
