# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host is reached out of its variables, and what ssh's own words mean; real hosts are in tests/integration."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from breakglass.doctor.checks.hosts import is_near_its_end
from breakglass.doctor.ssh import Answer
from breakglass.ways import Uncomputable, Way, way_to

BEFORE = """\
OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.19 27 Jan 2026
debug1: Connecting to 127.0.0.1 [127.0.0.1] port 43515.
debug1: Server host certificate: ssh-ed25519-cert-v01@openssh.com SHA256:Vuvjt, serial 1 ID "vault-x" CA ssh-ed25519 SHA256:W3l valid from 2026-11-27T17:32:00 to 2026-11-28T05:32:30
debug1: using hostkeyalias: web1
"""
PROVEN = f"""\
{BEFORE}debug1: Host 'web1' is known and matches the ED25519-CERT host certificate.
debug1: Found CA key in /tmp/known_hosts:1
debug1: SSH2_MSG_SERVICE_ACCEPT received
debug1: Authentications that can continue: publickey
debug1: No more authentication methods to try.
nobody@127.0.0.1: Permission denied (publickey).
"""
FOREIGN = f"""\
{BEFORE}debug1: No matching CA found. Retry with plain key
No ED25519 host key is known for web1 and you have requested strict checking.
Host key verification failed.
"""
OTHER_NAME = f"""\
{BEFORE}debug1: Host 'web2' is known and matches the ED25519-CERT host certificate.
debug1: Found CA key in /tmp/known_hosts:1
Certificate invalid: name is not a listed principal
debug1: No matching CA found. Retry with plain key
No ED25519 host key is known for web2 and you have requested strict checking.
Host key verification failed.
"""


def test_a_host_that_proves_itself() -> None:
    """Its certificate was accepted before it said that nobody gets in; how long the certificate is good is told, in UTC."""
    answer = Answer(255, "", PROVEN)
    assert answer.host_is_proven
    assert answer.certificate_life == (
        datetime(2026, 11, 27, 17, 32, tzinfo=UTC),
        datetime(2026, 11, 28, 5, 32, 30, tzinfo=UTC),
    )
    assert answer.said == "nobody@127.0.0.1: Permission denied (publickey)"


@pytest.mark.parametrize("log", [FOREIGN, OTHER_NAME, "", "ssh: connect to host x port 22: Connection refused\n"])
def test_a_host_that_does_not(log: str) -> None:
    """A foreign CA, a certificate for another name and no answer at all prove nothing."""
    assert not Answer(255, "", log).host_is_proven


def test_what_ssh_says() -> None:
    """Of its log the sentences are kept that are not about its work, on one line, of a bounded length."""
    assert Answer(255, "", OTHER_NAME).said == (
        "Certificate invalid: name is not a listed principal; No ED25519 host key is known for web2 and you have requested "
        "strict checking; Host key verification failed"
    )
    assert Answer(255, "", "").said == "ssh gave no reason"
    assert len(Answer(255, "", "x" * 10_000).said) == 300


@pytest.mark.parametrize("ends", ["forever", "before 2026-11-28T05:32:30", "from a to b", ""])
def test_a_certificate_without_an_end(ends: str) -> None:
    """One that is good for ever, or of which nothing of that kind is told, has no end."""
    assert Answer(255, "", f"debug1: Server host certificate: x valid {ends}\n").certificate_life is None


@pytest.mark.parametrize(
    ("life", "left", "is_near"),
    [
        (timedelta(days=30), timedelta(days=3, seconds=1), False),
        (timedelta(days=30), timedelta(days=2), True),
        (timedelta(days=90), timedelta(days=4), False),
        (timedelta(hours=12), timedelta(hours=2), False),
        (timedelta(hours=12), timedelta(hours=1), True),
        (timedelta(hours=12), -timedelta(hours=1), True),
    ],
)
def test_a_certificate_near_its_end(life: timedelta, left: timedelta, *, is_near: bool) -> None:
    """A long one is renewed three days before its end, a short one when a tenth of its life is left."""
    now = datetime(2026, 11, 28, tzinfo=UTC)
    assert is_near_its_end(now + left - life, now + left, now) is is_near


def test_the_way_to_a_host() -> None:
    """Address, port and jump hosts are the inventory's; without them it is the name and port 22."""
    assert way_to("web1", {}) == Way("web1", "web1", 22, (), becomes=False)
    told = {"ansible_ssh_host": "10.0.0.2", "ansible_ssh_port": "2222", "ansible_become": "yes"}
    assert way_to("web1", told) == Way("web1", "10.0.0.2", 2222, (), becomes=True)
    jumping = way_to(
        "web1", {"ansible_host": "10.0.0.2", "ansible_ssh_common_args": "-o 'ProxyJump=bastion.example.com'"}
    )
    assert jumping.extra == ("-o", "ProxyJump=bastion.example.com")
    assert not jumping.is_direct
    assert way_to("web1", {"ansible_ssh_extra_args": "-o Compression=yes"}).is_direct


@pytest.mark.parametrize(
    ("connection", "why"),
    [
        ({"ansible_host": "{{ inventory_hostname }}.example.com"}, "ansible_host is a template"),
        ({"ansible_connection": "local"}, "reached by local"),
        ({"ansible_port": "ssh"}, "port is no number"),
        ({"ansible_ssh_common_args": "-o 'half"}, "quote that is not closed"),
    ],
)
def test_what_only_ansible_knows(connection: dict[str, object], why: str) -> None:
    """What we can't compute is said, and not guessed."""
    with pytest.raises(Uncomputable, match=why):
        way_to("web1", connection)
