# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Vault is and how it is reached, resolved from options and environment.

Options are spelled as in community.hashi_vault; the environment is that of the `vault` and `bao` commands. Nothing else
has a say: no HTTP_PROXY, no REQUESTS_CA_BUNDLE, no .netrc (the session is made with `trust_env = False`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from .environment import given, text_option, variable
from .errors import UnusableOption
from .tls_files import client_certificate, trusted_authorities

if TYPE_CHECKING:
    from collections.abc import Mapping

_TRUE: Final = frozenset({"1", "true", "t", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "f", "no", "off"})
_SECONDS: Final = re.compile(r"(\d{1,4})(?:\.\d+)?s?")
_NAMESPACE: Final = re.compile(r"[A-Za-z0-9._/-]+")
_MOST_RETRIES: Final = 10


@dataclass(frozen=True)
class Connection:
    """How to reach one Vault.

    Attributes:
        url: `https://host:port`, without credentials, query or trailing slash.
        namespace: Vault namespace, or None.
        ca_cert: File of CA certificates (PEM) that are trusted instead of the system's, or None.
        validate_certs: False switches the check of the server's certificate off.
        timeout: Seconds for connecting, and again for each wait for an answer.
        retries: How often a read is repeated; requests that change something never are.
        proxy: Proxy url, or None for a direct connection; may hold a password.
        client_cert: File of a TLS client certificate (PEM), or None.
        client_key: File of its key, or None when the certificate's file holds it.
    """

    url: str
    namespace: str | None = None
    ca_cert: str | None = None
    validate_certs: bool = True
    timeout: int = 10
    retries: int = 2
    proxy: str | None = field(default=None, repr=False)
    client_cert: str | None = None
    client_key: str | None = None


def from_options(options: Mapping[str, object], environ: Mapping[str, str]) -> Connection:
    """Resolve a connection from the options, else the environment.

    Options: `url namespace ca_cert validate_certs timeout retries proxies client_cert client_key`.

    Raises:
        UnusableOption: No url, or a value that can't be used.
    """
    skip = variable(environ, "SKIP_VERIFY")
    validate = options.get("validate_certs")
    certificate, key = client_certificate(
        given(options, "client_cert", environ, "CLIENT_CERT"), given(options, "client_key", environ, "CLIENT_KEY")
    ) or (None, None)
    return Connection(
        url=_url(given(options, "url", environ, "ADDR")),
        namespace=_namespace(given(options, "namespace", environ, "NAMESPACE")),
        ca_cert=trusted_authorities(given(options, "ca_cert", environ, "CACERT")),
        validate_certs=not _truth("SKIP_VERIFY", skip or False)
        if validate is None
        else _truth("validate_certs", validate),
        timeout=_timeout(variable(environ, "CLIENT_TIMEOUT") if options.get("timeout") is None else options["timeout"]),
        retries=_retries(variable(environ, "MAX_RETRIES") if options.get("retries") is None else options["retries"]),
        proxy=_proxy(
            text_option(options, "proxies") or variable(environ, "PROXY_ADDR") or variable(environ, "HTTP_PROXY")
        ),
        client_cert=certificate,
        client_key=key,
    )


def _url(value: str | None) -> str:
    if value is None:
        raise UnusableOption("No Vault address is known. Set the option url, or the environment variable VAULT_ADDR.")
    if _parts_are_plain(value):
        return value.rstrip("/")
    raise UnusableOption("The Vault address must be http(s)://host[:port], without user, password, query or blanks.")


def _parts_are_plain(value: str) -> bool:
    if not value.isascii() or not value.isprintable() or " " in value:
        return False
    try:
        parts = urlsplit(value)
        port_is_sane = parts.port is None or parts.port > 0
    except ValueError:
        return False
    nothing_extra = not (parts.username or parts.password or parts.query or parts.fragment)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and nothing_extra and port_is_sane


def _namespace(value: str | None) -> str | None:
    if value is None or _NAMESPACE.fullmatch(value):
        return value
    raise UnusableOption("The Vault namespace may hold letters, digits, dot, underscore, dash and slash only.")


def _proxy(value: str | None) -> str | None:
    if value is None or _names_a_host(value):
        return value
    raise UnusableOption("The proxy (proxies, VAULT_PROXY_ADDR) must be one url, as http://proxy.example.com:3128.")


def _names_a_host(value: str) -> bool:
    try:
        return value.isascii() and value.isprintable() and bool(urlsplit(value).hostname)
    except ValueError:
        return False


def _truth(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise UnusableOption(f"{name} must be true or false.")


def _timeout(value: object) -> int:
    if value is None:
        return Connection.timeout
    match = _SECONDS.fullmatch(str(value).strip())
    if match is None or int(match[1]) < 1:
        raise UnusableOption(
            "The timeout (timeout, VAULT_CLIENT_TIMEOUT) must be whole seconds from 1 to 9999, as 30 or 30s."
        )
    return int(match[1])


def _retries(value: object) -> int:
    if value is None:
        return Connection.retries
    if str(value).isdecimal() and int(str(value)) <= _MOST_RETRIES:
        return int(str(value))
    raise UnusableOption(f"The retries (retries, VAULT_MAX_RETRIES) must be a whole number from 0 to {_MOST_RETRIES}.")
