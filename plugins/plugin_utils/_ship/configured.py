# SPDX-License-Identifier: GPL-3.0-or-later
"""The sinks of an installation: a mapping from name to `{kind: …, …}`, from the runner's settings or a file of its own."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from .._run.containers import is_open_to_others
from .options import Options, UnusableSink
from .sinks._kinds import kind_module, known_kinds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .sinks._sink import Sink

VARIABLE = "BREAKGLASS_SINKS"
"""Names the file of the sinks where there is no runner."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_LARGEST_BYTES = 1024 * 1024


def make_sinks(given: object, directory: Path) -> dict[str, Sink]:
    """Make every sink; checks all options and does no I/O.

    Args:
        given: the mapping, as YAML or JSON gave it.
        directory: where relative paths in it start from.

    Raises:
        UnusableSink: something in it is wrong.
    """
    if not isinstance(given, dict) or not given:
        raise UnusableSink("Sinks are a mapping from a name to {kind: …}, with at least one of them.")
    return {str(name): _make(name, one, directory) for name, one in given.items()}


def read_sinks(path: Path) -> dict[str, Sink]:
    """Make the sinks of a file; raises UnusableSink."""
    return make_sinks(_parsed(path), path.absolute().parent)


def configured_sinks(environ: Mapping[str, str]) -> dict[str, Sink]:
    """Make the sinks of a run without a runner, none if it has none; raises UnusableSink."""
    given = environ.get(VARIABLE)
    return read_sinks(Path(given)) if given else {}


def _make(name: object, given: object, directory: Path) -> Sink:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UnusableSink(f"{str(name)[:80]!r} can't be the name of a sink: letters, digits, _ and -, at most 64.")
    if not isinstance(given, dict):
        raise UnusableSink(f"The sink {name} must be a mapping that says its kind.")
    options = Options(name, given, directory)
    kind = options.words("kind")
    module = kind_module(kind)
    if module is None:
        raise options.wrong("kind", f"Write one of: {', '.join(known_kinds())}.")
    sink = module.make(options)
    options.refuse_others()
    return sink


def _parsed(path: Path) -> object:
    """Every scalar as text, as in the runner's settings: `no` and `0123` mean what they say."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            text = file.read(_LARGEST_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UnusableSink(f"The file of the sinks {path} can't be read: {why}.") from None
    others = stat.S_IWGRP | stat.S_IWOTH
    if not stat.S_ISREG(status.st_mode) or is_open_to_others(status, others, os.environ, Path("/")):
        raise UnusableSink(f"Others could change the sinks in {path}. Close it: chmod go-w {path}")
    try:
        return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 (makes nothing but text, lists and mappings)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise UnusableSink(f"The file of the sinks {path} is not YAML{where}.") from None
