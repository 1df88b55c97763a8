# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns a failed request into the error that says so: pure, one rule a line.

Statuses after https://openbao.org/api-docs/#http-status-codes and Vault's page of the same name; the texts are those
of OpenBao 2.7.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from .errors import (
    BusyVault,
    DeniedByVault,
    Failure,
    InvalidRequest,
    MissingPath,
    SealedVault,
    UnexpectedAnswer,
    UnreachableVault,
    UntrustedVault,
    VaultError,
)

with suppress(ImportError):  # what is missing is told when a run begins (_libraries.py)
    import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERVER_ERROR: Final = 500
_UNAVAILABLE: Final = 503

_ALERTS: Final = ("CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE", "ACCESS_DENIED")

_BY_STATUS: Final[dict[int, tuple[type[VaultError], str]]] = {
    400: (InvalidRequest, "refused the request"),
    403: (DeniedByVault, "denied it; the token is dead or not allowed to: log in again, or check its policies"),
    404: (MissingPath, "has nothing there; check the path, the namespace and that Vault was prepared"),
    412: (BusyVault, "has not replicated far enough yet; try again"),
    429: (BusyVault, "is limiting our rate; try again more slowly"),
    472: (SealedVault, "is a disaster-recovery standby; point the url at the active server"),
    473: (SealedVault, "is a performance standby that can't serve this; point the url at the active server"),
    501: (SealedVault, "is not initialised; initialise and unseal it"),
}


def error_for(failure: Failure) -> VaultError:
    """Return the error for an answer whose status is not a success."""
    kind, sentence = _rule(failure)
    said = f" It said: {'; '.join(failure.errors)}." if failure.errors else ""
    return kind(f"{failure.operation} failed: Vault at {failure.url} {sentence}.{said}", failure)


def _rule(failure: Failure) -> tuple[type[VaultError], str]:
    status = failure.status or 0
    if status == _UNAVAILABLE and any("sealed" in text.lower() for text in failure.errors):
        return SealedVault, "is sealed; unseal it"
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= _SERVER_ERROR:
        return UnreachableVault, f"is in trouble (HTTP {status}); look at its log"
    return UnexpectedAnswer, f"answered with HTTP {status}, which is not followed; point the url at the active server"


def error_without_answer(failure: Failure, error: Exception) -> VaultError:
    """Return the error for a request that got no answer. The text of `error` is never used: it may hold headers."""
    if isinstance(error, requests.exceptions.SSLError):
        if alert := _alert_about_us(error):
            sentence = f"it does not accept our client certificate ({alert}); check client_cert and client_key"
            return UntrustedVault(
                f"{failure.operation} failed: {failure.url} ended the TLS handshake: {sentence}.", failure
            )
        sentence = f"its TLS certificate was not accepted ({distrust(error) or 'handshake failed'}); check ca_cert and the name in the url"
        return UntrustedVault(f"{failure.operation} failed: {failure.url} is not trusted: {sentence}.", failure)
    sentence = f"{failure.operation} failed: Vault at {failure.url} can't be reached: {_reason(error)}"
    unknown = " Whether it took effect is unknown." if failure.outcome_unknown else ""
    return UnreachableVault(f"{sentence}; check the address, the network and that Vault runs.{unknown}", failure)


def was_never_sent(error: Exception) -> bool:
    """Tell whether the request surely did not reach Vault."""
    refused_before = (
        requests.exceptions.ConnectTimeout,
        requests.exceptions.ProxyError,
        requests.exceptions.SSLError,
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidHeader,
    )
    if isinstance(error, refused_before):
        return True
    return any(type(cause).__name__ in {"NewConnectionError", "NameResolutionError"} for cause in _causes(error))


def _reason(error: Exception) -> str:
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy did not connect us"
    for cause in _causes(error):
        if (
            isinstance(cause, OSError)
            and cause.strerror
            and not isinstance(cause, requests.exceptions.RequestException)
        ):
            return cause.strerror.lower()
    return "the connection broke"


def distrust(error: BaseException) -> str:
    """Why the server's certificate was not accepted; empty when that is not what went wrong."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return str(cause.verify_message).lower().rstrip(".")
    return ""


def _alert_about_us(error: Exception) -> str:
    """What the server's TLS alert says of our side (RFC 8446, section 6.2); empty when it is no such alert."""
    for cause in _causes(error):
        reason = str(cause.reason or "") if isinstance(cause, ssl.SSLError) else ""
        if "_ALERT_" in reason and any(word in reason for word in _ALERTS):
            return reason.partition("_ALERT_")[2].replace("_", " ").lower()
    return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk from an error of requests down to the one of the operating system, each once."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [current.__context__, current.__cause__, getattr(current, "reason", None), *current.args]
