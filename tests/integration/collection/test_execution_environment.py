# SPDX-License-Identifier: GPL-3.0-or-later
"""The execution environment up to its build: what ansible-builder finds in the collection, and the context that it writes.

There is no container engine among the means of these tests, so no image is built.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.support.command_blocks import blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

REPOSITORY = Path(__file__).resolve().parents[3]
PROGRAMS = Path(sys.executable).parent


def _run(directory: Path, program: str, *arguments: str) -> str:
    done = subprocess.run(
        [str(PROGRAMS / program), *arguments],
        cwd=directory,
        env={"PATH": f"{PROGRAMS}:/usr/bin:/bin", "HOME": str(directory), "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git has of this repository, or would have: as a clean clone."""
    directory = tmp_path_factory.mktemp("tree")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (source := REPOSITORY / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, directory / name)
    return directory


def _built(tree: Path) -> Path:
    _run(tree, "ansible-galaxy", "collection", "build", "--force", "--output-path", "deploy/awx")
    (tarball,) = (tree / "deploy" / "awx").glob("breakglass-remediation-*.tar.gz")
    return tarball


def test_the_builder_finds_what_the_collection_needs(tree: Path, tmp_path: Path) -> None:
    """Its Python packages and the SSH client, from the tarball that is installed in the image."""
    tarball = _built(tree)
    _run(tree, "ansible-galaxy", "collection", "install", "--force", "--offline", "-p", str(tmp_path), str(tarball))
    found = yaml.safe_load(_run(tree, "ansible-builder", "introspect", str(tmp_path)))
    assert _names(found["python"]) == {"cryptography>=43", "hvac>=2.3", "rfc8785>=0.1.4"}
    assert "openssh-clients [platform:rpm]" in _names(found["system"])


def _names(lines: Sequence[str]) -> set[str]:
    return {line.partition("#")[0].strip() for line in lines} - {""}


def test_the_context_of_our_image_enables_the_callback(tree: Path) -> None:
    """The commands of the guide (awx.md), up to the build: a Containerfile that takes the tarball and sets what jobs need."""
    place = tree / "deploy" / "awx"
    own = f"tests/integration/collection/{Path(__file__).name}"
    (block,) = (one for one in blocks() if (one.page, one.about) == ("docs/guides/awx.md", own))
    _run(tree, "/bin/sh", "-e", "-c", "\n".join(block.commands))
    text = (place / "context" / "Containerfile").read_text(encoding="utf-8")
    assert "ENV ANSIBLE_CALLBACKS_ENABLED=breakglass.remediation.audit" in text
    assert "ENV BREAKGLASS_EE_IMAGE=$BREAKGLASS_EE_IMAGE" in text
    assert (place / "context" / "_build" / "collections" / "breakglass-remediation-0.1.0.tar.gz").is_file()
    wanted = yaml.safe_load((place / "context" / "_build" / "requirements.yml").read_text(encoding="utf-8"))
    (collection,) = wanted["collections"]
    assert collection["name"].startswith("/build/collections/")
    assert text.index("COPY _build /build") < text.index("ansible-galaxy collection install")
