# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault: how it strikes a run that holds every kind of credential, and how and when it is mended."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.fault_matrix.trial import FAILS, UNREACHABLE, Ending, Trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fault_matrix.ground import Ground

RUNNER = """
import sys, time, pathlib, ansible_runner
here = pathlib.Path(sys.argv[1])
started = here / "started"
(here / "private").mkdir(mode=0o700)
done = ansible_runner.run(private_data_dir=str(here / "private"), playbook=str(here / "play.yml"),
    inventory=str(here / "inventory.yml"), quiet=True, {how})
sys.exit(done.rc if isinstance(done.rc, int) and 0 <= done.rc < 128 else 99)
"""
CANCEL = "cancel_callback=lambda: started.exists()"
TIMEOUT = "settings={'job_timeout': 9}"
LONG_SECONDS = 12


@dataclass(frozen=True)
class Fault:
    """One row of the matrix.

    Attributes:
        name: What happens.
        happen: Runs the play, strikes, and tells what became of it.
        quick: Whether it is part of every `make test`.
    """

    name: str
    happen: Callable[[Ground], Ending]
    quick: bool = False


def _by_itself(last: str) -> Callable[[Ground], Ending]:
    def happen(ground: Ground) -> Ending:
        with Trial(ground) as trial:
            trial.start(last)
            trial.until_over()
            trial.strike()
            return trial.ending()

    return happen


def _signal(
    number: int, whom: Callable[[Trial], list[int]], box: str = "5m", short_lived: str = "false"
) -> Callable[[Ground], Ending]:
    def happen(ground: Ground) -> Ending:
        with Trial(ground, box, short_lived) as trial:
            trial.start()
            trial.until_in_flight()
            targets = whom(trial)
            trial.strike()
            for pid in targets:
                (os.kill if pid > 0 else lambda group, word: os.killpg(-group, word))(pid, number)
            return trial.ending()

    return happen


def _by_runner(how: str) -> Callable[[Ground], Ending]:
    def happen(ground: Ground) -> Ending:
        with Trial(ground) as trial:
            trial.in_flight_seconds = LONG_SECONDS
            trial.start(runner=RUNNER.format(how=how))
            trial.until_in_flight()
            trial.until_over()
            trial.strike()
            return trial.ending()

    return happen


def _around(
    strike: Callable[[Ground], object], mend: Callable[[Ground], object], after: float
) -> Callable[[Ground], Ending]:
    """A fault of something else, right before the run ends by itself, that is mended after a while."""

    def happen(ground: Ground) -> Ending:
        with Trial(ground) as trial:
            trial.start()
            trial.until_in_flight()
            strike(ground)
            trial.strike()
            return trial.ending(lambda: mend(ground), after)

    return happen


def _restart(ground: Ground) -> None:
    ground.vault.kill()
    ground.vault.start_again()


FAULTS = (
    Fault("ok", _by_itself(""), quick=True),
    Fault("failed task", _by_itself(FAILS)),
    Fault("unreachable host", _by_itself(UNREACHABLE)),
    Fault("Ctrl-C (SIGINT to its group)", _signal(signal.SIGINT, lambda trial: [-trial.main_process()])),
    Fault("SIGTERM", _signal(signal.SIGTERM, lambda trial: [trial.main_process()])),
    Fault("SIGHUP to its group", _signal(signal.SIGHUP, lambda trial: [-trial.main_process()])),
    Fault("SIGKILL of the play", _signal(signal.SIGKILL, lambda trial: [trial.main_process()]), quick=True),
    Fault("SIGKILL of its group", _signal(signal.SIGKILL, lambda trial: [-trial.main_process()])),
    Fault(
        "SIGKILL of guard and play",
        _signal(signal.SIGKILL, lambda trial: [trial.guard(), trial.main_process()]),
        quick=True,
    ),
    Fault(
        "SIGKILL of all that a container holds at once (short-lived grant)",
        _signal(signal.SIGKILL, lambda trial: trial.processes(), "5m", "true"),
    ),
    Fault(
        "SIGKILL of everything at once (time box 20 s)",
        _signal(signal.SIGKILL, lambda trial: trial.processes(), "20s"),
    ),
    Fault("ansible-runner: timeout", _by_runner(TIMEOUT)),
    Fault("ansible-runner: cancel", _by_runner(CANCEL)),
    Fault("Vault restarted", _around(_restart, lambda _: None, 0)),
    Fault("Vault sealed for 20 s", _around(lambda g: g.vault.seal(), lambda g: g.vault.unseal(), 20)),
    Fault(
        "Vault slow: each answer 30 s late, for 45 s",
        _around(lambda g: g.proxy.slow_down(30), lambda g: g.proxy.pass_on(), 45),
    ),
    Fault("network to Vault cut for 20 s", _around(lambda g: g.proxy.refuse(), lambda g: g.proxy.pass_on(), 20)),
    Fault(
        "PostgreSQL down for 10 s at closing",
        _around(lambda g: g.postgresql.stop(), lambda g: g.postgresql.start(), 10),
        quick=True,
    ),
)
