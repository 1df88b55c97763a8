# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses in the settings: where to listen, and where others are found. Nothing secret stands in one."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from breakglass.policy.scalars import sentence

_LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})", re.ASCII)
_HIGHEST_PORT = 65_535


class Address(NamedTuple):
    """Where the runner listens; port 0 takes a free one."""

    host: str
    port: int


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach the host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen_address(value: object) -> Address:
    """Where to listen; raises a ValueError whose text is a sentence."""
    found = _LISTEN.fullmatch(value) if isinstance(value, str) else None
    if not found or int(found[3]) > _HIGHEST_PORT:
        raise sentence("Write host:port, for example 127.0.0.1:8443.")
    return Address(found[1] or found[2], int(found[3]))


def web_address(value: object) -> str:
    """The address of something on the web, without a slash at its end; raises a ValueError whose text is a sentence."""
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        good = parts and parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment
        port_is_real = parts is not None and (parts.port is None or parts.port > 0)
    except ValueError:
        good = port_is_real = False
    if not good or not port_is_real or parts is None or not isinstance(value, str):
        raise sentence("Write an address: https://host or https://host:port.")
    if parts.username or parts.password:
        raise sentence("A user name or password does not belong into an address: secrets are named by file.")
    return value.rstrip("/")


def vault_address(value: object) -> str:
    """The address of a Vault; raises a ValueError whose text is a sentence."""
    return _closed(value, "Tokens would travel in clear text: write https, unless Vault is on this machine.")


def prometheus_address(value: object) -> str:
    """The address of a Prometheus; raises a ValueError whose text is a sentence."""
    return _closed(
        value, "Whoever is in between could call a fault repaired: write https, unless Prometheus is on this machine."
    )


def awx_address(value: object) -> str:
    """The address of an AWX; raises a ValueError whose text is a sentence."""
    return _closed(value, "The token would travel in clear text: write https, unless AWX is on this machine.")


def _closed(value: object, in_the_clear: str) -> str:
    url = web_address(value)
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise sentence(in_the_clear)
    return url
