# SPDX-License-Identifier: GPL-3.0-or-later
"""One request to Vault: hvac's adapter underneath, our errors on top, one keep-alive session.

hvac's own methods add parameters that narrow policies refuse, and its exceptions carry the whole answer; so only its
adapter is used, and it never raises here. Redirects are not followed: requests would send the token along.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from .error_text import clean, clean_all
from .errors import BusyVault, Failure, UnexpectedAnswer, UnreachableVault, UnusableRequest, VaultError
from .failures import error_for, error_without_answer, was_never_sent

with suppress(ImportError):  # what is missing is told when a run begins (_libraries.py)
    import requests
    from hvac.adapters import RawAdapter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from typing_extensions import Self

    from .connection import Connection

_Answer = TypeVar("_Answer")

_PATH: Final = re.compile(r"[A-Za-z0-9._@:+=/-]+")
_SECRET_FIELDS: Final = frozenset(
    {
        *("token", "client_token", "secret_id", "role_id", "jwt", "password", "private_key", "mfa_payload"),
        *("code", "state", "client_nonce"),
    }
)
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0
_SUCCESS: Final = range(200, 300)
_SERVER_ERROR: Final = 500
_LONGEST_TEXT: Final = 10_000


class Client:
    """A connection with a token. Clients made by `with_token` share the session and its open connections."""

    def __init__(
        self,
        connection: Connection,
        token: str | None,
        *,
        session: requests.Session | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Make ready; nothing is sent.

        Args:
            connection: Where Vault is.
            token: Token that goes with each request, or None.
            session: An open session to share; by default a new one.
            pause: Waits the given seconds before a read is repeated.
        """
        self.connection = connection
        self._token = token
        self._pause = pause
        self._session = session or _session(connection)
        self._adapter = RawAdapter(
            base_uri=connection.url,
            token=token,
            verify=self._session.verify,
            timeout=connection.timeout,
            proxies=dict(self._session.proxies),
            allow_redirects=False,
            session=self._session,
            namespace=connection.namespace,
        )

    def __repr__(self) -> str:
        """Tell the address, and only whether there is a token."""
        return f"Client({self.connection.url!r}, {'with' if self._token else 'without'} a token)"

    def __reduce__(self) -> str:
        """Refuse to be pickled: a token does not leave the process that way."""
        raise UnusableRequest("A Vault client can't be pickled, because its token would be.")

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections, also those of the clients that share them."""
        self._session.close()

    def with_token(self, token: str | None) -> Client:
        """Return a client with another token over the same connections."""
        return Client(self.connection, token, session=self._session, pause=self._pause)

    def anew(self) -> Client:
        """Return the same client over connections of its own, as a forked process must have them."""
        return Client(self.connection, self._token, pause=self._pause)

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Mapping[str, object]:
        """Read; repeated when Vault is busy or in trouble. Raises VaultError."""
        return self._repeat(lambda: self._send("get", path, query=query))

    def get_text(self, path: str) -> str:
        """Read what is no JSON but plain text; repeated as `get`. Raises VaultError."""
        return self._repeat(lambda: self._exchange("get", path, _plain_text))

    def make(self, path: str, query: Mapping[str, str] | None = None) -> Mapping[str, object]:
        """Read a path that makes something anew, as a database's user: sent once, never twice. Raises VaultError."""
        return self._send("get", path, query=query, changes=True)

    def list(self, path: str) -> Mapping[str, object]:
        """List the keys below a path; repeated as `get`. Raises VaultError, MissingPath when there are none."""
        return self._repeat(lambda: self._send("list", path))

    def ask(self, path: str, body: Mapping[str, object]) -> Mapping[str, object]:
        """POST to a path that only reads, as a look-up does; repeated as `get`. Raises VaultError."""
        return self._repeat(lambda: self._send("post", path, body))

    def post(self, path: str, body: Mapping[str, object], wrap_ttl: timedelta | None = None) -> Mapping[str, object]:
        """Send once, never twice; with `wrap_ttl` the answer is wrapped. Raises VaultError."""
        return self._send("post", path, body, wrap_ttl, changes=True)

    def put(self, path: str, body: Mapping[str, object]) -> Mapping[str, object]:
        """Send once, never twice. Raises VaultError."""
        return self._send("put", path, body, changes=True)

    def delete(self, path: str) -> Mapping[str, object]:
        """Delete once. Raises VaultError."""
        return self._send("delete", path, changes=True)

    def _repeat(self, read: Callable[[], _Answer]) -> _Answer:
        wait = _FIRST_PAUSE
        for _attempt in range(self.connection.retries):
            try:
                return read()
            except (UnreachableVault, BusyVault) as error:
                if not error.retryable:
                    raise
            self._pause(wait)
            wait = min(wait * 2, _LONGEST_PAUSE)
        return read()

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        wrap_ttl: timedelta | None = None,
        query: Mapping[str, str] | None = None,
        *,
        changes: bool = False,
    ) -> Mapping[str, object]:
        return self._exchange(method, path, _json_object, body=body, wrap_ttl=wrap_ttl, query=query, changes=changes)

    def _exchange(
        self,
        method: str,
        path: str,
        read: Callable[[requests.Response, Failure], _Answer],
        *,
        body: Mapping[str, object] | None = None,
        wrap_ttl: timedelta | None = None,
        query: Mapping[str, str] | None = None,
        changes: bool = False,
    ) -> _Answer:
        secrets = self._secrets({**(body or {}), **(query or {})})
        failure = Failure(operation=clean(f"{method.upper()} {path}", secrets), url=self.connection.url)
        _check_path(path)
        wrapping = f"{int(wrap_ttl.total_seconds())}s" if wrap_ttl else None
        problem: Exception
        try:
            response: requests.Response = self._adapter.request(
                method, f"/v1/{path}", raise_exception=False, json=body, params=query, wrap_ttl=wrapping
            )
        except (OSError, ValueError) as error:  # requests' errors are OSErrors; urllib3's refusals are ValueErrors
            problem = error
        else:
            if response.status_code not in _SUCCESS:
                raise _refusal(response, failure, secrets, changes=changes)
            return read(response, failure)
        # Raised outside of the handler: a chained error of requests may show the headers.
        unknown = changes and not was_never_sent(problem)
        raise error_without_answer(replace(failure, outcome_unknown=unknown), problem)

    def _secrets(self, sent: Mapping[str, object]) -> tuple[str, ...]:
        found = [text for name, value in sent.items() if name in _SECRET_FIELDS for text in _texts(value)]
        return (*found, self._token) if self._token else tuple(found)


def _texts(value: object) -> tuple[str, ...]:
    """Every text inside a value, as the passcodes of several login methods."""
    if isinstance(value, dict):
        return tuple(text for entry in value.values() for text in _texts(entry))
    if isinstance(value, list):
        return tuple(text for entry in value for text in _texts(entry))
    return (str(value),)


def _session(connection: Connection) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.verify = (connection.ca_cert or True) if connection.validate_certs else False
    if connection.client_cert:
        session.cert = (
            (connection.client_cert, connection.client_key) if connection.client_key else connection.client_cert
        )
    if connection.proxy:
        session.proxies = {"http": connection.proxy, "https": connection.proxy}
    return session


def _check_path(path: str) -> None:
    if not _PATH.fullmatch(path) or ".." in path.split("/"):
        raise UnusableRequest(
            "A Vault path was refused before it was sent: it holds characters that no path of ours has."
        )


def _json_object(response: requests.Response, failure: Failure) -> Mapping[str, object]:
    """The object of a success; an empty answer counts as an empty object."""
    body = _parsed(response)
    if isinstance(body, dict):
        return body
    raise UnexpectedAnswer(
        f"{failure.operation} got an answer from {failure.url} that is no JSON object; is this really Vault?",
        failure,
    )


def _plain_text(response: requests.Response, failure: Failure) -> str:
    """The text of a success."""
    if len(response.content) > _LONGEST_TEXT or not response.content.isascii():
        raise UnexpectedAnswer(
            f"{failure.operation} got an answer from {failure.url} that is no short plain text; is this really Vault?",
            failure,
        )
    return response.content.decode("ascii")


def _parsed(response: requests.Response) -> object:
    try:
        return response.json() if response.content else {}
    except ValueError:
        return None


def _refusal(response: requests.Response, failure: Failure, secrets: tuple[str, ...], *, changes: bool) -> VaultError:
    """What an answer means that is no success."""
    body = _parsed(response)
    status = response.status_code
    texts = clean_all(body.get("errors"), secrets) if isinstance(body, dict) else ()
    unknown = changes and status >= _SERVER_ERROR
    error = error_for(replace(failure, status=status, errors=texts))
    if unknown and isinstance(error, UnreachableVault):
        error.failure = replace(error.failure, outcome_unknown=True)
    return error
