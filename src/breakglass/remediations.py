# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles that repair: where they are, what they take, how they behave, and what exactly is in them."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import rfc8785
import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._parameters.checking import (
    UndeclaredKind,
    UnusableParameter,
    check,
    declared_kinds,
)

from breakglass.domain.plan import Rollout
from breakglass.domain.routing import BadParameter
from breakglass.errors import BreakglassError
from breakglass.policy.arguments import (
    Argument,
    BadArgumentSpec,
    missing_arguments,
    read_arguments,
    typed_arguments,
    typed_value,
)
from breakglass.policy.behaviour import Behaviour, OwnBehaviour
from breakglass.policy.problems import FileProblems
from breakglass.policy.scalars import did_you_mean
from breakglass.policy.validation import Mismatch, validate
from breakglass.policy.yaml_text import read_yaml_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from breakglass.domain.rules import Behaves

COLLECTION = "breakglass.remediation"
_WORD = r"[a-z_][a-z0-9_]*"
_NAME = re.compile(rf"(?:({_WORD})\.({_WORD})\.)?({_WORD})", re.ASCII)


class UnknownRemediation(BreakglassError):
    """Raised when no role of this name is installed."""


class UnreadableRemediation(BreakglassError):
    """Raised when a role lacks what the policy needs to know of it, or says it in a form that we don't read."""


@dataclass(frozen=True)
class Remediation:
    """One role, as it was when it was read.

    Attributes:
        name: Full name: `namespace.collection.role`.
        directory: Where the role's files are.
        arguments: Its variables (entry point `main`).
        defaults: What the arguments are when nobody says anything.
        behaviour: See Behaves; its own, or what the policy states.
        content_digest: SHA-256 (hex) over the names and contents of its files.
    """

    name: str
    directory: Path
    arguments: Mapping[str, Argument]
    defaults: Mapping[str, object]
    behaviour: Behaves
    content_digest: str

    def missing(self, given: Mapping[str, object]) -> list[str]:
        """Name the required parameters that are not given."""
        return missing_arguments(self.arguments, given)

    def check_parameter(self, name: str, value: object) -> object:
        """Give one value, typed; raises BadParameter."""
        typed = typed_value(self.arguments[name], value, name)
        self._check_kinds({name: typed})
        return typed

    def check_parameters(self, values: Mapping[str, object]) -> dict[str, object]:
        """Give all values, typed; raises BadParameter for unknown and missing names too."""
        typed = typed_arguments(self.arguments, values, self.name)
        self._check_kinds(typed)
        return typed

    @property
    def rollout(self) -> Rollout:
        """In which order it may be run on several hosts."""
        return Rollout(self.behaviour.rollout)

    @property
    def _lists(self) -> frozenset[str]:
        return frozenset(name for name, argument in self.arguments.items() if argument.kind == "list")

    def _check_kinds(self, values: Mapping[str, object]) -> None:
        """What the role itself would refuse on the host is refused before anything is opened."""
        try:
            check(self.behaviour.parameters, values, self.defaults, self._lists)
        except UnusableParameter as error:
            raise BadParameter(str(error)) from None


@dataclass(frozen=True)
class Remediations:
    """The installed roles. Each is read once: make a new `Remediations` to read again.

    Attributes:
        roles: The directory of this collection's roles.
        collection_paths: Directories that hold `ansible_collections`, for roles of other collections.
        stated: What a policy says of roles of others, by full name, in the place of what they say themselves.
    """

    roles: Path
    collection_paths: Sequence[Path] = ()
    stated: Mapping[str, Behaves] = field(default_factory=dict)
    _read: dict[str, Remediation] = field(default_factory=dict, repr=False, compare=False)

    def find(self, name: str) -> Remediation:
        """Give the role of a short name (ours) or a full one; raises UnknownRemediation or UnreadableRemediation."""
        full = full_name(name)
        if full not in self._read:
            found = read_remediation(full, self._directory(full, name))
            self._read[full] = replace(found, behaviour=self.stated.get(full, found.behaviour))
        return self._read[full]

    def stating(self, stated: Mapping[str, Behaves]) -> Remediations:
        """The same roles, of which a policy says how they behave; what was read already is not read again."""
        read = {name: replace(role, behaviour=stated.get(name, role.behaviour)) for name, role in self._read.items()}
        return Remediations(self.roles, self.collection_paths, dict(stated), read) if stated else self

    def _directory(self, full: str, name: str) -> Path:
        namespace, collection, role = full.split(".")
        if f"{namespace}.{collection}" == COLLECTION:
            candidates = [self.roles / role]
        else:
            inner = Path("ansible_collections", namespace, collection, "roles", role)
            candidates = [path / inner for path in self.collection_paths]
        for directory in candidates:
            if directory.is_dir():
                return directory
        known = did_you_mean(role, self._installed()) if f"{namespace}.{collection}" == COLLECTION else ""
        raise UnknownRemediation(f"There is no role {name[:200]} on the collection path.{known}")

    def _installed(self) -> list[str]:
        return [path.parent.parent.name for path in self.roles.glob("*/meta/remediation.yml")]


def full_name(name: str) -> str:
    """Give `namespace.collection.role`; a short name is a role of ours; raises UnknownRemediation."""
    found = _NAME.fullmatch(name)
    if not found:
        raise UnknownRemediation(f"{name[:200]!r} is not a role name: write role, or namespace.collection.role.")
    return name if found[1] else f"{COLLECTION}.{name}"


def read_remediation(name: str, directory: Path) -> Remediation:
    """Read a role of this full name; raises UnreadableRemediation."""
    options = _read_options(name, directory)
    return Remediation(
        name=name,
        directory=directory,
        arguments=options.arguments,
        defaults=options.defaults,
        behaviour=_read_behaviour(name, directory / "meta" / "remediation.yml"),
        content_digest=content_digest(directory),
    )


def content_digest(directory: Path) -> str:
    """SHA-256 (hex) of the canonical list of relative file names and their SHA-256; raises UnreadableRemediation.

    Compiled Python files are left out. A link to a directory is refused, since what it holds would not be bound.
    """
    try:
        files = [[str(path.relative_to(directory)), _file_digest(path)] for path in _files(directory)]
    except OSError as error:
        raise UnreadableRemediation(f"The role in {directory} can't be read: {error.strerror}.") from None
    canonical: bytes = rfc8785.dumps(sorted(files))
    return hashlib.sha256(canonical).hexdigest()


def _files(directory: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise error

    for parent, directories, names in os.walk(directory, onerror=fail):
        directories[:] = [name for name in directories if name != "__pycache__"]
        for name in directories:
            if Path(parent, name).is_symlink():
                raise UnreadableRemediation(f"{Path(parent, name)} is a link to a directory: put the files there.")
        yield from (Path(parent, name) for name in names)


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Options(NamedTuple):
    """What an argument spec says."""

    arguments: Mapping[str, Argument]
    defaults: Mapping[str, object]


def _read_options(name: str, directory: Path) -> _Options:
    for file in (directory / "meta" / "argument_specs.yml", directory / "meta" / "argument_specs.yaml"):
        if file.is_file():
            break
    else:
        raise UnreadableRemediation(f"The role {name} has no meta/argument_specs.yml, so nobody can check parameters.")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        options = _main_options(content)
        return _Options(read_arguments(options), _defaults(options))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise UnreadableRemediation(f"{file} can't be read: {str(error).splitlines()[0][:200]}.") from None
    except BadArgumentSpec as error:
        raise UnreadableRemediation(f"{file}: {error}") from None


def _main_options(content: object) -> object:
    specs = content.get("argument_specs") if isinstance(content, dict) else None
    main = specs.get("main") if isinstance(specs, dict) else None
    if not isinstance(main, dict):
        raise BadArgumentSpec("It has no entry point `main`.")
    return main.get("options")


def _defaults(options: object) -> Mapping[str, object]:
    described = options.items() if isinstance(options, dict) else ()
    return {str(name): one["default"] for name, one in described if isinstance(one, dict) and "default" in one}


def _read_behaviour(name: str, file: Path) -> Behaviour:
    if not file.is_file():
        return Behaviour()
    try:
        behaviour = validate(OwnBehaviour, read_yaml_file(file))
        declared_kinds({"parameters": behaviour.parameters})
    except (FileProblems, UndeclaredKind) as error:
        raise UnreadableRemediation(f"The role {name} does not say how it behaves: {error}") from None
    except Mismatch as error:
        faults = " ".join(str(problem) for _, problem in error.faults)
        raise UnreadableRemediation(f"The role {name} does not say how it behaves: {faults}") from None
    if behaviour.holds_host and behaviour.releases_host:
        raise UnreadableRemediation(
            f"The role {name} can't both hold its host and release it: leave one of the two out."
        )
    return behaviour
