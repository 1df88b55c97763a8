# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls to a runner's API: who calls is said by an identity token of Vault, fresh for each call; no Vault token goes there."""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._vault.answer import section, text
from .._vault.errors import InvalidRequest
from .._vault.failures import distrust
from .._vault.names import IDENTITY_TOKEN_PATH
from .runner_address import check_runner_address

with suppress(ImportError):  # what is missing is told when a run begins (_libraries.py)
    import requests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._vault.client import Client

TIMEOUT_SECONDS = 10
PAUSES_SECONDS = (1, 2)
"""Before a second and a third try."""
WAIT_STATUS = frozenset({409, 429})
LONGEST_WAIT_SECONDS = 5
LONGEST_SENTENCE = 500


class RefusedByRunner(BreakglassError):
    """Raised when the runner does not do what it is asked for; its text says why.

    Attributes:
        status: Of its answer; 0 where it has not answered so.
    """

    def __init__(self, sentence: str, status: int = 0) -> None:
        super().__init__(sentence)
        self.status = status


class UnreachableRunner(BreakglassError):
    """Raised when the runner can't be asked, or does not answer as one."""


class UntrustedRunner(UnreachableRunner):
    """Raised when the runner's TLS certificate is not accepted: nothing was sent, and it is of no use to try again."""


@dataclass(frozen=True)
class RunnerApi:
    """One runner, asked by one person.

    Attributes:
        client: Vault, with the login of who asks.
        url: The runner's address: https, unless it is on this machine.
        ca_cert: File of CA certificates to trust; empty for the system's.
    """

    client: Client
    url: str
    ca_cert: str = ""

    def __post_init__(self) -> None:
        """Refuse an address that nobody may be told who we are at. Raises UnusableAddress."""
        check_runner_address(self.url)

    def call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Mapping[str, object]:
        """One call; the JSON object of the answer, empty where there is none.

        What got no answer is sent again; a POST with the same key, so the runner does it once.

        Raises:
            RefusedByRunner: It says no.
            UnreachableRunner: It can't be asked.
            VaultError: Vault does not say who we are.
        """
        headers = {"Authorization": f"Bearer {identity_token(self.client)}"}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        for pause in PAUSES_SECONDS:
            try:
                answer = self._send(method, path, body, headers)
            except OSError as error:  # requests' errors are OSErrors
                if distrust(error):
                    raise self._unreachable(error) from None
                time.sleep(pause)
                continue
            if not _asks_to_wait(answer):
                return self._said(answer)
            time.sleep(int(answer.headers["Retry-After"]))
        try:
            answer = self._send(method, path, body, headers)
        except OSError as error:
            raise self._unreachable(error) from None
        return self._said(answer)

    def _send(
        self, method: str, path: str, body: Mapping[str, object] | None, headers: Mapping[str, str]
    ) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.request(
                method,
                self.url.rstrip("/") + path,
                json=body,
                headers=headers,
                timeout=TIMEOUT_SECONDS,
                verify=self.ca_cert or True,
                allow_redirects=False,
            )

    def _said(self, answer: requests.Response) -> Mapping[str, object]:
        try:
            said = answer.json() if answer.content else {}
        except ValueError as error:
            raise self._unreachable(error) from None
        if not isinstance(said, dict) or not (answer.ok or "detail" in said):
            raise UnreachableRunner(f"{self.url} does not answer as a runner does; check the address.")
        if not answer.ok:
            raise RefusedByRunner(f"The runner at {self.url} says no: {plain(said['detail'])}", answer.status_code)
        return said

    def _unreachable(self, error: Exception) -> UnreachableRunner:
        return untrusted(self.url, error) or UnreachableRunner(
            f"The runner at {self.url} can't be asked ({type(error).__name__}); check its address and that it runs."
        )


def untrusted(url: str, error: BaseException) -> UntrustedRunner | None:
    """What a failure says when the reason is the runner's certificate; None when it is another."""
    why = distrust(error)
    if not why:
        return None
    return UntrustedRunner(
        f"The runner at {url} is not trusted, and was told nothing: its TLS certificate was not accepted ({why}). Check the name in the "
        "address, and the file of CA certificates (runner_ca_cert; breakglass login --runner-ca FILE)."
    )


def _asks_to_wait(answer: requests.Response) -> bool:
    """Whether the runner is still at work on this very call, or is asked too often, and says when to come again."""
    later = answer.headers.get("Retry-After", "")
    return answer.status_code in WAIT_STATUS and later.isdigit() and int(later) <= LONGEST_WAIT_SECONDS


def identity_token(client: Client) -> str:
    """A short-lived token that says who we are, and gives nobody any right in Vault. Raises RefusedByRunner, VaultError."""
    try:
        return text(section(client.get(IDENTITY_TOKEN_PATH), "data"), "token")
    except InvalidRequest as error:
        raise RefusedByRunner(
            f"Vault does not say who you are, so no runner can be asked: {'; '.join(error.errors)}. Log in by a method that "
            "has an identity, not with a root token."
        ) from None


def plain(words: object) -> str:
    """What another machine says must not move the reader's cursor."""
    return "".join(one if one.isprintable() else " " for one in str(words))[:LONGEST_SENTENCE]
