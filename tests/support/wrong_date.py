# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that see a wrong date: a small library that is preloaded into them, and into all that they start.

A test package takes the fixture by importing it in its conftest.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from breakglass.errors import BreakglassError

SOURCE: Final = Path(__file__).with_name("wrong_date.c")
NAME: Final = "wrong_date.so"


class MissingCompiler(BreakglassError):
    """Raised when this machine has no C compiler."""


@pytest.fixture(scope="session")
def wrong_date_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library, compiled for this session."""
    try:
        return build(tmp_path_factory.mktemp("wrong-clock"))
    except MissingCompiler as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


def build(directory: Path) -> Path:
    """Compile the library into a directory, unless it is there; raises MissingCompiler."""
    library = directory / NAME
    if not library.exists():
        if shutil.which("cc") is None:
            raise MissingCompiler("A wrong clock needs a C compiler: apt install gcc libc6-dev, or make packages.")
        command = ("cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(library), str(SOURCE))
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return library


def environment(library: str, seconds: int) -> dict[str, str]:
    """What a program must find in its environment to see a date so far ahead, or behind if less than 0."""
    return {"LD_PRELOAD": library, "WRONG_DATE_SECONDS": str(seconds)}


def interpreter(directory: Path, seconds: int) -> Path:
    """Make a virtual environment like this one whose Python sees a wrong date, also where it is started without an environment.

    The runner starts its plays like that: with `sys.executable`, and with nothing of its own environment.
    """
    tree = directory / f"python{seconds:+d}"
    (tree / "bin").mkdir(parents=True)
    shutil.copy(Path(sys.prefix) / "pyvenv.cfg", tree)
    (tree / "lib").symlink_to(Path(sys.prefix) / "lib")
    for program in (Path(sys.prefix) / "bin").iterdir():
        if not program.name.startswith("python"):
            (tree / "bin" / program.name).symlink_to(program)
    lies = " ".join(f"{name}={value}" for name, value in environment(str(build(directory)), seconds).items())
    python = tree / "bin" / "python"
    python.write_text(f'#!/bin/bash\n{lies} exec -a "$0" {Path(sys.executable).resolve()} "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    return python
