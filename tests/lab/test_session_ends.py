# SPDX-License-Identifier: GPL-3.0-or-later
"""A session on a real host with systemd, PAM and sudo: what became root, and what left the keeper, ends with it."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import ssh
from tests.lab import vault

from breakglass.sessions import on_host
from breakglass.sessions.frames import Ended, frame
from breakglass.sessions.host_link import HostLink, Login
from breakglass.ways import Way

if TYPE_CHECKING:
    from tests.lab.api import Lab

LIMIT_SECONDS = 60
USER = "breakglass"
ROOT = "sudo -n sh -c 'trap \"\" HUP TERM; setsid sleep 70100 & sleep 70200' & sleep 1; echo ready-$((40 + 2))\n"
ESCAPES = "setsid env -i /bin/sleep 70300 & sudo -n setsid env -i /bin/sleep 70400 & sleep 1; kill -9 $PPID\n"


def login(lab: Lab, host: str) -> Login:
    """A certificate for one host, as a grant gets it."""
    pair = ssh.generate_key_pair()
    request = ssh.SshRequest((host,), "a-session", timedelta(minutes=5))
    signed = ssh.sign(vault.admin(lab.place), "lab-operator", pair.public_key, request)
    believed = f"@cert-authority {host} {signed.ca_public_key}\n".encode()
    return Login(USER, pair.private_key, signed.text.encode(), believed)


async def session(lab: Lab, typed: str, until: bytes) -> tuple[Ended | None, Ended | None, dict[str, object]]:
    """Type something into a shell, stop when this is shown; what the keeper said last, and what a sweep found."""
    host = lab.host("web1")
    link = await HostLink.connect(Way("web1", host.address, 22, (), becomes=True), login(lab, "web1"))
    try:
        await link.begin(
            {"mark": "lab", "ends_in": 120.0, "command": None, "terminal": "xterm", "columns": 80, "rows": 24}
        )
        await link.send(frame(on_host.INPUT, typed.encode()))
        shown, ended = b"", None
        async with asyncio.timeout(LIMIT_SECONDS):
            async for kind, content in link.heard():
                shown += content if kind == on_host.OUTPUT else b""
                if kind == on_host.DONE:
                    ended = Ended.read(content)
                    break
                if until and until in shown:
                    until = b""
                    await link.send(frame(on_host.STOP))
        return ended, None if ended else await link.sweep(), dict(link.marks)
    finally:
        link.close()


def sleeping(lab: Lab) -> str:
    """Programs of these tests that go on there."""
    return lab.host("web1").run("pgrep -af '^(/bin/)?sleep 70' || true").stdout


@pytest.mark.core
def test_what_became_root_ends_with_the_session(lab: Lab) -> None:
    """Deaf to hang-ups, in sessions of their own, and root's: the keeper ends them by sudo, and sees that nothing is left."""
    ended, _, marks = asyncio.run(session(lab, ROOT, b"ready-42"))
    assert ended is not None
    assert (ended.proven, ended.left, sleeping(lab)) == (True, (), "")
    assert str(marks["audit"]).isdecimal()


def test_what_outlives_its_keeper_is_found_by_the_audit_session(lab: Lab) -> None:
    """The keeper is killed, what is left has no mark in its environment, and part of it is root's: no child leaves its audit session."""
    ended, swept, _ = asyncio.run(session(lab, ESCAPES, b""))
    assert ended is None
    assert swept is not None
    assert (swept.left, swept.proven) == ((), False)
    until = time.monotonic() + LIMIT_SECONDS
    while sleeping(lab):
        assert time.monotonic() < until, sleeping(lab)
        time.sleep(0.2)
