# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person gets of an access on their own machine: names, variables, and a configuration for ssh that says nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.directory import RunDirectory

from breakglass.client.orders import left_out, orders, ssh_config
from breakglass.client.taking import HostWay, Opens, Taken

RUN = RunDirectory(Path("/run/user/1000/breakglass/run-x"))
TAKEN = Taken(
    "INC-4T9Q",
    "wrapping-token",
    "accessor-1",
    {},
    "database-operator",
    600,
    "breakglass",
    (HostWay("db1", "10.0.0.5", 2222), HostWay("db2", "", 0)),
    (
        Opens("database", "database", "payments-admin", ""),
        Opens("database", "postgres", "payments-admin", ""),
        Opens("secret", "kv", "shop/api-key", "kv2"),
        Opens("secret", "kv", "web/*", "kv2"),
        Opens("rotation", "database", "static", "database"),
        Opens("ssh_host", "", "", ""),
    ),
    "2026/11/28/INC-4T9Q/runner",
)


def test_each_has_a_name_of_its_own() -> None:
    """What only plays use is left out, and said."""
    found = orders(TAKEN, RUN, "pgpass")
    assert {name: order.kind for name, order in found.items()} == {
        "ssh": "ssh",
        "payments-admin": "database",
        "payments-admin-2": "database",
        "api-key": "secret",
    }
    assert found["ssh"].what == "an SSH certificate for db1, db2"
    assert left_out(TAKEN) == ["secret kv/web/*", "rotation database/static", "ssh_host"]
    assert "ssh" not in orders(replace(TAKEN, user=""), RUN, "pgpass")
    assert "wrapping-token" not in repr(TAKEN)


def test_the_configuration_of_ssh_believes_the_authority_alone() -> None:
    """A host whose address nobody knows is left to the resolver."""
    first, second = ssh_config(TAKEN, RUN).split("Host db2\n")
    assert first.startswith("Host db1\n  User breakglass\n  HostKeyAlias db1\n  HostName 10.0.0.5\n  Port 2222\n")
    assert "StrictHostKeyChecking yes" in second
    assert "HostName" not in second


@pytest.mark.parametrize(
    "way",
    [
        HostWay("db1\n  ProxyCommand id", "10.0.0.5", 22),
        HostWay("*", "10.0.0.5", 22),
        HostWay("db1", "10.0.0.5\n  ProxyCommand id", 22),
        HostWay("db1", "$(id)", 22),
    ],
)
def test_what_a_runner_says_becomes_no_option_of_ssh(way: HostWay) -> None:
    """A name or an address with anything else in it is left out."""
    text = ssh_config(replace(TAKEN, hosts=(way,)), RUN)
    assert ("ProxyCommand" in text, "$(" in text, "Host *" in text) == (False, False, False)
