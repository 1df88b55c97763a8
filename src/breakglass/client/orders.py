# SPDX-License-Identifier: GPL-3.0-or-later
"""Which credentials a person gets of an access on their own machine. Pure.

SSH certificates, database users and secrets of a whole path; what else an access may open is for plays.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.database import DatabaseOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.secret import SecretOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.ssh import SshOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.secret import Engine, SecretRequest

from breakglass.credential_files import ANYWHERE, name_of

if TYPE_CHECKING:
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.order import Order
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.directory import RunDirectory

    from breakglass.client.taking import HostWay, Opens, Taken

FORMS: Final = ("pgpass", "my_cnf", "environment", "plain")
SSH_CONFIG: Final = "config"
_SAFE_HOST: Final = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_SAFE_ADDRESS: Final = re.compile(r"[A-Za-z0-9._:%-]+", re.ASCII)


def orders(taken: Taken, run: RunDirectory, form: str) -> dict[str, Order]:
    """Each by its name: `ssh`, a database role's, a secret's last word. By its key id the runner's list of revoked certificates knows the certificate."""
    found: dict[str, Order] = {}
    if taken.user:
        found["ssh"] = SshOrder(taken.access, tuple(sorted(way.host for way in taken.hosts)), taken.stream)
    for one in taken.opens:
        if not _is_for_people(one):
            continue
        name = name_of(one.name, one.kind, found)
        if one.kind == "database":
            found[name] = DatabaseOrder(name, one.mount, one.name, form, run.credential(name), ANYWHERE)
        else:
            engine = Engine(one.engine or Engine.KV2.value)
            found[name] = SecretOrder(name, SecretRequest(engine, one.mount, one.name), "json", "")
    return found


def left_out(taken: Taken) -> list[str]:
    """What the access opens, and only plays get, in words."""
    return [f"{one.kind} {one.mount}/{one.name}".rstrip("/ ") for one in taken.opens if not _is_for_people(one)]


def ssh_config(taken: Taken, run: RunDirectory) -> str:
    """For `ssh -F`: each host of the grant, believed by the CA alone, with this key alone."""
    return "".join(_host(way, taken.user, run) for way in taken.hosts if _SAFE_HOST.fullmatch(way.host))


def _host(way: HostWay, user: str, run: RunDirectory) -> str:
    lines = [f"User {user}", f"HostKeyAlias {way.host}"] if _SAFE_HOST.fullmatch(user) else [f"HostKeyAlias {way.host}"]
    if _SAFE_ADDRESS.fullmatch(way.address):
        lines += [f"HostName {way.address}", f"Port {way.port}"]
    lines += [f'IdentityFile "{run.key}"', f'CertificateFile "{run.certificate}"', "IdentitiesOnly yes"]
    lines += [f'UserKnownHostsFile "{run.known_hosts}"', "GlobalKnownHostsFile /dev/null", "StrictHostKeyChecking yes"]
    lines += ["ControlPath none", "ForwardAgent no"]
    return f"Host {way.host}\n" + "".join(f"  {line}\n" for line in lines)


def _is_for_people(one: Opens) -> bool:
    return one.kind == "database" or (one.kind == "secret" and not one.name.endswith("/*"))
