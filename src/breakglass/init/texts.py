# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts that are written: settings and a first policy, with the comments that somebody needs who reads them first. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml

if TYPE_CHECKING:
    from breakglass.init.answers import InventoryAnswer, VaultAnswer

CHANNEL: Final = "on-call"
SOURCE: Final = "alertmanager"
FAILED_UNIT: Final = ("SystemdUnitFailed", "NodeSystemdServiceFailed", "HostSystemdServiceCrashed")
"""What widespread rule sets call the alert of a failed unit, which has the unit in its label `name`."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9/][A-Za-z0-9/._@+-]*(?::[A-Za-z0-9/._@+-]+)*", re.ASCII)
_NOT_TEXT: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "~"})
_LONGEST_LIST: Final = 90

SETTINGS: Final = """\
# This installation, made by `breakglass init`. Secrets are only ever named by file. Paths are relative to this file.
# All fields: breakglass settings schema. Is it right? breakglass settings check. Would it work tonight? breakglass doctor
listen: {listen}                  # another address needs tls: {{certificate: FILE, key: FILE}}, and public_url
policy: policy                          # one file, or a directory with one file per team
inventory: {inventory}
database_url: {database}
journal: {{directory: {journal}}}
{run_directory}vault:
  url: {url}
{vault}  auth_method: approle
  role_id_file: secrets/role_id         # `breakglass vault apply` has both issued
  secret_id_file: secrets/secret_id
sources:
  {source}: {{kind: alertmanager, bearer_token_files: [secrets/{source}]}}
channels:
  {channel}: {{url_file: secrets/{channel}}}  # the file holds one Apprise URL
"""

POLICY: Final = """\
# What is an emergency, who may act, on what, for how long. Keep it in git.
# Is it right? breakglass policy check policy --settings settings.yml. What would it do? breakglass policy explain ALERT.json
version: 1

access:                                 # what a grant can open, never more
  operator:                             # SSH as the user breakglass, on the hosts of these groups
    hosts: {groups}
    max_time_box: 15m
  preparation:                          # for the playbook prepare_hosts, by which hosts come to trust Vault's CA
    hosts: {groups}
    credentials:
      - {{kind: ssh, user: breakglass}}
      - {{kind: ssh_host}}

triggers:                               # the first that matches an alert is taken
  - name: unit-failed
    match:
      alertname: [{alertnames}]
      # name: [nginx.service]           # begin with the units that a restart really helps
    access: operator
    approval: automatic                 # no person is asked
    remediation: restart_service
    parameters:
      restart_service_name: "{{{{ alert.labels.name }}}}"
    escalation: {channel}                 # a channel of the settings: told when the repair did not help
    mode: observe                       # only says in the journal what would have run; act lets it repair

tests:                                  # breakglass policy test
  - name: a failed unit on {host} would be restarted
    alert: {{alertname: {alertname}, name: nginx.service, instance: {instance}}}
    expect: {{trigger: unit-failed, hosts: [{host}], approval: automatic, mode: observe}}
"""


@dataclass(frozen=True)
class Places:
    """Where things are, as the settings name them.

    Attributes:
        listen: host:port.
        inventory: Path of the inventory.
        state: Directory of database and journal.
        run_directory: Where runs have their directories; empty for beside the database.
    """

    listen: str
    inventory: str
    state: str
    run_directory: str


def settings_text(places: Places, vault: VaultAnswer) -> str:
    """The settings."""
    options = {"namespace": vault.namespace, "ca_cert": vault.ca_cert}
    return SETTINGS.format(
        listen=scalar(places.listen),
        inventory=scalar(places.inventory),
        database=scalar(f"sqlite:///{places.state}/breakglass.db"),
        journal=scalar(f"{places.state}/journal"),
        run_directory=f"run_directory: {scalar(places.run_directory)}\n" if places.run_directory else "",
        url=scalar(vault.url),
        vault="".join(f"  {name}: {scalar(value)}\n" for name, value in options.items() if value),
        source=SOURCE,
        channel=CHANNEL,
    )


def policy_text(inventory: InventoryAnswer) -> str:
    """A policy with one trigger, which only observes."""
    host = inventory.hosts[0]
    return POLICY.format(
        groups=_list(inventory.groups),
        alertnames=", ".join(FAILED_UNIT),
        alertname=FAILED_UNIT[0],
        channel=CHANNEL,
        host=scalar(host),
        instance=scalar(f"{host}:9100"),
    )


def scalar(text: str) -> str:
    """A text as YAML: plain where that can't be read as anything else, else in double quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT:
        return text
    quoted: str = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=math.inf)
    return quoted.rstrip("\n")


def _list(words: tuple[str, ...]) -> str:
    """A list on one line, or one entry a line where it is long."""
    line = f"[{', '.join(map(scalar, words))}]"
    return line if len(line) <= _LONGEST_LIST else "".join(f"\n      - {scalar(word)}" for word in words)
