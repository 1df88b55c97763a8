# SPDX-License-Identifier: GPL-3.0-or-later
"""The address to which a browser comes back: on this machine alone, and told of by what went wrong."""

from __future__ import annotations

import socket
import threading

import pytest
from tests.support.oidc_login import Browser

from breakglass.client.callback_listener import Callback, NoAnswer, UnusableCallback, listening

FREE = Callback.parse("http://127.0.0.1:0/oidc/callback")


@pytest.mark.parametrize(
    "uri",
    [
        "https://localhost:8250/oidc/callback",
        "http://example.com:8250/oidc/callback",
        "http://0.0.0.0:8250/oidc/callback",
        "http://localhost:8250",
        "http://localhost:8250/",
        "http://me@localhost:8250/x",
        "http://localhost:8250/x?y",
        "http://localhost:99999/x",
        "http://[::1/x",
        "localhost",
    ],
)
def test_it_is_an_address_of_this_machine(uri: str) -> None:
    """Others are refused with an example."""
    with pytest.raises(UnusableCallback, match="http://localhost:8250/oidc/callback"):
        Callback.parse(uri)


@pytest.mark.parametrize("uri", ["http://localhost:8250/oidc/callback", "http://127.0.0.1:1/x", "http://[::1]:8250/x"])
def test_it_is_told_to_vault_as_it_was_given(uri: str) -> None:
    """Vault compares it with what the role allows."""
    assert Callback.parse(uri).uri == uri


def test_the_browser_waits_for_the_end_of_the_login() -> None:
    """What it is shown then is what the terminal knows."""
    browser, pages = Browser(""), []
    with listening(FREE) as listener:
        link = listener.offer("https://id.example.com/authorize", "st_1")
        assert browser.open(link) == "https://id.example.com/authorize"
        back = f"{listener.callback.uri}?state=st_1&code=c0de"
        waits = threading.Thread(target=lambda: pages.append(browser.get(back)))
        waits.start()
        assert listener.answer(30).code == "c0de"
        listener.end_with("It is done.")
        waits.join()
    assert "It is done." in pages[0].text
    assert pages[0].headers["cache-control"] == "no-store"
    assert "script" not in pages[0].text
    with pytest.raises(ConnectionRefusedError):
        browser.get(link)


def test_another_name_of_this_machine_is_not_answered() -> None:
    """A page elsewhere whose name leads here (DNS rebinding) learns nothing."""
    with listening(FREE) as listener:
        link = listener.offer("https://id.example.com/authorize", "st_1")
        assert Browser("").get(link, Host="evil.example.com").status == 404


def test_only_this_machine_reaches_it() -> None:
    """It listens on loopback addresses, for `localhost` on all that there are."""
    with listening(Callback.parse("http://localhost:0/x")) as listener:
        addresses = {
            info[4][0] for info in socket.getaddrinfo("localhost", listener.callback.port, proto=socket.IPPROTO_TCP)
        }
        for address in addresses:
            socket.create_connection((str(address), listener.callback.port), timeout=5).close()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", listener.callback.port), timeout=5)


def test_a_port_that_is_taken_is_named() -> None:
    """And what to do about it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = pytest.raises(UnusableCallback, match=f"127.0.0.1:{port} can't be listened at .*--redirect-uri")
        with said, listening(Callback.parse(f"http://127.0.0.1:{port}/x")):
            pass


def test_nobody_is_waited_for_for_ever() -> None:
    """The time is over, and says how to go on."""
    with listening(FREE) as listener, pytest.raises(NoAnswer, match="log in anew"):
        listener.answer(0.01)
