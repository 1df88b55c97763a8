# SPDX-License-Identifier: GPL-3.0-or-later
"""`credentials:` of an access: one item for each kind of credential that it opens, with the keys of its kind."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from .scalars import Login, Strict, choice, sentence

_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._@:+=-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._@:+=-]*)*(?:/\*)?", re.ASCII)
_MOUNT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*", re.ASCII)
_NO_CREDENTIALS = frozenset(
    {"sys", "auth", "identity", "transit", "ssh-breakglass", "ssh-breakglass-next", "ssh-breakglass-previous"}
)
_KEYS = {
    "ssh": frozenset({"user"}),
    "ssh_host": frozenset[str](),
    "database": frozenset({"role", "mount"}),
    "pki": frozenset({"role", "mount"}),
    "pki_host": frozenset({"role", "mount"}),
    "secret": frozenset({"path", "mount", "engine"}),
    "rotation": frozenset({"role", "path", "mount"}),
}
_NEEDED = {"database": ("role",), "pki": ("role",), "pki_host": ("role",), "secret": ("path",)}


def _word(value: object) -> object:
    if isinstance(value, str) and _WORD.fullmatch(value):
        return value
    raise sentence("Write the name of a role in Vault: letters, digits, dot, _ and -.")


def _path(value: object) -> object:
    if isinstance(value, str) and _PATH.fullmatch(value):
        if value.split("/", 1)[0] == "breakglass":
            raise sentence("Below breakglass/ the anchors and the hold are kept; no access may open them.")
        return value
    raise sentence(
        "Write a path in Vault: letters, digits, ._@:+=- and single slashes; /* at its end for all below it."
    )


def _mount(value: object) -> object:
    if not (isinstance(value, str) and _MOUNT.fullmatch(value)):
        raise sentence("Write where an engine of Vault is mounted: letters, digits, ._- and single slashes.")
    if value.split("/", 1)[0] in _NO_CREDENTIALS:
        raise sentence(f"{value}/ holds no credentials: it is Vault's own, or ours.")
    return value


def _kind(value: object) -> object:
    return choice(tuple(_KEYS))(value)


_ROLE = Annotated[
    str | None, BeforeValidator(_word), WithJsonSchema({"type": "string", "pattern": f"^{_WORD.pattern}$"})
]
_PATH_TEXT = Annotated[
    str | None, BeforeValidator(_path), WithJsonSchema({"type": "string", "pattern": f"^{_PATH.pattern}$"})
]
_MOUNT_TEXT = Annotated[
    str | None, BeforeValidator(_mount), WithJsonSchema({"type": "string", "pattern": f"^{_MOUNT.pattern}$"})
]
_ENGINE = Annotated[Literal["kv2", "kv1", "dynamic"] | None, BeforeValidator(choice(("kv2", "kv1", "dynamic")))]


class CredentialEntry(Strict):
    """One item of `credentials:`."""

    kind: Annotated[
        Literal["ssh", "ssh_host", "database", "pki", "pki_host", "secret", "rotation"], BeforeValidator(_kind)
    ] = Field(description="What it is: ssh, ssh_host, database, pki, pki_host, secret or rotation.")
    user: Login | None = Field(default=None, description="ssh: the login user on the hosts; without it, breakglass.")
    role: _ROLE = Field(
        default=None,
        description="database, pki, pki_host: the engine's role. rotation: a static role of a database engine.",
    )
    mount: _MOUNT_TEXT = Field(
        default=None, description="Where the engine is mounted; without it, database, pki or kv."
    )
    path: _PATH_TEXT = Field(
        default=None,
        description="secret: its path below the engine; web/* for all below web. rotation: one secret of a kv store.",
    )
    engine: _ENGINE = Field(default=None, description="secret: kv2 (without it), kv1, or dynamic for any other engine.")

    @model_validator(mode="before")
    @classmethod
    def _keys_of_its_kind(cls, value: object) -> object:
        kind = value.get("kind") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(kind, str) or kind not in _KEYS:
            return value
        known = {name for names in _KEYS.values() for name in names}
        for name in sorted(set(value) & known - _KEYS[kind]):
            raise sentence(f'"{name}" does not belong to a credential of "kind: {kind}". Leave it out.')
        for name in _NEEDED.get(kind, ()):
            if name not in value:
                raise sentence(f'A credential of "kind: {kind}" needs "{name}".')
        if kind == "rotation":
            _check_rotation(value)
        mount, engine = str(value.get("mount", "kv")), value.get("engine", "kv2")
        if (
            (kind == "secret" or "path" in value)
            and mount.split("/", 1)[0] == "kv"
            and (mount != "kv" or engine in ("kv1", "dynamic"))
        ):
            raise sentence("kv/ is a key-value store of version 2, with our own anchors: leave mount and engine out.")
        return value


def _check_rotation(value: dict[str, object]) -> None:
    if ("role" in value) == ("path" in value):
        raise sentence('A credential of "kind: rotation" needs "role" or "path": what is rotated, and not both.')
    if str(value.get("path", "")).endswith("/*"):
        raise sentence("A rotation is of one secret: write its whole path.")


def _one_ssh_at_most(credentials: list[CredentialEntry]) -> list[CredentialEntry]:
    if sum(entry.kind == "ssh" for entry in credentials) > 1:
        raise sentence("An access has one SSH credential at most: its certificates open the login user of the access.")
    return credentials


Credentials = Annotated[list[CredentialEntry], AfterValidator(_one_ssh_at_most)]
