# SPDX-License-Identifier: GPL-3.0-or-later
"""The play of the canary test: every kind in every form, used, shown, failing, looped, delegated, closed, and refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

INVENTORY = """all:
  vars: {{ansible_connection: local, ansible_python_interpreter: {python}}}
  hosts: {{localhost: , web1: , web2: }}
"""
CREDENTIAL = "breakglass.remediation.credential"
PLAY = """---
- name: Obtain everything
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Open the grant
      breakglass.remediation.grant: {grant}
      register: grant
    - name: Log in to hosts
      breakglass.remediation.ssh_certificate: {{hosts: [localhost, web1]}}
      register: ssh
    - name: Certify a host
      breakglass.remediation.ssh_certificate:
        {{kind: host, hosts: [web1], public_key: {host_key}}}
      register: ssh_host
    - name: Use the database
      breakglass.remediation.database_credential:
        {{role: app, login_host: 127.0.0.1, login_port: "{port}", login_db: postgres}}
      register: database
    - name: Use it in other forms
      breakglass.remediation.database_credential: {{role: app, name: "database_{{{{ item }}}}", format: "{{{{ item }}}}"}}
      loop: [my_cnf, environment, plain]
      register: databases
    - name: Prove who we are
      breakglass.remediation.pki_certificate: {{role: app, common_name: app.example.com, ip_sans: [192.0.2.10]}}
      register: pki
    - name: Prove it to others
      breakglass.remediation.pki_certificate: {{name: keystore, role: app, common_name: app.example.com, format: pkcs12}}
      register: keystore
    - name: Read a secret
      breakglass.remediation.secret_file: {{name: "secret_{{{{ item.format }}}}", path: app, key: "{{{{ item.key | default('') }}}}",
        format: "{{{{ item.format }}}}", version: "{{{{ item.version | default(0) }}}}"}}
      loop: [{{format: environment, version: 1}}, {{format: json}}, {{format: plain, key: OLD, version: 1}}]
      register: secrets
    - name: Read an old store
      breakglass.remediation.secret_file: {{name: old, path: app, engine: kv1, engine_mount_point: old}}
      register: old
    - name: Have a password made
      breakglass.remediation.secret_file: {{name: otp, engine: dynamic, engine_mount_point: ssh-otp, path: creds/app,
        parameters: {{ip: 192.0.2.7}}, format: json}}
      register: otp
    - name: Have a user made
      breakglass.remediation.secret_file: {{name: made, engine: dynamic, engine_mount_point: database, path: creds/app}}
      register: made
    - name: Know what there is
      breakglass.remediation.credential_info:
      register: held

- name: Use it
  hosts: web1
  gather_facts: true
  gather_subset: [env, "!all"]
  tasks:
    - name: Ask for it again from another host
      breakglass.remediation.database_credential: {{role: app, login_host: 127.0.0.1, login_port: "{port}", login_db: postgres}}
      delegate_to: localhost
      register: delegated
    - name: Show what is registered
      ansible.builtin.debug: {{var: "{{{{ item }}}}"}}
      loop: [delegated, "hostvars['localhost']", {registered}]
    - name: Keep it
      ansible.builtin.set_fact: {{kept: "{{{{ hostvars['localhost'] }}}}", again: "{{{{ delegated }}}}", cacheable: true}}
    - name: Ask the database
      ansible.builtin.command: {{argv: [{programs}/psql, --no-psqlrc, --command, SELECT 1]}}
      environment:
        PGSERVICEFILE: "{{{{ lookup('{credential}', 'database/pg_service.conf') }}}}"
        PGSERVICE: breakglass
      register: asked
    - name: Use the others for a while
      ansible.builtin.command: {{argv: [sh, -c, "{{{{ item }}}}"]}}
      loop:
        - ssh-keygen -L -f {{{{ lookup('{credential}', 'ssh') }}}}-cert.pub
        - openssl pkcs12 -info -nokeys -in {{{{ lookup('{credential}', 'keystore/bundle.p12') }}}}
          -passin file:{{{{ lookup('{credential}', 'keystore/passphrase') }}}}
        - set -a; . {{{{ lookup('{credential}', 'secret_environment/environment') }}}}; test -n "$API_TOKEN"
      async: 60
      poll: 1
    - name: Fail with what there is
      ansible.builtin.command: {{argv: [{programs}/psql, --no-psqlrc, --command, SELECT nothing]}}
      environment:
        PGSERVICEFILE: "{{{{ lookup('{credential}', 'database/pg_service.conf') }}}}"
        PGSERVICE: breakglass
      ignore_errors: true
      register: failed
    - name: Ask for what is not open
      breakglass.remediation.secret_file: {{path: another, name: another}}
      ignore_errors: true
      register: refused
    - name: Write down where it is
      ansible.builtin.copy: {{content: "{{{{ hostvars | to_json }}}}", dest: "{directory}/hostvars.json", mode: "0600"}}
      diff: true
{planted}
    - name: Let the test look
      ansible.builtin.command: {{argv: [sh, -c, "touch paused; until test -e go; do sleep 0.05; done"], chdir: "{directory}"}}

- name: Close, and fail
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Close the grant
      breakglass.remediation.grant: {{state: absent}}
      register: closed
    - name: Ask too late
      breakglass.remediation.database_credential: {{role: app, name: late}}
      ignore_errors: true
    - name: Log in wrongly
      breakglass.remediation.grant: {wrong}
      register: denied
"""
REGISTERED = ("grant", "ssh", "database", "databases", "pki", "keystore", "secrets", "old", "otp", "made", "held")


def play(options: Mapping[str, object], wrong: Mapping[str, object], planted: str, places: Mapping[str, object]) -> str:
    """The playbook.

    Args:
        options: Login options that work.
        wrong: What to change in them so that Vault refuses the login.
        planted: Tasks more, before the test looks.
        places: The database's `port`, the directory of its `programs`, the home `directory` and a `host_key`.
    """
    wish = {"access": "everything", "reason": "a canary", "time_box": "5m"}
    return PLAY.format(
        grant=json.dumps({**wish, **options}),
        wrong=json.dumps({**wish, **{k: v for k, v in {**options, **wrong}.items() if v is not None}}),
        **places,
        planted=planted,
        credential=CREDENTIAL,
        registered=", ".join(f"\"hostvars['localhost']['{name}']\"" for name in REGISTERED),
    )
