# SPDX-License-Identifier: GPL-3.0-or-later
"""This installation: addresses, files, and secrets that are only ever named by file."""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from urllib.parse import parse_qs, urlsplit

from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.configured import make_sinks
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.modes import Mode
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.options import UnusableSink
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.sinks._kinds import known_kinds
from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema, model_validator

from breakglass.domain.alert import OURS
from breakglass.errors import BreakglassError
from breakglass.policy.problems import FileProblems
from breakglass.policy.scalars import (
    Count,
    Duration,
    Flag,
    MaybeDuration,
    MaybeEmptyMapping,
    MaybeWords,
    Name,
    Strict,
    Unbuilt,
    choice,
    did_you_mean,
    sentence,
)
from breakglass.policy.validation import Mismatch, validate
from breakglass.policy.yaml_text import read_yaml_file
from breakglass.settings_digest import DigestSettings  # noqa: TC001 (pydantic reads the annotation)
from breakglass.settings_paths import FilePath, MaybeFilePath, absolute_path
from breakglass.settings_sources import SourceSettings  # noqa: TC001 (pydantic reads the annotation)

MAXIMUM_SECRET_BYTES = 65_536
DEFAULT_MAXIMUM_BODY = 4 * 1024 * 1024
DEFAULT_CONCURRENT_PLAYS = 4
SHORTEST_KEEP = timedelta(days=1)
SHORTEST_BEAT = timedelta(seconds=10)
DEFAULT_BEAT = timedelta(minutes=1)
_LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})", re.ASCII)
_VERIFIED = ("verify-ca", "verify-full")
_RUNNER_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", re.ASCII)
_HIGHEST_PORT = 65_535
_UNBUILT_METHODS = ("token", "jwt", "userpass", "cert", "kubernetes", "ldap")


class SettingsErrors(FileProblems):
    """Raised when the settings can't be used; `problems` holds all that was found."""


class UnreadableSecret(BreakglassError):
    """Raised when a secret's file is missing, empty, or open to others; the text never holds the content."""


class Address(NamedTuple):
    """Where the runner listens; port 0 takes a free one."""

    host: str
    port: int


class SinksSettings(NamedTuple):
    """Where the journal is shipped to, all options checked; made into sinks by the process that ships."""

    directory: Path
    """Where relative paths in it start from."""
    sinks: dict[str, dict[str, str]]
    """By name: the kind and its options, as they were written."""


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach the host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _address(value: object) -> Address:
    found = _LISTEN.fullmatch(value) if isinstance(value, str) else None
    if not found or int(found[3]) > _HIGHEST_PORT:
        raise sentence("Write host:port, for example 127.0.0.1:8443.")
    return Address(found[1] or found[2], int(found[3]))


def _url(value: object) -> str:
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        good = parts and parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment
        port_is_real = parts is not None and (parts.port is None or parts.port > 0)
    except ValueError:
        good = port_is_real = False
    if not good or not port_is_real or parts is None or not isinstance(value, str):
        raise sentence("Write an address: https://host or https://host:port.")
    if parts.username or parts.password:
        raise sentence("A user name or password does not belong into an address: secrets are named by file.")
    return value.rstrip("/")


def vault_address(value: object) -> str:
    """The address of a Vault; raises a ValueError whose text is a sentence."""
    url = _url(value)
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise sentence("Tokens would travel in clear text: write https, unless Vault is on this machine.")
    return url


def _prometheus_url(value: object) -> str:
    url = _url(value)
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise sentence(
            "Whoever is in between could call a fault repaired: write https, unless Prometheus is on this machine."
        )
    return url


def _database_url(value: object, info: ValidationInfo) -> str:
    text = value if isinstance(value, str) else ""
    if text.startswith(("postgresql:", "postgres:")):
        return _postgresql_url(text)
    if not text.startswith("sqlite:///") or text in ("sqlite:///", "sqlite:///:memory:") or "?" in text:
        raise sentence(
            "Write sqlite:///FILE (with an absolute path: sqlite:////var/lib/…), or postgresql://USER@HOST/DATABASE."
        )
    return f"sqlite:///{absolute_path(text.removeprefix('sqlite:///'), info)}"


def _postgresql_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        complete = bool(parts.hostname and parts.username and parts.path.strip("/")) and parts.port != 0
    except ValueError:
        complete, parts = False, urlsplit("")
    if not complete or "/" in parts.path[1:]:
        raise sentence(
            "Write postgresql://USER@HOST:PORT/DATABASE, with parameters of libpq such as ?sslmode=verify-full."
        )
    if parts.password is not None or "password" in parse_qs(parts.query, keep_blank_values=True):
        raise sentence("A password does not belong into an address: name a file with it, `database_password_file`.")
    if not is_loopback(parts.hostname or "") and parse_qs(parts.query).get("sslmode", [""])[-1] not in _VERIFIED:
        raise sentence(
            "Its password and all that is decided would travel to whoever answers: write ?sslmode=verify-full (and "
            "sslrootcert), unless PostgreSQL is on this machine."
        )
    return f"postgresql://{parts.netloc}{parts.path}{'?' * bool(parts.query)}{parts.query}"


def _runner_name(value: object) -> str:
    if not isinstance(value, str) or not _RUNNER_NAME.fullmatch(value):
        raise sentence("A runner is named with a-z, 0-9 and dash, at most 32 of them, such as runner-a.")
    return value


def _mode(value: object) -> object:
    if value == Mode.BEST_EFFORT.value:
        raise sentence(
            "A runner works while nobody watches, so nothing starts that can't be recorded. best_effort is for "
            "ansible-playbook alone (BREAKGLASS_AUDIT_MODE)."
        )
    return choice((Mode.STRICT.value, Mode.REMOTE_STRICT.value))(value)


def _sinks(value: object, info: ValidationInfo) -> SinksSettings:
    directory = Path((info.context or {})["directory"])
    try:
        make_sinks(value, directory)
    except UnusableSink as error:
        raise sentence(str(error)) from None
    return SinksSettings(directory, value if isinstance(value, dict) else {})


def _no_sinks() -> SinksSettings:
    return SinksSettings(Path("/"), {})


_ADDRESS_SCHEMA = WithJsonSchema({"type": "string", "pattern": r"^.+:[0-9]{1,5}$"})


class TlsSettings(Strict):
    """`tls:`, of the runner's own listener."""

    certificate: FilePath
    key: FilePath
    client_ca: MaybeFilePath = Field(default=None, description="Whose certificates senders may show.")


_SINKS_SCHEMA = WithJsonSchema(
    {
        "type": "object",
        "minProperties": 1,
        "description": "Where records are shipped to, by name; see the guide siem.md for the options of each kind.",
        "additionalProperties": {
            "type": "object",
            "required": ["kind"],
            "properties": {"kind": {"enum": list(known_kinds())}},
        },
    }
)


class JournalSettings(Strict):
    """`journal:`."""

    directory: FilePath
    mode: Annotated[Literal["strict", "remote_strict"], BeforeValidator(_mode)] = Field(
        default="strict",
        description="remote_strict: no grant is opened before a sink on another machine has the incident's record.",
    )
    keep: MaybeDuration = Field(default=None, description="What was sealed longer ago moves to the archive.")
    archive: MaybeFilePath = Field(default=None, description="Directory of the archive, a journal of its own.")
    sinks: Annotated[SinksSettings, BeforeValidator(_sinks), _SINKS_SCHEMA] = Field(default_factory=_no_sinks)

    @model_validator(mode="after")
    def _archive_for_what_is_not_kept(self) -> JournalSettings:
        if (self.keep is None) != (self.archive is None):
            raise sentence("keep and archive belong together: records are moved, and never deleted.")
        if self.keep is not None and self.keep < SHORTEST_KEEP:
            raise sentence("keep must be at least 1d: an incident that is over may still be asked about.")
        if self.archive and (
            self.archive.is_relative_to(self.directory) or self.directory.is_relative_to(self.archive)
        ):
            raise sentence("archive and directory must not lie in each other.")
        return self

    @model_validator(mode="after")
    def _somebody_elsewhere(self) -> JournalSettings:
        sinks = make_sinks(self.sinks.sinks, self.sinks.directory) if self.sinks.sinks else {}
        if self.mode == Mode.REMOTE_STRICT.value and not any(sink.is_remote for sink in sinks.values()):
            raise sentence("mode remote_strict needs a sink on another machine that acknowledges.")
        return self


class VaultSettings(Strict):
    """`vault:`; options are spelled as in community.hashi_vault."""

    url: Annotated[str, BeforeValidator(vault_address)]
    auth_method: Annotated[Literal["approle"], BeforeValidator(choice(("approle",), _UNBUILT_METHODS))]
    role_id_file: FilePath
    secret_id_file: FilePath
    namespace: MaybeWords = None
    ca_cert: MaybeFilePath = None


class PrometheusSettings(Strict):
    """`prometheus:`, who is asked whether a fault is gone, or has only taken its alert along."""

    url: Annotated[str, BeforeValidator(_prometheus_url)]
    bearer_token_file: MaybeFilePath = None
    ca_cert: MaybeFilePath = None


class ChannelSettings(Strict):
    """One entry of `channels:`; the file holds one Apprise URL."""

    url_file: FilePath


class DatabaseAddress(NamedTuple):
    """What the store is opened with."""

    url: str
    runner: str
    password_file: Path | None


class HeartbeatSettings(Strict):
    """`heartbeat:`; the file holds one address."""

    url_file: FilePath = Field(description="Holds the address of a dead man's switch, read anew for each beat.")
    every: Duration = Field(default=DEFAULT_BEAT, description="Time between two beats, at least 10s.")
    ca_cert: MaybeFilePath = Field(default=None, description="Authorities that are believed instead of the usual ones.")

    @model_validator(mode="after")
    def _not_a_flood(self) -> HeartbeatSettings:
        if self.every < SHORTEST_BEAT:
            raise sentence("every must be at least 10s.")
        return self


class Settings(Strict):
    """The settings of one runner; every path is absolute."""

    listen: Annotated[Address, BeforeValidator(_address), _ADDRESS_SCHEMA]
    public_url: Annotated[str | None, BeforeValidator(_url), WithJsonSchema({"type": "string"})] = None
    tls: TlsSettings | None = None
    behind_tls_proxy: Flag = Field(default=False, description="true: something else in front of the runner speaks TLS.")
    policy: FilePath
    inventory: FilePath
    database_url: Annotated[str, BeforeValidator(_database_url)]
    database_password_file: MaybeFilePath = None
    name: Annotated[
        str,
        BeforeValidator(_runner_name),
        WithJsonSchema({"type": "string", "pattern": _RUNNER_NAME.pattern}),
        Field(description="Of this runner; several runners on one PostgreSQL have one each, and keep it."),
    ] = ""
    journal: JournalSettings
    vault: VaultSettings
    sources: Annotated[dict[Name, SourceSettings], Field(min_length=1)]
    channels: Annotated[dict[Name, ChannelSettings], MaybeEmptyMapping] = Field(default_factory=dict)
    prometheus: PrometheusSettings | None = None
    run_directory: MaybeFilePath = None
    collections: Annotated[
        list[FilePath], Field(description="Directories that hold `ansible_collections` with remediations of others.")
    ] = Field(default_factory=list)
    maximum_body: Count = Field(default=DEFAULT_MAXIMUM_BODY, description="Bytes of one webhook.")
    concurrent_plays: Count = DEFAULT_CONCURRENT_PLAYS
    heartbeat: HeartbeatSettings | None = Field(
        default=None, description="Who speaks up when this runner no longer works."
    )
    people: Unbuilt = None
    digest: DigestSettings | None = Field(default=None, description="What went well, and what is open, at a set time.")
    sinks: Unbuilt = None

    @property
    def database(self) -> DatabaseAddress:
        """Where the database is, and who this runner is in it."""
        return DatabaseAddress(self.database_url, self.name, self.database_password_file)

    @model_validator(mode="after")
    def _one_of_several_has_a_name(self) -> Settings:
        if self.database_url.startswith("postgresql:") and not self.name:
            raise sentence(
                "Several runners may work on one PostgreSQL: give this one a name of its own, for example `name: runner-a`."
            )
        return self

    @model_validator(mode="after")
    def _client_certificates_are_verified(self) -> Settings:
        for name, source in self.sources.items():
            if source.client_certificates and (self.tls is None or self.tls.client_ca is None):
                raise sentence(
                    f"sources.{name} wants client certificates, but nobody verifies them: set tls.client_ca."
                )
        return self

    @model_validator(mode="after")
    def _sources_with_names_of_their_own(self) -> Settings:
        for name in OURS:
            if name in self.sources:
                raise sentence(
                    f"sources.{name}: the runner calls alerts of its own like that; give the source another name."
                )
        return self

    @model_validator(mode="after")
    def _digest_to_a_channel(self) -> Settings:
        if self.digest is not None and self.digest.to not in self.channels:
            known = did_you_mean(self.digest.to, self.channels)
            raise sentence(f"digest.to: {self.digest.to} is not one of the channels.{known}")
        return self

    @model_validator(mode="after")
    def _no_clear_text(self) -> Settings:
        if self.tls is None and not self.behind_tls_proxy and not is_loopback(self.listen.host):
            raise sentence(
                f"Without tls, {self.listen.host} would take bearer tokens in clear text. Give tls, listen on 127.0.0.1, "
                "or write `behind_tls_proxy: true` when something in front of the runner speaks TLS."
            )
        return self


def load_settings(path: Path) -> Settings:
    """Load the settings; raises SettingsErrors with every problem that was found."""
    try:
        return validate(Settings, read_yaml_file(path), {"directory": path.absolute().parent})
    except FileProblems as error:
        raise SettingsErrors(error.problems) from None
    except Mismatch as error:
        raise SettingsErrors(problem for _, problem in error.faults) from None


def settings_schema() -> dict[str, object]:
    """Give the JSON Schema (2020-12) of a settings file."""
    schema = Settings.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "breakglass settings"}


def read_secret_file(path: Path) -> str:
    """Read a secret, without the white space around it; raises UnreadableSecret.

    The file must be a regular one that its group and others can't touch.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise UnreadableSecret(f"The secret file {path} can't be read: {error.strerror}.") from None
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise UnreadableSecret(f"The secret {path} is not a regular file.")
        if mode & 0o077:
            raise UnreadableSecret(f"The secret file {path} is open to others. Close it: chmod 600 {path}")
        return _secret_text(os.read(descriptor, MAXIMUM_SECRET_BYTES + 1), path)
    finally:
        os.close(descriptor)


def _secret_text(content: bytes, path: Path) -> str:
    if len(content) > MAXIMUM_SECRET_BYTES:
        raise UnreadableSecret(f"The secret file {path} is larger than {MAXIMUM_SECRET_BYTES} bytes.")
    try:
        secret = content.decode().strip()
    except UnicodeDecodeError:
        raise UnreadableSecret(f"The secret file {path} is not UTF-8 text.") from None
    if not secret:
        raise UnreadableSecret(f"The secret file {path} is empty.")
    return secret
