# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the commands about incidents go: to the runner that this user has signed in to, or to the installation on this machine.

With `--settings` (or another thing of this machine) they work here, with nothing of Vault's: that is the way when it is down.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi

HERE = Path("settings.yml")
SettingsFile = Annotated[
    Optional[Path],  # noqa: UP045 (typer reads it)
    typer.Option(
        "--settings",
        metavar="FILE",
        help="Work on this machine, the runner's, by these settings: needs neither login nor Vault. Else the runner that you "
        "have logged in to is asked; without a login, settings.yml here.",
    ),
]
LINE = "line"
"""The field of an item that is for people."""
UNAVAILABLE = 503
OTHER_WAY = "On the runner's machine this works without Vault and without a login: --settings FILE"


class NoWay(BreakglassError):
    """Raised when neither a runner nor an installation on this machine can be asked."""


def asks_runner(*of_this_machine: object) -> bool:
    """Whether a command goes to the runner that this user is signed in to: when nothing of this machine is named."""
    import os  # noqa: PLC0415

    from breakglass.client.login_file import login_path  # noqa: PLC0415

    return not any(of_this_machine) and login_path(os.environ).exists()


def settings_here(settings: Path | None) -> Path:
    """The settings of the installation on this machine. Raises NoWay."""
    if settings is None and not HERE.is_file():
        raise NoWay(
            "You are not logged in to a runner (breakglass login --runner https://…), and there is no settings.yml here. On the "
            "runner's machine, name its settings: --settings FILE"
        )
    return settings or HERE


@contextmanager
def signed_in() -> Iterator[RunnerApi]:
    """The runner that this user has logged in to. Raises BreakglassError; where Vault or it is down, with the other way."""
    import os  # noqa: PLC0415

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import (  # noqa: PLC0415
        RefusedByRunner,
        UnreachableRunner,
    )
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (  # noqa: PLC0415
        DeniedByVault,
        VaultError,
    )

    from breakglass.client.session import runner_api  # noqa: PLC0415

    try:
        with runner_api(os.environ) as api:
            yield api
    except DeniedByVault:
        raise
    except (UnreachableRunner, VaultError) as error:
        raise NoWay(f"{error} {OTHER_WAY}") from error
    except RefusedByRunner as error:
        if error.status == UNAVAILABLE:
            raise NoWay(f"{error} {OTHER_WAY}") from error
        raise


def line_of(item: Mapping[str, object]) -> str:
    """An item for people; what another machine says must not move the reader's cursor."""
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.text import printable  # noqa: PLC0415

    return printable(str(item.get(LINE, "")))


def without_line(item: Mapping[str, object]) -> dict[str, object]:
    """An item for programs."""
    return {name: content for name, content in item.items() if name != LINE}
