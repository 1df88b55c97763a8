# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner and all that it needs as wheels, without an index: its own is built, the others are packed from this virtual environment."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).parents[2]
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")


def build_wheels(directory: Path) -> None:
    """Write them into a directory; raises subprocess.CalledProcessError."""
    build = ("-m", "pip", "wheel", "-q", "--no-deps", "--no-index", "--no-build-isolation", "-w", str(directory), ".")
    subprocess.run([sys.executable, *build], cwd=REPOSITORY, check=True)
    with zipfile.ZipFile(next(directory.glob("breakglass_remediation-*.whl"))) as own:
        metadata = next(name for name in own.namelist() if name.endswith(".dist-info/METADATA"))
        lines = own.read(metadata).decode().splitlines()
    wanted = [_name(line) for line in lines if line.startswith("Requires-Dist: ") and "extra ==" not in line]
    done: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name in done:
            continue
        done.add(name)
        found = distribution(name)
        _pack(found, directory)
        wanted += [_name(f"Requires-Dist: {one}") for one in found.requires or () if _holds_here(one)]
    _pack(distribution("pip"), directory)


def _name(line: str) -> str:
    found = _NAME.match(line.removeprefix("Requires-Dist: "))
    assert found, line
    return found[0]


def _holds_here(requirement: str) -> bool:
    """Whether it is wanted on this machine: no extra, or packed since something installed it here."""
    from packaging.requirements import Requirement  # noqa: PLC0415

    marker = Requirement(requirement).marker
    return marker is None or marker.evaluate({"extra": ""})


def _pack(found: Distribution, directory: Path) -> None:
    lines = (found.read_text("WHEEL") or "").splitlines()
    tags = [line.removeprefix("Tag: ").split("-") for line in lines if line.startswith("Tag: ")]
    tag = "-".join(".".join(dict.fromkeys(parts)) for parts in zip(*tags, strict=True))
    name = re.sub(r"[-_.]+", "_", found.metadata["Name"]).lower()
    record = []
    with zipfile.ZipFile(directory / f"{name}-{found.version}-{tag}.whl", "w", zipfile.ZIP_STORED) as wheel:
        for file in found.files or ():
            if (
                file.parts[0] == ".."
                or "__pycache__" in file.parts
                or file.name in ("RECORD", "INSTALLER", "REQUESTED")
            ):
                continue
            wheel.write(str(file.locate()), str(file))
            record.append(f"{file},,")
        info = next(line.split("/", 1)[0] for line in record if ".dist-info/" in line)
        wheel.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]))
