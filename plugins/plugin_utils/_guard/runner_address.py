# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a runner may be asked: who we are goes along with each call, so it must not travel in clear text."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from .._errors import BreakglassError


class UnusableAddress(BreakglassError):
    """Raised when an address is none of a runner, or one that everybody on the way could listen at; nothing was sent."""


def check_runner_address(url: str) -> None:
    """Check that it is `https://…`, or `http://…` of this machine. Raises UnusableAddress."""
    parts = _parts(url)
    if parts is None:
        raise UnusableAddress("The address of a runner is https://host or https://host:port; what was given is none.")
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise UnusableAddress(
            f"Nothing was sent to the runner at {parts.hostname}: who you are would travel in clear text, and whoever listens could "
            "be you for minutes. Write https://…; http is for a runner on this machine."
        )


def _parts(url: str) -> SplitResult | None:
    """The parts of an address; None where it is none."""
    try:
        parts = urlsplit(url)
        nothing_extra = not (parts.username or parts.password or parts.query or parts.fragment)
        is_one = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and nothing_extra
    except ValueError:
        return None
    return parts if is_one and url.isprintable() and " " not in url else None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
