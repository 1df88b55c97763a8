# SPDX-License-Identifier: GPL-3.0-or-later
"""Remediations that no metric of the lab calls for: an alert of whatever finds such a thing, and nobody looks on until it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import asyncssh
import pytest
from tests.lab.alerted import Watch, answering
from tests.lab.faults import HOG_BYTES
from tests.lab.test_collect_evidence import EVIDENCE, kept
from tests.lab.test_lock_account import FORGET, MAKE, NAME
from tests.lab.test_relieve_memory import GROWN
from tests.lab.test_restore_config import NGINX
from tests.lab.test_restore_config import web1 as host_with_configurations
from tests.lab.test_rotate_credential import ACCESS, FILE, SHOP, status, stored
from tests.lab.test_rotate_credential import shops as two_shops

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.api import Lab
    from tests.lab.host import LabHost

__all__ = ["host_with_configurations", "two_shops"]
HOST: Final = "web1"
TRIGGERS: Final[tuple[dict[str, object], ...]] = (
    {
        "name": "configuration-broken",
        "match": {"alertname": "ConfigurationBroken"},
        "remediation": "restore_config",
        "parameters": NGINX,
    },
    {
        "name": "account-compromised",
        "match": {"alertname": "AccountCompromised"},
        "remediation": "lock_account",
        "parameters": {"lock_account_name": "{{ alert.labels.account }}"},
    },
    {
        "name": "secret-leaked",
        "match": {"alertname": "SecretLeaked"},
        "access": ACCESS,
        "remediation": "rotate_credential",
        "parameters": SHOP,
    },
    {
        "name": "memory-runs-out",
        "match": {"alertname": "MemoryRunsOut"},
        "remediation": "relieve_memory",
        "parameters": {"relieve_memory_processes": ["python3"], "relieve_memory_limit": HOG_BYTES // 1_500_000},
    },
    {
        "name": "host-hangs",
        "match": {"alertname": "HostHangs"},
        "remediation": "restart_host",
        "parameters": {"restart_host_units": ["nginx"], "restart_host_min_uptime": 1, "restart_host_timeout": 60},
    },
    {
        "name": "something-strange",
        "match": {"alertname": "SomethingStrange"},
        "remediation": "collect_evidence",
        "parameters": {"collect_evidence_units": ["nginx"]},
    },
)


@pytest.fixture(scope="module")
def watch(watched: Lab) -> Iterator[Watch]:
    """One runner for all of them."""
    with answering(watched, "unattended", ["lab-operator", ACCESS], TRIGGERS) as made:
        yield made


@pytest.fixture
def web1(lab: Lab) -> LabHost:
    return lab.host(HOST)


def repaired(watch: Watch, alert: str, role: str, fault: str, **labels: str) -> None:
    """The alert comes, the repair is done and its grant proven gone, the alert goes, and nobody was told."""
    told = len(watch.channel.messages)
    incident = watch.post(alert, **labels)
    assert watch.await_event(incident, "play.ended").body["outcome"] == "ok"
    assert watch.await_event(incident, "grant.revoked").body["proven"] is True
    watch.post(alert, "resolved", **labels)
    assert watch.await_event(incident, "incident.closed").body["result"] == "repaired"
    assert "verified" in watch.kinds(incident)
    assert len(watch.channel.messages) == told
    watch.verify()
    watch.lab.record_run(role=role, fault=fault, run=watch.events(incident))


def test_a_broken_configuration(watch: Watch, host_with_configurations: LabHost) -> None:
    """The last good version is back, and nginx runs with it."""
    watch.lab.break_("bad-nginx-config", HOST)
    host_with_configurations.run("systemctl stop nginx; systemctl start nginx", check=False)
    assert host_with_configurations.active("nginx") == "failed"
    repaired(watch, "ConfigurationBroken", "restore_config", "bad-nginx-config")
    assert host_with_configurations.active("nginx") == "active"
    host_with_configurations.run("nginx -t")


def test_a_compromised_account(watch: Watch, web1: LabHost) -> None:
    """Which one it is says the alert; it is locked, and its key is gone."""
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    web1.run(FORGET, check=False)
    web1.run(MAKE, input_text=key)
    try:
        repaired(watch, "AccountCompromised", "lock_account", "compromised account", account=NAME)
        assert web1.run(f"passwd --status {NAME}").stdout.split()[1] == "L"
        assert not web1.exists(f"/home/{NAME}/.ssh/authorized_keys")
    finally:
        web1.run(FORGET, check=False)


def test_a_leaked_secret(watch: Watch, two_shops: tuple[LabHost, LabHost, str]) -> None:
    """It is another one at the source and on the host, and the old one is refused."""
    web1, _, old = two_shops
    repaired(watch, "SecretLeaked", "rotate_credential", "leaked secret")
    new = stored(watch.lab)[0]
    assert (web1.read(FILE), status(web1, old), status(web1, new)) == (new, "401", "200")


def test_memory_that_runs_out(watch: Watch, web1: LabHost) -> None:
    """Who may be ended is; nginx goes on."""
    watch.lab.break_("memory-hog", HOST)
    try:
        web1.run(GROWN)
        repaired(watch, "MemoryRunsOut", "relieve_memory", "memory-hog")
        assert (web1.active("lab-hog") == "active", web1.active("nginx")) == (False, "active")
    finally:
        watch.lab.mend("memory-hog", HOST)


def test_a_host_that_needs_a_restart(watch: Watch, web1: LabHost) -> None:
    """It has booted, and its service runs."""
    before = web1.read("/proc/sys/kernel/random/boot_id")
    watch.lab.break_("service-failed", HOST)
    repaired(watch, "HostHangs", "restart_host", "service-failed")
    assert web1.read("/proc/sys/kernel/random/boot_id") != before
    assert web1.active("nginx") == "active"


def test_something_strange(watch: Watch, web1: LabHost) -> None:
    """Before anybody looks, what the host is like is kept, for root alone."""
    before = kept(watch.lab, HOST)
    repaired(watch, "SomethingStrange", "collect_evidence", "none, evidence alone")
    (name,) = set(kept(watch.lab, HOST)) - set(before)
    assert web1.run(["stat", "-c", "%a %U", f"{EVIDENCE}/{name}"]).stdout.strip() == "600 root"
