# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: database_credential
short_description: Obtains a database user for this run
description:
  - Has the database engine of Vault make a user of a dynamic role, and writes its password in the form that a client reads, as
    0600 files in the run's own directory. The password is never in the result.
  - The guard renews the user while the run needs it, within the grant.
  - At closing the user is dropped, and that is proven. The role's C(revocation_statements) must end its open sessions, drop what
    it owns and drop the user; C(docs/guides/credentials.md) has statements that do.
  - When the database can't be reached at closing, the grant stays unproven, and the guard tries again until it is back. The user
    can't live longer than C(max_ttl) of the role says.
  - Called again in the same way it returns the user that is there.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
requirements:
  - hvac
  - cryptography
options:
  name:
    description: What the run calls this credential. Its files are looked up as V(NAME/FILE), as in V(database/pgpass).
    type: str
    default: database
  role:
    description: The dynamic role of the engine. The access of the grant must open it.
    type: str
    required: true
  engine_mount_point:
    description: Where the database engine is mounted.
    type: str
    default: database
  format:
    description:
      - V(pgpass) writes C(pgpass) and C(pg_service.conf) (service C(breakglass)) for libpq, that is psql and most of PostgreSQL.
      - V(my_cnf) writes C(my.cnf) with a section C([client]) for MySQL and MariaDB.
      - V(environment) writes C(environment) with C(DATABASE_USERNAME) and C(DATABASE_PASSWORD).
      - V(plain) writes C(username) and C(password), nothing else in them.
    type: str
    choices: [pgpass, my_cnf, environment, plain]
    default: pgpass
  login_host:
    description: The database server, for V(pgpass) and V(my_cnf). V(*) matches any in C(pgpass), and is left out elsewhere.
    type: str
    default: "*"
  login_port:
    description: Its port. V(*) as for O(login_host).
    type: str
    default: "*"
  login_db:
    description: The database, for V(pgpass). V(*) as for O(login_host).
    type: str
    default: "*"
extends_documentation_fragment:
  - breakglass.remediation.vault
  - action_common_attributes
attributes:
  check_mode:
    description: The user is made in check mode too, because looking at a database needs one.
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
- name: Obtain a user of the shop's database
  breakglass.remediation.database_credential:
    role: shop-admin
    login_host: "{{ shop_database_host }}"
    login_port: "{{ shop_database_port }}"
    login_db: "{{ shop_database_name }}"
  delegate_to: localhost
  become: false
  run_once: true

- name: See that it can log in
  ansible.builtin.command: psql --no-psqlrc --command 'SELECT current_user'
  environment:
    PGSERVICEFILE: "{{ lookup('breakglass.remediation.credential', 'database/pg_service.conf') }}"
    PGSERVICE: breakglass
  changed_when: false
  delegate_to: localhost
  become: false
  run_once: true

- name: Obtain a second user, for a program that reads an option file of MySQL
  breakglass.remediation.database_credential:
    name: shop_reports
    role: shop-reports
    format: my_cnf
    login_host: "{{ shop_database_host }}"
  delegate_to: localhost
  become: false
  run_once: true
"""

RETURN = r"""
username:
  description: Name of the user.
  returned: success
  type: str
  sample: v-token-shop-adm-x81sQ2
files:
  description: Path of each file by its name.
  returned: success
  type: dict
  sample: {"pgpass": "/run/user/1000/breakglass/run-x1/credentials/database/pgpass"}
expires_at:
  description: When the user is dropped if nobody renews it any more (UTC, RFC 3339).
  returned: success
  type: str
latest_end:
  description: When it is dropped however often it is renewed, which is the end of the grant.
  returned: success
  type: str
lease_id:
  description: By which Vault drops it. It can't be used to log in.
  returned: success
  type: str
name:
  description: What the run calls it.
  returned: success
  type: str
  sample: database
kind:
  description: Always V(database).
  returned: success
  type: str
  sample: database
"""
