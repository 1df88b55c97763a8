# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client says of a key and its certificate, by a handshake in memory, and what a server shows on the wire."""

from __future__ import annotations

import socket
import ssl

PARTIAL_CHAIN = 0x80000  # X509_V_FLAG_PARTIAL_CHAIN: an intermediate that is trusted is enough
MOST_ROUNDS = 20


class NoAnswer(Exception):
    """Raised when nothing at an address speaks TLS; its text says what there was."""


def pair_fault(certificate: str, key: str) -> str:
    """Why a key and a certificate, by their paths, don't belong together; empty when they do."""
    try:
        _server(certificate, key)
    except ssl.SSLError as error:
        reason = (error.reason or "").replace("_", " ").lower()
        return f"the key is not the certificate's ({reason})" if "mismatch" in reason else f"can't be read ({reason})"
    except OSError as error:
        return f"can't be read ({error.strerror})"
    return ""


def chain_fault(certificate: str, key: str, authorities: str, name: str) -> str:
    """Why a client that trusts these authorities would not accept this server; empty when it would. Nothing is sent."""
    server_side, client_side = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        server = _server(certificate, key).wrap_bio(client_side, server_side, server_side=True)
        client = _client(authorities).wrap_bio(server_side, client_side, server_hostname=name)
        for _round in range(MOST_ROUNDS):
            if all([_shaken(client), _shaken(server)]):
                return ""
    except ssl.SSLCertVerificationError as error:
        return f"a client would not accept it: {error.verify_message}"
    except (ssl.SSLError, OSError) as error:
        return f"a client would not accept it: {getattr(error, 'reason', None) or error.strerror}"
    return "a client would not accept it: the handshake does not end"


def served(address: str, port: int, name: str, timeout: float) -> bytes:
    """The certificate (DER) that is shown for a name at an address, whatever is wrong with it; raises NoAnswer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _connect(context, address, port, name, timeout)


def served_fault(address: str, port: int, name: str, authorities: str, timeout: float) -> str:
    """Why a client that trusts these authorities would not accept what is shown; empty when it would. Raises NoAnswer."""
    try:
        _connect(_client(authorities), address, port, name, timeout)
    except ssl.SSLCertVerificationError as error:
        return f"a client does not accept it: {error.verify_message}"
    return ""


def _connect(context: ssl.SSLContext, address: str, port: int, name: str, timeout: float) -> bytes:
    try:
        with (
            socket.create_connection((address, port), timeout) as plain,
            context.wrap_socket(plain, server_hostname=name) as secured,
        ):
            return secured.getpeercert(binary_form=True) or b""
    except ssl.SSLCertVerificationError:
        raise
    except ssl.SSLError as error:
        raise NoAnswer(f"does not speak TLS ({(error.reason or 'unknown').replace('_', ' ').lower()})") from None
    except OSError as error:
        raise NoAnswer(f"does not answer ({error.strerror or error})") from None


def _server(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key, password=lambda: b"")  # never asks a terminal
    return context


def _client(authorities: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= PARTIAL_CHAIN
    context.load_verify_locations(authorities)
    return context


def _shaken(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
