# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP requests with `requests`, held to a deadline for the whole exchange: a receiver that drips can't keep us.

No redirects (a token would travel along), no `.netrc`; proxies come from the environment.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..cutting import Connections, cuttable_adapter
from ..options import is_this_machine
from ..secret_file import read_secret
from ._sink import RefusedRecords, Unacknowledged

with suppress(ImportError):  # what is missing is told when a run begins (_libraries.py)
    import requests
    from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..options import Options

_LARGEST_REPLY = 1024 * 1024
_CONNECT_SECONDS = 10.0
_REFUSALS = frozenset({400, 413, 415, 422})


@dataclass(frozen=True)
class Reply:
    """What a receiver answered with."""

    status: int
    content: bytes
    wait_seconds: float | None
    """What `Retry-After` asks for."""


@dataclass(frozen=True)
class HttpWay:
    """How to reach a receiver and prove who we are. Secrets are read when they are needed."""

    url: str
    timeout_seconds: float
    ca_cert: Path | None
    client_cert: Path | None
    client_key: Path | None
    bearer_token_file: Path | None

    @classmethod
    def of(cls, options: Options) -> HttpWay:
        """Take the options that all HTTP sinks share: url, timeout, ca_cert, client_cert, client_key, bearer_token_file."""
        url = options.url("url")
        if url.startswith("http:"):
            options.refuse_clear_text("url", urlsplit(url).hostname or "")
        way = cls(
            url,
            options.seconds("timeout", "30s"),
            options.file("ca_cert"),
            options.file("client_cert"),
            options.file("client_key"),
            options.file("bearer_token_file"),
        )
        if (way.client_cert is None) != (way.client_key is None):
            raise options.wrong("client_cert", "Give both client_cert and client_key.")
        return way

    @property
    def is_remote(self) -> bool:
        """Whether the receiver is on another machine."""
        return not is_this_machine(str(urlsplit(self.url).hostname))


class Poster:
    """Posts to one receiver over connections that are kept."""

    def __init__(self, way: HttpWay) -> None:
        self._way = way
        self._session: requests.Session | None = None
        self._connections = Connections()

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Post, and return the reply, whatever its status.

        Raises:
            Unacknowledged: there is no whole reply in time, or a secret can't be read.
        """
        sent = dict(headers)
        if self._way.bearer_token_file is not None:
            sent.setdefault("Authorization", f"Bearer {read_secret(self._way.bearer_token_file)}")
        late = threading.Timer(self._way.timeout_seconds, self._connections.cut)
        late.daemon = True
        late.start()
        try:
            return self._exchange(path, body, sent)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            self.close()
            raise Unacknowledged(f"{self._way.url} did not answer ({_name(error)}).") from None
        finally:
            late.cancel()

    def accepted(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Post, and return the reply if its status says that all was taken.

        Raises:
            Unacknowledged: it was not, for now: no reply, 401, 403, 404, 429, 3xx, 5xx.
            RefusedRecords: it never will be: 400, 413, 415, 422.
        """
        return self.judged(self.post(path, body, headers))

    def judged(self, reply: Reply) -> Reply:
        """Return a reply that says that all was taken; raises what `accepted` raises."""
        if reply.status in _REFUSALS:
            raise RefusedRecords(f"{self._way.url} answered {reply.status}.")
        if not 200 <= reply.status <= 299:  # noqa: PLR2004 (RFC 9110, section 15.3)
            raise Unacknowledged(f"{self._way.url} answered {reply.status}.", reply.wait_seconds)
        return reply

    def _exchange(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        session = self._open()
        timeout = (min(_CONNECT_SECONDS, self._way.timeout_seconds), self._way.timeout_seconds)
        with session.post(
            self._way.url + path, data=body, headers=headers, timeout=timeout, allow_redirects=False, stream=True
        ) as response:
            content = response.raw.read(_LARGEST_REPLY, decode_content=True)
            return Reply(response.status_code, content, _wait_of(response.headers.get("Retry-After")))

    def close(self) -> None:
        """Close what is kept open; the next request begins anew."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _open(self) -> requests.Session:
        if self._session is None:
            session = requests.Session()
            session.trust_env = False  # it would read .netrc, too
            session.proxies = requests.utils.get_environ_proxies(self._way.url)
            session.verify = str(self._way.ca_cert) if self._way.ca_cert else True
            if self._way.client_cert:
                session.cert = (str(self._way.client_cert), str(self._way.client_key))
            adapter = cuttable_adapter(self._connections)
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            self._session = session
        return self._session


def _wait_of(header: str | None) -> float | None:
    """Seconds of `Retry-After` (RFC 9110, section 10.2.3): a number, or a date."""
    if not header:
        return None
    if header.isascii() and header.isdigit():
        return float(header[:9])
    with suppress(ValueError, TypeError, OverflowError):
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    return None


def _name(error: Exception) -> str:
    """The kind of failure; the text of the error could repeat what was sent."""
    return type(error).__name__
