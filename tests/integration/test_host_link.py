# SPDX-License-Identifier: GPL-3.0-or-later
"""How a session's connection begins: only with a host that proves itself, and only where the certificate lets in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.support.ssh_host import LOGIN, SshSite, serving

from breakglass.sessions import on_host
from breakglass.sessions.frames import Ended
from breakglass.sessions.host_link import HostLink, Login, UnreachedHost
from breakglass.ways import Way

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def site() -> Iterator[SshSite]:
    """Two hosts."""
    with serving("web1", "web2") as made:
        yield made


def way(site: SshSite, name: str, called: str = "") -> Way:
    """The way to a host, which may be called like another one."""
    return Way(called or name, site.hosts[name].address, site.hosts[name].port, (), becomes=False)


def login(site: SshSite, name: str, known_hosts: str = "") -> Login:
    """A certificate for one host."""
    key = site.identity(name)
    believed = known_hosts.encode() or site.known_hosts.read_bytes()
    return Login(LOGIN, key.read_bytes(), key.with_name("id-cert.pub").read_bytes(), believed)


async def refusal(there: Way, by: Login) -> str:
    """Why no session begins."""
    with pytest.raises(UnreachedHost) as error:
        await HostLink.connect(there, by)
    return str(error.value)


def test_a_host_that_proves_itself_lets_the_certificate_in(site: SshSite) -> None:
    """Then a command runs under a keeper; this host gives no terminal at all, and needs not."""

    async def work() -> tuple[bytes, Ended | None]:
        link = await HostLink.connect(way(site, "web1"), login(site, "web1"))
        await link.begin(
            {"mark": "m", "ends_in": 30.0, "command": None, "terminal": "xterm", "columns": 80, "rows": 24}
        )
        shown, ended = b"", None
        async for kind, content in link.heard():
            if not shown and kind == on_host.OUTPUT:
                await link.send(b"I\x00\x00\x00\x13tty; echo ok; exit\n")
            shown += content if kind == on_host.OUTPUT else b""
            ended = Ended.read(content) if kind == on_host.DONE else ended
        link.close()
        return shown, ended

    shown, ended = asyncio.run(work())
    assert (b"/dev/pts/" in shown, ended) == (True, Ended(0, (), proven=True))


def test_a_host_that_does_not_prove_itself_is_not_logged_in_to(site: SshSite) -> None:
    """Another host in its place, or a CA that did not certify it."""
    assert "does not prove itself" in asyncio.run(refusal(way(site, "web2", "web1"), login(site, "web1")))
    forged = f"@cert-authority web1 {site.users.public_line}\n"
    assert "does not prove itself" in asyncio.run(refusal(way(site, "web1"), login(site, "web1", forged)))


def test_a_certificate_for_another_host_opens_nothing(site: SshSite) -> None:
    """And the sentence says where to look."""
    assert "does not let breakglass in" in asyncio.run(refusal(way(site, "web1"), login(site, "web2")))


def test_what_can_not_be_reached_is_said(site: SshSite) -> None:
    """Nobody listens, or only a jump host knows the way."""
    nobody = Way("web1", "127.0.0.1", 1, (), becomes=False)
    assert "can't be reached at 127.0.0.1:1" in asyncio.run(refusal(nobody, login(site, "web1")))
    jumping = Way("web1", "127.0.0.1", 1, ("-o", "ProxyJump=bastion"), becomes=False)
    assert "jump host" in asyncio.run(refusal(jumping, login(site, "web1")))
