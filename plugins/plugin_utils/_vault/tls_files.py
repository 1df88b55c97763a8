# SPDX-License-Identifier: GPL-3.0-or-later
"""Files for TLS, tried out before anything is sent: a key with a password must not ask for it at a terminal."""

from __future__ import annotations

import ssl
from pathlib import Path

from .errors import UnusableOption


def trusted_authorities(path: str | None, named: str = "ca_cert, VAULT_CACERT") -> str | None:
    """Return the absolute path of a file of CA certificates, None for none.

    Args:
        path: As it was given.
        named: What people name it with.

    Raises:
        UnusableOption: It does not exist, or holds no certificate in PEM.
    """
    if path is None:
        return None
    full = Path(path).expanduser().absolute()
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=full)
    except OSError as error:
        why = "it holds no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise UnusableOption(
            f"The file of CA certificates {path} ({named}) can't be used: {why}. Name a PEM file."
        ) from None
    return str(full)


def client_certificate(certificate: str | None, key: str | None) -> tuple[str, str | None] | None:
    """Return the absolute paths of certificate and key (None: it is in the certificate's file), None for no certificate.

    Raises:
        UnusableOption: A file is missing, is not PEM, is encrypted, or the two don't belong together.
    """
    if certificate is None:
        if key is not None:
            raise UnusableOption("There is a client key (client_key) but no client certificate. Set client_cert, too.")
        return None
    pair = (_file(certificate), _file(key) if key else None)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(*pair, password=_no_password)
    except (OSError, ValueError) as error:
        raise UnusableOption(
            f"The client certificate {pair[0]} can't be used with the key {pair[1] or 'in it'}: {_why(error)}. Both must be "
            "PEM, the key without a password, and belong together."
        ) from None
    return pair


def _file(path: str) -> str:
    full = Path(path).expanduser().absolute()
    if not full.is_file():
        raise UnusableOption(f"The file of the client certificate or its key {path} does not exist.")
    return str(full)


def _no_password() -> str:
    """Stands where OpenSSL would ask at the terminal for the password of an encrypted key."""
    return ""


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError):
        return str(error.reason or "not PEM, or encrypted").replace("_", " ")
    return (isinstance(error, OSError) and error.strerror) or "not PEM, or encrypted"
