# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting on a runner that is away for a while: borne and told, for minutes; what waiting does not help is raised at once."""

from __future__ import annotations

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.patience import LONGEST_SECONDS, Patience
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import (
    RefusedByRunner,
    UnreachableRunner,
    UntrustedRunner,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    DeniedByVault,
    SealedVault,
    UnreachableVault,
    UntrustedVault,
)

PASSES = (
    UnreachableRunner("It is restarted."),
    RefusedByRunner("The database can't now.", 503),
    RefusedByRunner("Not so often.", 429),
    UnreachableVault("Vault is away."),
    SealedVault("Vault is sealed."),
)
STAYS = (
    UntrustedRunner("Not its certificate."),
    RefusedByRunner("There is none.", 404),
    RefusedByRunner("Who are you?", 401),
    DeniedByVault("Your login is over."),
    UntrustedVault("Not its certificate."),
)


class Runner:
    """Answers what it is told to, one after the other, and lets time pass meanwhile."""

    def __init__(self, *says: str | BreakglassError, takes: float = 1.0) -> None:
        self.says = list(says)
        self.takes = takes
        self.now = 0.0

    def clock(self) -> float:
        """Seconds."""
        return self.now

    def answer(self) -> str:
        """The next thing that it says."""
        self.now += self.takes
        said = self.says.pop(0)
        if isinstance(said, BreakglassError):
            raise said
        return said


@pytest.mark.parametrize("trouble", PASSES, ids=str)
def test_what_passes_is_borne_and_told_once(trouble: BreakglassError) -> None:
    """And told again when it comes again after an answer."""
    runner = Runner(trouble, trouble, "here", trouble)
    told: list[str] = []
    patience = Patience(told.append, clock=runner.clock)
    assert [patience.ask(runner.answer) for _ in range(4)] == [None, None, "here", None]
    assert told == [str(trouble)] * 2


@pytest.mark.parametrize("trouble", STAYS, ids=str)
def test_what_stays_is_raised_at_once(trouble: BreakglassError) -> None:
    """Waiting would change nothing."""
    told: list[str] = []
    with pytest.raises(type(trouble)):
        Patience(told.append).ask(Runner(trouble).answer)
    assert told == []


def test_nobody_waits_for_ever() -> None:
    """After minutes without any answer it is raised; an answer begins the minutes anew."""
    away = UnreachableRunner("It is gone.")
    runner = Runner(away, "here", away, away, takes=LONGEST_SECONDS)
    patience = Patience(lambda _: None, clock=runner.clock)
    assert [patience.ask(runner.answer) for _ in range(4)] == [None, "here", None, None]
    runner.says, runner.takes = [away], 1.0
    with pytest.raises(UnreachableRunner):
        patience.ask(runner.answer)
