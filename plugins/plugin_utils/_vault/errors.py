# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with Vault, as nouns. No text in here ever holds a token, a secret id or a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .._errors import BreakglassError


@dataclass(frozen=True)
class Failure:
    """What is known of one request that failed.

    Attributes:
        operation: Verb and path, as `POST auth/token/lookup-accessor`; empty if no request was made.
        url: Where Vault was expected, without any secret.
        status: HTTP status, or None when there was no answer.
        errors: Vault's own error texts: on one line each, capped, tokens taken out.
        outcome_unknown: True when Vault may have done what was asked although we saw no success.
    """

    operation: str
    url: str
    status: int | None = None
    errors: tuple[str, ...] = ()
    outcome_unknown: bool = False


NO_REQUEST: Final = Failure(operation="", url="")


class VaultError(BreakglassError):
    """Raised when Vault did not do what it was asked for, or could not be asked.

    Attributes:
        failure: The request behind it.
        retryable: True when the same call may succeed later without anybody changing anything.
    """

    retryable: bool = False

    def __init__(self, sentence: str, failure: Failure = NO_REQUEST) -> None:
        """Keep the sentence for the person and the failed request for the program."""
        super().__init__(sentence)
        self.failure = failure

    @property
    def operation(self) -> str:
        """Verb and path of the request; empty if none was made."""
        return self.failure.operation

    @property
    def url(self) -> str:
        """Where Vault was expected, without secrets."""
        return self.failure.url

    @property
    def status(self) -> int | None:
        """HTTP status of the answer, or None."""
        return self.failure.status

    @property
    def errors(self) -> tuple[str, ...]:
        """Vault's own error texts, made safe to show."""
        return self.failure.errors

    @property
    def outcome_unknown(self) -> bool:
        """True when the request may have taken effect all the same."""
        return self.failure.outcome_unknown


class UnreachableVault(VaultError):
    """Raised when there was no answer, or one that says that the server is in trouble (5xx)."""

    retryable = True


class UntrustedVault(UnreachableVault):
    """Raised when the TLS certificate of the server was not accepted."""

    retryable = False


class SealedVault(VaultError):
    """Raised when Vault answers, but is sealed, not initialised, or a standby that can't serve (503, 501, 472, 473)."""

    retryable = True


class BusyVault(VaultError):
    """Raised when Vault asks for patience: a rate limit (429) or a replica that lags behind (412)."""

    retryable = True


class DeniedByVault(VaultError):
    """Raised on 403. It does not say whether the token is dead, unknown or only not allowed to."""


class InvalidRequest(VaultError):
    """Raised on 400: Vault understood and refused; its own texts say why."""


class MissingPath(VaultError):
    """Raised on 404: nothing is there, or (when `errors` is not empty) no engine is mounted there."""


class UnexpectedAnswer(VaultError):
    """Raised on a redirect, on an answer that is no JSON object, and on one without the fields that it must have."""


class UnusableOption(VaultError):
    """Raised when an option, an environment variable or a file for the connection or the login can't be used."""


class UnusableRequest(VaultError):
    """Raised when we are asked for something that must not even be put to Vault: a bad name, path, host or duration."""


class RefusedLogin(VaultError):
    """Raised when Vault does not accept the login."""


class GrantMismatch(VaultError):
    """Raised when a minted token is not exactly the grant that was asked for.

    Attributes:
        accessor: Accessor of the minted token, for the journal; empty if Vault did not tell one.
        revoked: True when it was revoked at once. When False, it lives until its time box ends.
    """

    def __init__(self, sentence: str, *, accessor: str, revoked: bool, failure: Failure = NO_REQUEST) -> None:
        """Keep what a caller must journal of the rejected token."""
        super().__init__(sentence, failure)
        self.accessor = accessor
        self.revoked = revoked


class RoundedLife(GrantMismatch):
    """Raised when a minted token lives one second less than asked, as it does when a busy Vault's second passed meanwhile."""


class ClockSkew(VaultError):
    """Raised when this machine's clock and Vault's are too far apart for any end of a time box to be believed."""


class UnseenGrant(GrantMismatch):
    """Raised when a token was minted, but could not be looked up: it counts as neither granted nor gone."""


class UsedWrapping(VaultError):
    """Raised when a wrapping token is used, expired or was never one: treat the grant as stolen."""


class CertificateMismatch(VaultError):
    """Raised when a signed SSH certificate is not exactly the one that was asked for."""


class StillAlive(VaultError):
    """Raised when a token or a lease is found alive right after it was revoked."""

    retryable = True


class UnprovenRevocation(VaultError):
    """Raised when it can't be proven (yet) that a grant and its leases are gone.

    Attributes:
        reason: Why there is no proof.
    """

    def __init__(self, sentence: str, *, reason: str, retryable: bool, failure: Failure = NO_REQUEST) -> None:
        """Keep the reason apart from the sentence, and whether trying again with the same login can help."""
        super().__init__(sentence, failure)
        self.reason = reason
        self.retryable = retryable


class UnreadableHold(VaultError):
    """Raised when nobody can tell whether a hold is set; callers must not start anything then."""


class AnchorConflict(VaultError):
    """Raised when an anchor is already there with another note, or one that was there can't be read any more."""


class ForeignObject(VaultError):
    """Raised when something of another kind stands in Vault where ours should be; we never replace it."""


class UnfinishedSwitch(VaultError):
    """Raised when no certificate authority signs, because a switch from one to the next was broken off."""


class RefusedSwitch(VaultError):
    """Raised when a step of replacing the certificate authority may not be taken now."""
