# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a runner may be asked: nobody is told who we are where others could listen."""

from __future__ import annotations

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_address import (
    UnusableAddress,
    check_runner_address,
)


@pytest.mark.parametrize(
    "url",
    [
        "https://breakglass.example.com",
        "https://breakglass.example.com:8443/",
        "https://proxy.example.com/breakglass",
        "https://[2001:db8::1]:8443",
        "http://127.0.0.1:8443",
        "http://127.8.9.10",
        "http://[::1]:8443",
        "http://localhost:8443",
    ],
)
def test_https_is_taken_and_http_on_this_machine(url: str) -> None:
    """Also behind a path, as a proxy may have it."""
    check_runner_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://breakglass.example.com:8443",
        "http://192.0.2.7",
        "http://[2001:db8::1]",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://0.0.0.0:8443",
        "HTTP://breakglass.example.com",
    ],
)
def test_http_to_another_machine_is_refused(url: str) -> None:
    """With the reason and what to write; the name of the machine says which address is meant."""
    with pytest.raises(UnusableAddress, match=r"clear text.*Write https"):
        check_runner_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "breakglass.example.com",
        "breakglass.example.com:8443",
        "ftp://breakglass.example.com",
        "https://",
        "https://ada:secret@breakglass.example.com",
        "https://breakglass.example.com?x=1",
        "https://breakglass.example.com#x",
        "https://breakglass.example.com:eighty",
        "https://[::1",
        "https://break glass.example.com",
        "https://breakglass.example.com\n",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    """It is not repeated: a password may stand in it."""
    with pytest.raises(UnusableAddress, match="https://host or https://host:port") as refused:
        check_runner_address(url)
    assert "secret" not in str(refused.value)
