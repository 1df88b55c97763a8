# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of a runner that come piece by piece: what happens in an incident, what the terminal of a session showed."""

from __future__ import annotations

from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import requests
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import (
    RefusedByRunner,
    UnreachableRunner,
    identity_token,
    plain,
    untrusted,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi

CONNECT_SECONDS: Final = 10
SILENCE_SECONDS: Final = 40
"""An event stream says something every 15 s; after more than twice that the connection is dead."""


@contextmanager
def streamed(
    api: RunnerApi, path: str, media: str, headers: Mapping[str, str] | None = None
) -> Iterator[requests.Response]:
    """The answer to a GET, of this media type or without content, to be read while it comes.

    Raises:
        RefusedByRunner: It says no.
        UnreachableRunner: It can't be asked, or the stream breaks, also in the block.
        VaultError: Vault does not say who we are.
    """
    who = {"Authorization": f"Bearer {identity_token(api.client)}", "Accept": media}
    try:
        with requests.Session() as session:
            session.trust_env = False
            with session.get(
                api.url.rstrip("/") + path,
                headers={**who, **(headers or {})},
                timeout=(CONNECT_SECONDS, SILENCE_SECONDS),
                verify=api.ca_cert or True,
                allow_redirects=False,
                stream=True,
            ) as answer:
                _check(api, answer, media)
                yield answer
    except OSError as error:  # requests' errors are OSErrors
        broken = UnreachableRunner(f"The stream of {api.url} broke ({type(error).__name__}).")
        raise untrusted(api.url, error) or broken from None


def _check(api: RunnerApi, answer: requests.Response, media: str) -> None:
    if answer.status_code == HTTPStatus.NO_CONTENT:
        return
    if answer.ok and answer.headers.get("content-type", "").startswith(media):
        return
    try:
        said = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        raise UnreachableRunner(f"{api.url} does not answer as a runner does; check the address.") from None
    sentence = f"The runner at {api.url} says no: {plain(said)}"
    if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise UnreachableRunner(sentence)
    raise RefusedByRunner(sentence, answer.status_code)
