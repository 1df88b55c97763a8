# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: secret_file
short_description: Puts a secret of Vault into a file of this run
description:
  - Reads a secret from a key-value store, or has any other engine of Vault make one (cloud, Kubernetes, RabbitMQ, LDAP, one-time
    passwords), and writes it in the form that its reader wants, as a 0600 file in the run's own directory. No value is in the
    result.
  - At closing the file is wiped, and a secret with a lease is revoked, which is proven. The guard renews such a lease within the
    grant, where the engine lets it.
  - What was read from a key-value store does not die, and neither does what an engine makes without a lease. The end of the run
    says so. Change such a secret afterwards if somebody may have seen it.
  - Called again in the same way it returns the secret that is there, and reads nothing.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
requirements:
  - hvac
  - cryptography
options:
  name:
    description: What the run calls this credential. Its file is looked up as V(NAME/FILE), as in V(secret/environment).
    type: str
    default: secret
  path:
    description:
      - Path of the secret below its engine, without C(data/). The access of the grant must open it.
      - For V(dynamic) the path that the engine documents, as V(creds/ROLE).
    type: str
    required: true
  engine:
    description:
      - V(kv2) and V(kv1) read from a key-value store of this version.
      - V(dynamic) asks any other engine, once. The request is never repeated, since it makes something.
    type: str
    choices: [kv2, kv1, dynamic]
    default: kv2
  engine_mount_point:
    description: Where the engine is mounted.
    type: str
    default: kv
  version:
    description: Version of a secret of V(kv2); V(0) is the newest.
    type: int
    default: 0
  parameters:
    description:
      - What is sent to the engine, for V(dynamic) only. Without it the path is read, with it, even with an empty one, it is
        written to.
      - Another value of a known parameter does not make it another secret. Give a second secret a O(name) of its own.
    type: dict
  format:
    description:
      - V(environment) writes C(environment) with one line C(NAME='value') for each value, for shells and systemd.
      - V(json) writes C(secret.json) with one object.
      - V(plain) writes the one value O(key) to the file C(secret), nothing else in it.
    type: str
    choices: [environment, json, plain]
    default: environment
  key:
    description: Name of the value that V(plain) writes. Required with O(format=plain), and only then.
    type: str
    default: ""
extends_documentation_fragment:
  - breakglass.remediation.vault
  - action_common_attributes
attributes:
  check_mode:
    description: The secret is read or made in check mode too, because what follows may need its file.
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
- name: Put the login of the mail server into an environment file
  breakglass.remediation.secret_file:
    path: shop/mail
  delegate_to: localhost
  become: false
  run_once: true

- name: Put one value of an older version into a file of its own
  breakglass.remediation.secret_file:
    name: mail_password
    path: shop/mail
    version: 1
    format: plain
    key: MAIL_PASSWORD
  delegate_to: localhost
  become: false
  run_once: true

- name: Have a one-time password made for a host that knows no SSH CA
  breakglass.remediation.secret_file:
    name: one_time_password
    engine: dynamic
    engine_mount_point: ssh-otp
    path: creds/shop
    parameters:
      ip: 192.0.2.7
    format: json
  delegate_to: localhost
  become: false
  run_once: true
"""

RETURN = r"""
version:
  description: Version of a secret of V(kv2); V(0) for others.
  returned: success
  type: int
  sample: 3
key_names:
  description: Names of the values that the secret has.
  returned: success
  type: list
  elements: str
  sample: [MAIL_PASSWORD, MAIL_USER]
files:
  description: Path of the file by its name.
  returned: success
  type: dict
  sample: {"environment": "/run/user/1000/breakglass/run-x1/credentials/secret/environment"}
expires_at:
  description: When it ends if nobody renews it any more (UTC, RFC 3339). Empty for what does not end.
  returned: success
  type: str
latest_end:
  description: When it ends however often it is renewed. Empty for what does not end.
  returned: success
  type: str
lease_id:
  description: By which Vault takes it back. Empty for what was only read.
  returned: success
  type: str
name:
  description: What the run calls it.
  returned: success
  type: str
  sample: secret
kind:
  description: Always V(secret).
  returned: success
  type: str
  sample: secret
"""
