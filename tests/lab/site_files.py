# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the lab's controller: settings, policy and inventories, as a user would have them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import yaml
from tests.lab.places import SITE, group_of
from tests.lab.vault import write_secret

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tests.lab.places import Place

INTERPRETER = "/usr/bin/python3"


def write_site(place: Place, hosts: Mapping[str, str]) -> None:
    """Write them, with fresh secrets, for these hosts and addresses."""
    place.runs.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = (SITE / "settings.yml").read_text(encoding="utf-8").replace("/run/breakglass-lab/NAME", str(place.runs))
    place.settings.write_text(settings, encoding="utf-8")
    policy = (SITE / "breakglass.yml").read_text(encoding="utf-8")
    (place.controller / "breakglass.yml").write_text(
        policy_for(policy, {group_of(host) for host in hosts}), encoding="utf-8"
    )
    write_secret(place.secret("alertmanager"), secrets.token_urlsafe(32))
    write_secret(place.secret("on-call"), "json://127.0.0.1:8444/")
    prepared = {"ansible_user": "breakglass", "ansible_become": True, "ansible_python_interpreter": INTERPRETER}
    _write_inventory(place, "inventory.yml", hosts, prepared)
    options = f"-F /dev/null -o UserKnownHostsFile={place.secret('known_hosts')} -o GlobalKnownHostsFile=/dev/null"
    first = {
        "ansible_ssh_common_args": f"{options} -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes -o IdentityAgent=none",
        "ansible_python_interpreter": INTERPRETER,
    }
    _write_inventory(place, "first-contact.yml", hosts, first)
    keys = "".join(f"{address} {_host_key(place, host)}\n" for host, address in hosts.items())
    write_secret(place.secret("known_hosts"), keys.strip())


def policy_for(policy: str, groups: Collection[str]) -> str:
    """Leave out of a policy what is about groups that a small lab does not have, since a policy that names them is refused."""
    known = yaml.load(policy, yaml.BaseLoader)
    there = {"all", *groups}
    access = {name: one for name, one in known["access"].items() if there.issuperset(one["hosts"])}
    triggers = [one for one in known["triggers"] if one["access"] in access]
    names = {one["name"] for one in triggers}
    drills = [one for one in known["drills"] if one["trigger"] in names and there.issuperset(one["hosts"])]
    fewer = {**known, "access": access, "triggers": triggers, "drills": drills}
    return policy if fewer == known else yaml.safe_dump(fewer, sort_keys=False)


def _write_inventory(place: Place, name: str, hosts: Mapping[str, str], variables: Mapping[str, object]) -> None:
    groups: dict[str, dict[str, dict[str, dict[str, str]]]] = {}
    for host, address in hosts.items():
        groups.setdefault(group_of(host), {"hosts": {}})["hosts"][host] = {"ansible_host": address}
    text = yaml.safe_dump({"all": {"vars": dict(variables), "children": groups}}, sort_keys=False)
    (place.controller / name).write_text(text, encoding="utf-8")


def _host_key(place: Place, host: str) -> str:
    return (place.root(host) / "etc/ssh/ssh_host_ed25519_key.pub").read_text(encoding="ascii").strip()
