# SPDX-License-Identifier: GPL-3.0-or-later
"""Each fault of the lab is really one, and mending takes it back."""

from __future__ import annotations

import ssl
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from tests.lab.clock import refuses_fresh_certificate
from tests.lab.errors import UnknownFault
from tests.lab.faults import FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.api import Lab
    from tests.lab.host import LabHost

SITE = "curl -sf -o /dev/null -m 2 http://127.0.0.1/"
OPEN_TO_ALL = 17  # of 20 connections, 3 are kept for the superuser


def fails(command: str) -> Callable[[LabHost], bool]:
    return lambda host: host.run(command, check=False).returncode != 0


def counted(host: LabHost, where: str) -> int:
    """How many sessions of the database are so."""
    query = f"SELECT count(*) FROM pg_stat_activity WHERE {where}"
    return int(host.run(["runuser", "-u", "postgres", "--", "psql", "-Atc", query]).stdout)


def unreachable(host: LabHost) -> bool:
    try:
        opened = subprocess.run(
            ["bash", "-c", f"exec 3<>/dev/tcp/{host.address}/22; read -t 2 -u 3"],
            capture_output=True,
            timeout=2,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return True
    return opened.returncode != 0


def expired(host: LabHost) -> bool:
    try:
        ssl.get_server_certificate((host.address, 443), timeout=2)
    except OSError:
        return False
    return (
        host.run(
            "openssl x509 -in /etc/nginx/breakglass-lab/certificate.pem -noout -checkend 0", check=False
        ).returncode
        != 0
    )


SIGNS: dict[str, tuple[str, Callable[[LabHost], bool]]] = {
    "service-stopped": ("web1", fails(SITE)),
    "service-failed": ("web1", fails(SITE)),
    "service-broken": ("web1", fails(f"systemctl restart nginx; {SITE}")),
    "service-hung": ("web1", fails(SITE)),
    "disk-full": ("app1", fails("head -c 100000 /dev/zero > /root/more && rm /root/more")),
    "bad-nginx-config": ("web1", fails("nginx -t")),
    "bad-sshd-config": ("web2", fails("sshd -t")),
    "clock-behind": ("web2", refuses_fresh_certificate),
    "clock-ahead": ("web2", refuses_fresh_certificate),
    "expired-certificate": ("web1", expired),
    "database-connections": ("db1", lambda host: counted(host, "usename = 'shop'") == OPEN_TO_ALL),
    "database-idle-in-transaction": ("db1", lambda host: counted(host, "state = 'idle in transaction'") == 1),
    "database-runaway-query": (
        "db1",
        lambda host: counted(host, "query LIKE '%pg_sleep(36000)' AND state = 'active'") == 1,
    ),
    "memory-hog": (
        "app1",
        lambda host: int(host.run("ps -C python3 -o rss= | sort -n | tail -1").stdout or 0) > 290_000,
    ),
    "freeze": ("web2", unreachable),
    "network-cut": ("web2", unreachable),
    "host-down": ("web2", lambda host: not host.runs),
}


def await_sign(sign: Callable[[LabHost], bool], host: LabHost, *, there: bool) -> None:
    deadline = time.monotonic() + 20
    while sign(host) is not there:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_every_fault_has_a_sign() -> None:
    """None is left untried."""
    assert set(SIGNS) == set(FAULTS)


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_strikes_and_is_mended(lab: Lab, kind: str) -> None:
    """Its sign is not there, then it is, then it is not; mending twice is fine."""
    name, sign = SIGNS[kind]
    host = lab.host(name)
    assert not sign(host)
    lab.break_(kind, name)
    try:
        await_sign(sign, host, there=True)
    finally:
        lab.mend(kind, name)
    await_sign(sign, host, there=False)
    lab.mend(kind, name)
    assert not sign(host)
    assert host.run("systemctl --failed --no-legend --plain").stdout == ""


def test_what_can_not_happen_is_refused(lab: Lab) -> None:
    """A fault that nobody knows, and one that a host of this kind can't have."""
    with pytest.raises(UnknownFault, match="There is no fault flood"):
        lab.break_("flood", "web1")
    with pytest.raises(UnknownFault, match="can't happen to db1"):
        lab.break_("bad-nginx-config", "db1")
