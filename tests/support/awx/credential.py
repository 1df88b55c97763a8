# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials as AWX checks them and puts them into a job: awx/main/fields.py and awx/main/models/credential, retold.

AWX keeps injectors in a jsonb column of PostgreSQL, which sorts names by their length first; so does this.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import yaml
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tests.support.awx.image import AWX

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = re.compile(r"[a-zA-Z_]+[a-zA-Z0-9_]*")
NOT_ALLOWED = frozenset(
    (
        *("VIRTUAL_ENV", "PATH", "PYTHONPATH", "JOB_ID", "INVENTORY_ID", "INVENTORY_SOURCE_ID", "INVENTORY_UPDATE_ID"),
        *("AD_HOC_COMMAND_ID", "REST_API_URL", "REST_API_TOKEN", "MAX_EVENT_RES", "CALLBACK_QUEUE", "AWX_HOST"),
        *("CALLBACK_CONNECTION", "CACHE", "JOB_CALLBACK_DEBUG", "INVENTORY_HOSTVARS", "PROJECT_REVISION"),
    )
)
FIELD_KEYS = frozenset(
    ("id", "label", "type", "help_text", "multiline", "secret", "choices", "default", "format", "ask_at_runtime")
)


class NotAccepted(Exception):
    """Raised for a credential type that AWX answers with 400."""


@dataclass(frozen=True)
class CredentialType:
    """A kind of credential, as its file in deploy/awx/credential_types says it."""

    inputs: Mapping[str, list[dict[str, object]]]
    env: Mapping[str, str]
    files: Mapping[str, str]

    @classmethod
    def read(cls, name: str) -> CredentialType:
        """Read and check it as AWX does when it is made."""
        given = yaml.safe_load((AWX / "credential_types" / f"{name}.yml").read_text(encoding="utf-8"))
        injectors = given["injectors"]
        made = cls(given["inputs"], _sorted(injectors["env"]), _sorted(injectors["file"]))
        made.check()
        return made

    @property
    def fields(self) -> dict[str, dict[str, object]]:
        """Its fields by their id."""
        return {str(one["id"]): one for one in self.inputs["fields"]}

    def check(self) -> None:
        """Refuse what AWX refuses; raises NotAccepted."""
        for name, one in self.fields.items():
            if not VARIABLE.fullmatch(name) or one.keys() - FIELD_KEYS or "label" not in one or name == "tower":
                raise NotAccepted(f"field {name}")
        if set(self.inputs["required"]) - self.fields.keys():  # type: ignore[arg-type]
            raise NotAccepted("required")
        namespace: dict[str, object] = dict.fromkeys(self.fields, "EXAMPLE")
        namespace["tower"] = SimpleNamespace(
            filename=SimpleNamespace(**dict.fromkeys(map(_label, self.files), "EXAMPLE"))
        )
        strict = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
        for name, template in {**self.files, **self.env}.items():
            strict.from_string(template).render(**namespace)
            if not template.isascii():
                raise NotAccepted(f"the value of {name}")
        for name in self.env:
            if name.startswith("ANSIBLE_") or name in NOT_ALLOWED or not VARIABLE.fullmatch(name):
                raise NotAccepted(f"variable {name}")


@dataclass(frozen=True)
class Credential:
    """One of a kind, with what people gave."""

    kind: CredentialType
    given: Mapping[str, str] = field(repr=False)

    def inject(self, directory: Path, inside: Path) -> dict[str, str]:
        """Write its files into the private data directory, and return its variables; `inside` is where a job sees it."""
        given = {name: str(one["default"]) for name, one in self.kind.fields.items() if "default" in one}
        namespace: dict[str, object] = {name: value for name, value in {**given, **self.given}.items() if value}
        written = SimpleNamespace()
        namespace["tower"] = SimpleNamespace(filename=written)
        sandbox = ImmutableSandboxedEnvironment()
        for label, template in self.kind.files.items():
            _, path = tempfile.mkstemp(dir=directory / "env")
            Path(path).write_text(sandbox.from_string(template).render(**namespace), encoding="utf-8")
            Path(path).chmod(0o660)
            setattr(written, _label(label), str(inside / "env" / Path(path).name))
        return {name: sandbox.from_string(template).render(**namespace) for name, template in self.kind.env.items()}


def _sorted(given: Mapping[str, str]) -> dict[str, str]:
    return {name: given[name] for name in sorted(given, key=lambda name: (len(name), name))}


def _label(name: str) -> str:
    return name.removeprefix("template.")
