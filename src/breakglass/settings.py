# SPDX-License-Identifier: GPL-3.0-or-later
"""This installation: addresses, files, and secrets that are only ever named by file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.configured import make_sinks
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.modes import Mode
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.options import UnusableSink
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.sinks._kinds import known_kinds
from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema, model_validator

from breakglass.domain.alert import OURS
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
from breakglass.settings_addresses import (
    Address,
    awx_address,
    is_loopback,
    listen_address,
    prometheus_address,
    vault_address,
    web_address,
)
from breakglass.settings_database import RUNNER_NAME, DatabaseAddress, database_url, runner_name
from breakglass.settings_digest import DigestSettings  # noqa: TC001 (pydantic reads the annotation)
from breakglass.settings_paths import FilePath, MaybeFilePath  # noqa: TC001 (pydantic reads the annotations)
from breakglass.settings_socket import SocketSettings
from breakglass.settings_sources import SourceSettings  # noqa: TC001 (pydantic reads the annotation)

DEFAULT_MAXIMUM_BODY = 4 * 1024 * 1024
DEFAULT_CONCURRENT_PLAYS = 4
DEFAULT_KEEP_INCIDENTS = timedelta(days=400)
SHORTEST_KEEP_INCIDENTS = timedelta(days=30)
SHORTEST_KEEP = timedelta(days=1)
SHORTEST_BEAT = timedelta(seconds=10)
DEFAULT_BEAT = timedelta(minutes=1)
SIGNED_IN_PATH = "/signed-in"
_UNBUILT_METHODS = ("token", "jwt", "userpass", "cert", "kubernetes", "ldap")


class SettingsErrors(FileProblems):
    """Raised when the settings can't be used; `problems` holds all that was found."""


class SinksSettings(NamedTuple):
    """Where the journal is shipped to, all options checked; made into sinks by the process that ships."""

    directory: Path
    """Where relative paths in it start from."""
    sinks: dict[str, dict[str, str]]
    """By name: the kind and its options, as they were written."""


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

    url: Annotated[str, BeforeValidator(prometheus_address)]
    bearer_token_file: MaybeFilePath = None
    ca_cert: MaybeFilePath = None


class AwxSettings(Strict):
    """`awx:`, which runs the plays of some accesses as jobs of its own."""

    url: Annotated[str, BeforeValidator(awx_address)]
    token_file: FilePath
    job_template: Count = Field(description="Number of the template, which asks for variables, limit and job type.")
    accesses: Annotated[list[Name], Field(min_length=1, description="Whose plays are jobs; all others run here.")]
    ca_cert: MaybeFilePath = None


class ChannelSettings(Strict):
    """One entry of `channels:`; the file holds one Apprise URL."""

    url_file: FilePath


class PeopleSettings(Strict):
    """`people:`."""

    vault_url: Annotated[str | None, BeforeValidator(vault_address), WithJsonSchema({"type": "string"})] = Field(
        default=None, description="Where the browsers of people find Vault, when that is not at vault.url."
    )


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

    listen: Annotated[Address, BeforeValidator(listen_address), _ADDRESS_SCHEMA]
    public_url: Annotated[str | None, BeforeValidator(web_address), WithJsonSchema({"type": "string"})] = None
    tls: TlsSettings | None = None
    behind_tls_proxy: Flag = Field(default=False, description="true: something else in front of the runner speaks TLS.")
    policy: FilePath
    inventory: FilePath
    database_url: Annotated[str, BeforeValidator(database_url)]
    database_password_file: MaybeFilePath = None
    name: Annotated[
        str,
        BeforeValidator(runner_name),
        WithJsonSchema({"type": "string", "pattern": RUNNER_NAME.pattern}),
        Field(description="Of this runner; several runners on one PostgreSQL have one each, and keep it."),
    ] = ""
    keep_incidents: Duration = Field(
        default=DEFAULT_KEEP_INCIDENTS,
        description="What closed longer ago is forgotten by the database, at least 30d; the journal keeps it.",
    )
    journal: JournalSettings
    vault: VaultSettings
    sources: Annotated[dict[Name, SourceSettings], Field(min_length=1)]
    channels: Annotated[dict[Name, ChannelSettings], MaybeEmptyMapping] = Field(default_factory=dict)
    prometheus: PrometheusSettings | None = None
    awx: AwxSettings | None = None
    run_directory: MaybeFilePath = None
    socket: SocketSettings = Field(
        default_factory=SocketSettings, description="Where people of this machine reach the runner: hold, lift, revoke."
    )
    collections: Annotated[
        list[FilePath], Field(description="Directories that hold `ansible_collections` with remediations of others.")
    ] = Field(default_factory=list)
    maximum_body: Count = Field(default=DEFAULT_MAXIMUM_BODY, description="Bytes of one webhook.")
    concurrent_plays: Count = DEFAULT_CONCURRENT_PLAYS
    heartbeat: HeartbeatSettings | None = Field(
        default=None, description="Who speaks up when this runner no longer works."
    )
    people: PeopleSettings = Field(
        default_factory=PeopleSettings, description="How people sign in at the runner's pages."
    )
    digest: DigestSettings | None = Field(default=None, description="What went well, and what is open, at a set time.")
    sinks: Unbuilt = None

    @property
    def database(self) -> DatabaseAddress:
        """Where the database is, and who this runner is in it."""
        return DatabaseAddress(self.database_url, self.name, self.database_password_file)

    @property
    def socket_path(self) -> Path:
        """The runner's local socket: as written, else beside the database file, else beside the journal."""
        if self.socket.path is not None:
            return self.socket.path
        beside = self.database_url.removeprefix("sqlite:///") if self.database_url.startswith("sqlite:") else ""
        return (Path(beside) if beside else self.journal.directory).parent / "control" / "runner"

    @property
    def signed_in_url(self) -> str:
        """Where Vault sends the browser of a person back to; empty when nobody can sign in, because we have no `public_url`."""
        return f"{self.public_url}{SIGNED_IN_PATH}" if self.public_url else ""

    @property
    def speaks_tls(self) -> bool:
        """Whether the runner is reached by TLS."""
        return self.tls is not None or self.behind_tls_proxy

    @model_validator(mode="after")
    def _one_of_several_has_a_name(self) -> Settings:
        if self.database_url.startswith("postgresql:") and not self.name:
            raise sentence(
                "Several runners may work on one PostgreSQL: give this one a name of its own, for example `name: runner-a`."
            )
        return self

    @model_validator(mode="after")
    def _remembers_for_a_while(self) -> Settings:
        if self.keep_incidents < SHORTEST_KEEP_INCIDENTS:
            raise sentence(
                "keep_incidents must be at least 30d: limits, the digest and repeated alerts go by what is remembered."
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
