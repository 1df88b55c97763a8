# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of secrets: readable for us, closed to everybody else. What is in them is shown nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.counting import count
from breakglass.doctor.findings import Finding, ok, wrong
from breakglass.doctor.known import SETTINGS
from breakglass.secret_files import UnreadableSecret, read_secret_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from breakglass.doctor.known import Known
    from breakglass.settings import Settings

ABOUT = "secrets"
OF_SINKS = ("_file", "client_key")
"""How the options of sinks end that name a file with a secret."""


def look(known: Known) -> Iterator[Finding]:
    """One line for each file that is not as it must be."""
    settings, troubles = known[SETTINGS], 0
    login = [settings.vault.role_id_file, settings.vault.secret_id_file]
    if not all(path.exists() for path in login):
        troubles += 1
        yield wrong(ABOUT, f"the runner's login is not there ({login[1]}). Have it issued: breakglass vault apply")
        login = []
    others = list(dict.fromkeys(_others(settings)))
    for path in (*login, *others):
        try:
            read_secret_file(path)
        except UnreadableSecret as error:
            troubles += 1
            yield wrong(ABOUT, str(error))
    if not troubles:
        yield ok(ABOUT, f"{count(len(login) + len(others), 'file')}, readable and closed to others")


def _others(settings: Settings) -> Iterator[Path]:
    if settings.database_password_file:
        yield settings.database_password_file
    if settings.tls:
        yield settings.tls.key
    for source in settings.sources.values():
        yield from source.secret_files
    for channel in settings.channels.values():
        yield channel.url_file
    if settings.awx:
        yield settings.awx.token_file
    if settings.heartbeat:
        yield settings.heartbeat.url_file
    sinks = settings.journal.sinks
    for options in sinks.sinks.values():
        yield from (sinks.directory / value for name, value in options.items() if name.endswith(OF_SINKS))
