# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the Galaxy tarball and the wheel from what git tracks, the same bytes wherever and whenever it is done.

`ansible-galaxy collection build` writes files in the order of the directory, with times and owners of the machine. So its
tarball is written anew: sorted, owned by nobody, with git's modes, and every time that of the last commit
(`SOURCE_DATE_EPOCH`, https://reproducible-builds.org/specs/source-date-epoch/). hatchling does that for the wheel by itself.

python tools/distribution.py            into `dist/`, what is published; refused while galaxy.yml names no real repository (decision 36)
python tools/distribution.py --draft    into `.build/draft/`, what is looked at
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import yaml

TREE: Final = Path(__file__).resolve().parents[1]
PROGRAMS: Final = Path(sys.executable).parent
EXECUTABLE, PLAIN = 0o755, 0o644
DIST: Final = TREE / "dist"
DRAFT: Final = TREE / ".build" / "draft"
NOBODYS: Final = ("example", "example.com", "example.net", "example.org", "invalid", "localhost", "test")
"""Names that belong to nobody (RFC 2606, RFC 6761), and all below them."""
MANIFEST, FILES = "MANIFEST.json", "FILES.json"


def source_date(tree: Path) -> int:
    """Seconds since 1970 that stand for the build's time: SOURCE_DATE_EPOCH, else the last commit's."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return int(given or _git(tree, "log", "-1", "--format=%ct"))


def copy_tracked(tree: Path, target: Path) -> None:
    """Copy every file that git tracks, as it is in the work tree, with the mode that git knows."""
    for line in _git(tree, "ls-files", "--stage", "-z").split("\0"):
        mode, _object, rest = line.partition(" ") if line else ("", "", "")
        name = rest.partition("\t")[2]
        if not name or not (tree / name).is_file():
            continue
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((tree / name).read_bytes())
        copy.chmod(EXECUTABLE if mode.endswith("755") else PLAIN)


def build(tree: Path, target: Path) -> list[Path]:
    """Build tarball and wheel of a tree into a directory, and return them; raises CalledProcessError."""
    date = source_date(tree)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="breakglass-") as scratch:
        copy, built = Path(scratch, "tree"), Path(scratch, "built")
        copy_tracked(tree, copy)
        environment = {
            **os.environ,
            "SOURCE_DATE_EPOCH": str(date),
            "HOME": scratch,
            "PATH": f"{PROGRAMS}:{os.defpath}",
        }
        for command in (
            ["ansible-galaxy", "collection", "build", str(copy), "--output-path", str(built)],
            ["hatchling", "build", "-t", "wheel", "-d", str(built)],
        ):
            subprocess.run(command, cwd=copy, env=environment, check=True, stdout=subprocess.DEVNULL)
        (tarball,), (wheel,) = built.glob("*.tar.gz"), built.glob("*.whl")
        (target / wheel.name).write_bytes(wheel.read_bytes())
        (target / tarball.name).write_bytes(normalised(tarball.read_bytes(), date))
        return [target / tarball.name, target / wheel.name]


def normalised(tarball: bytes, date: int) -> bytes:
    """The same collection in an order, with times, owners and modes that depend on nothing but its content."""
    with tarfile.open(fileobj=io.BytesIO(tarball)) as archive:
        members = {one.name: one for one in archive.getmembers()}
        contents = {name: archive.extractfile(one).read() for name, one in members.items() if one.isfile()}  # type: ignore[union-attr]
    contents[FILES] = _sorted_files(contents[FILES])
    contents[MANIFEST] = _with_digest(contents[MANIFEST], contents[FILES])
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(members):
            archive.addfile(
                _member(members[name], len(contents.get(name, b"")), date), io.BytesIO(contents.get(name, b""))
            )
    return gzip.compress(packed.getvalue(), mtime=date)


def _member(found: tarfile.TarInfo, size: int, date: int) -> tarfile.TarInfo:
    made = tarfile.TarInfo(found.name)
    made.type, made.size, made.mtime = found.type, size, date
    made.mode = EXECUTABLE if found.isdir() or found.mode & 0o100 else PLAIN
    return made


def _sorted_files(content: bytes) -> bytes:
    listed = json.loads(content)
    listed["files"].sort(key=lambda one: str(one["name"]))
    return json.dumps(listed, indent=1, sort_keys=True).encode()


def _with_digest(content: bytes, files: bytes) -> bytes:
    manifest = json.loads(content)
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(files).hexdigest()
    return json.dumps(manifest, indent=1, sort_keys=True).encode()


def _git(tree: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(tree), *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def refusal(galaxy: str) -> str:
    """Why a collection with this galaxy.yml must not be published; empty when it may.

    Galaxy's importer takes any text as `repository`, so nobody would notice a placeholder before readers do.
    """
    given = str((yaml.safe_load(galaxy) or {}).get("repository") or "")
    place = urlsplit(given)
    host = place.hostname or ""
    if place.scheme == "https" and host and not any(f".{host}".endswith(f".{name}") for name in NOBODYS):
        return ""
    return (
        f"galaxy.yml has the repository {given!r}, which is a placeholder or no https address: readers of Galaxy would be sent there. "
        "Put in the address of the repository that you publish from, commit it, and repeat; `make draft` builds without."
    )


def main(arguments: list[str]) -> None:
    """Build, and print digests as `sha256sum` does, for `sha256sum -c`; ends with a sentence where that is refused."""
    draft = arguments == ["--draft"]
    if not draft and (why := refusal((TREE / "galaxy.yml").read_text(encoding="utf-8"))):
        sys.exit(why)
    target = DRAFT if draft else DIST
    built = build(TREE, target)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in built]
    (target / "SHA256SUMS").write_text("".join(lines), encoding="ascii")
    print("".join(lines), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
