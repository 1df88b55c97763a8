# SPDX-License-Identifier: GPL-3.0-or-later
"""Write what the runner is made of as CycloneDX JSON, from the lock that installs it: every package, its version and its hashes.

python tools/sbom.py FILE

It runs in the environment of requirements/publish.txt. The same lock and version give the same bytes.
"""

from __future__ import annotations

import re
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from distribution import source_date
from packageurl import PackageURL

if TYPE_CHECKING:
    from collections.abc import Iterator

TREE: Final = Path(__file__).resolve().parents[1]
LOCK: Final = TREE / "requirements.txt"
VERSION: Final = SchemaVersion.V1_6
PACKAGE: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?:\s*;\s*([^\\]+?))?\s*\\?$")
HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def locked(text: str) -> Iterator[Component]:
    """Every package that the lock names, with the digests of the files that may be installed."""
    name = version = ""
    hashes: list[HashType] = []
    for line in [*text.splitlines(), "end==0"]:
        found = PACKAGE.match(line)
        if found and name:
            yield _component(name, version, hashes)
        if found:
            (name, version), hashes = found.group(1, 2), []
        hashes += [HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in HASH.findall(line)]


def _component(name: str, version: str, hashes: list[HashType]) -> Component:
    url = PackageURL("pypi", None, name.lower().replace("_", "-"), version)
    return Component(type=ComponentType.LIBRARY, name=name, version=version, purl=url, bom_ref=str(url), hashes=hashes)


def bill() -> str:
    """The bill of materials as text; raises ValueError when it does not satisfy CycloneDX's schema."""
    project = tomllib.loads((TREE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    url = PackageURL("pypi", None, project["name"], project["version"])
    root = Component(
        type=ComponentType.APPLICATION,
        name=project["name"],
        version=project["version"],
        description=project["description"],
        licenses=[LicenseExpression(project["license"])],
        purl=url,
        bom_ref=str(url),
    )
    lock = LOCK.read_text(encoding="utf-8")
    bom = Bom(components=locked(lock), serial_number=uuid5(NAMESPACE_URL, f"{url}\n{lock}"))
    bom.metadata.component = root
    bom.metadata.timestamp = datetime.fromtimestamp(source_date(TREE), UTC)
    bom.register_dependency(root, bom.components)
    text = make_outputter(bom, OutputFormat.JSON, VERSION).output_as_string(indent=1)
    if error := JsonStrictValidator(VERSION).validate_str(text):
        raise ValueError(str(error))
    return text


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(bill() + "\n", encoding="utf-8")
