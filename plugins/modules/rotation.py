# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: rotation
short_description: Rotates a secret where it comes from, and puts the new one into a file of this run
description:
  - Has Vault make a secret anew. With O(role) that is the password of a static role of a database engine, which Vault changes in the
    database itself. With O(path) a secret of a key-value store (version 2) gets a new version, in which O(key) is random and the other
    values stay.
  - The new secret lies in the run's own directory as a 0600 file in the form that its reader wants. No value is in the result.
  - A secret that was made anew less than O(older_than) ago is left as it is, and its file is written all the same. So a run that was cut
    off between rotating and deploying is finished by a second one, which does not rotate again.
  - The old value of a database is gone at once; nothing can bring it back. A store keeps old versions; they are not removed.
  - A new version in a store changes nothing for whoever has read the old one. That the old one is refused is up to those who read the
    secret, so deploy the new one, restart them, and prove it with M(breakglass.remediation.login_probe).
  - Called again in the same way within one run it returns what is there, and rotates nothing.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
requirements:
  - hvac
  - cryptography
options:
  name:
    description: What the run calls this credential. Its file is looked up as V(NAME/FILE), as in V(rotation/secret).
    type: str
    default: rotation
  role:
    description: A static role of a database engine. The access of the grant must open it with C(kind=rotation). Not with O(path).
    type: str
  path:
    description:
      - Path of a secret that is there already, below a key-value store of version 2, without C(data/). The access of the grant must open
        it with C(kind=rotation).
      - Not with O(role).
    type: str
  engine_mount_point:
    description: Where the engine is mounted. Without it V(database) for O(role), and V(kv) for O(path).
    type: str
  key:
    description: Name of the value that is made anew in a store, and that V(plain) writes. A static role has V(username) and V(password).
    type: str
    default: password
  format:
    description:
      - V(plain) writes the one value O(key) to the file C(secret), nothing else in it.
      - V(environment) writes C(environment) with one line C(NAME='value') for each value, for shells and systemd.
      - V(json) writes C(secret.json) with one object.
    type: str
    choices: [environment, json, plain]
    default: plain
  older_than:
    description: A secret that was made anew less than this ago, by Vault's clock and ours, stays. V(1s) rotates all but always.
    type: str
    default: 1h
extends_documentation_fragment:
  - breakglass.remediation.vault
  - action_common_attributes
attributes:
  check_mode:
    description: The secret is read in check mode too. It is not rotated, and C(changed) says whether it would be.
    support: full
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
  - module: breakglass.remediation.secret_file
  - plugin: breakglass.remediation.credential
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Change the password of the shop's database user
  breakglass.remediation.rotation:
    role: shop-app
  delegate_to: localhost
  become: false
  run_once: true

- name: Make a new token for the shop's API, for a program that reads its environment
  breakglass.remediation.rotation:
    name: api
    path: shop/api
    key: API_TOKEN
    format: environment
  delegate_to: localhost
  become: false
  run_once: true
"""

RETURN = r"""
rotated:
  description: Whether it was made anew; in check mode, whether it would be.
  returned: success
  type: bool
since:
  description: Since when the secret is what it is now (UTC, RFC 3339).
  returned: success
  type: str
  sample: "2026-11-22T14:12:09Z"
version:
  description: Its version in a store; V(0) for a static role.
  returned: success
  type: int
  sample: 3
key_names:
  description: Names of the values that the secret has.
  returned: success
  type: list
  elements: str
  sample: [password, username]
files:
  description: Path of the file by its name.
  returned: success
  type: dict
  sample: {"secret": "/run/user/1000/breakglass/run-x1/credentials/rotation/secret"}
expires_at:
  description: Always empty; it does not end.
  returned: success
  type: str
latest_end:
  description: Always empty; it does not end.
  returned: success
  type: str
lease_id:
  description: Always empty; Vault keeps no lease.
  returned: success
  type: str
name:
  description: What the run calls it.
  returned: success
  type: str
  sample: rotation
kind:
  description: Always V(rotation).
  returned: success
  type: str
  sample: rotation
"""
