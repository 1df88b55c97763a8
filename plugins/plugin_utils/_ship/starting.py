# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting a shipper for runs without a runner: detached, and only where none is at work already."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._run.containers import MARKS
from .configured import VARIABLE, configured_sinks
from .lock import is_taken

if TYPE_CHECKING:
    from collections.abc import Mapping

LINGER_SECONDS = 10
"""A guard may still have to close and to seal after its run."""
_MODULE = __package__
_ROOT = Path(__file__).parents[len(__package__.split("."))]
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", *MARKS)
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
_START_LIMIT_SECONDS = 20.0


class UnstartedShipper(BreakglassError):
    """Raised when the shipper can't be started."""


def start_if_wanted(environ: Mapping[str, str], journal: Path, linger_seconds: int = LINGER_SECONDS) -> bool:
    """Start a shipper if `BREAKGLASS_SINKS` names its sinks and none works on the journal; returns whether one does now.

    It ends by itself when everything is acknowledged and nobody has written for `linger_seconds`. To be called once the
    run's stream is there.

    Raises:
        UnusableSink: the settings of the sinks are wrong.
        UnstartedShipper: it does not start.
        MissingLedger, UnusableJournal: the journal is not there, or its directory can't be written.
    """
    if not configured_sinks(environ):
        return False
    if not is_taken(journal):
        sinks = Path(environ[VARIABLE]).absolute()
        _start(environ, "--journal", str(journal.absolute()), "--sinks", str(sinks), "--linger", str(linger_seconds))
    return True


def module_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a shipper: none of the run's own, so that it has no login and is not ended with the run."""
    kept = {name: environ[name] for name in _KEPT if name in environ}
    kept |= {name: value for name, value in environ.items() if name.lower() in _PROXIES}
    path = {"PYTHONPATH": str(_ROOT)} if (_ROOT / "ansible_collections").is_dir() else {}
    return {**kept, **path, "PYTHONUTF8": "1"}


def module_command(*arguments: str) -> list[str]:
    """Return the command that runs the shipper with this Python."""
    return [sys.executable, "-m", _MODULE, *arguments]


def _start(environ: Mapping[str, str], *arguments: str) -> None:
    try:
        started = subprocess.run(
            module_command(*arguments),
            env=module_environment(environ),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            timeout=_START_LIMIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UnstartedShipper(f"The shipper can't be started ({type(error).__name__}).") from None
    if started.returncode:
        raise UnstartedShipper(f"The shipper can't be started: Python ended with code {started.returncode}.")
