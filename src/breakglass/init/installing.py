# SPDX-License-Identifier: GPL-3.0-or-later
"""From answers to an installation: where its parts go, what is in them, and what comes next."""

from __future__ import annotations

import os
import secrets
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.directory import (
    RunDirectory,
    UnusableRunDirectory,
)

from breakglass.init import writing
from breakglass.init.texts import CHANNEL, SOURCE, Places, policy_text, settings_text
from breakglass.installed import installed_remediations
from breakglass.policy.load import load_policy
from breakglass.secret_files import read_secret_file
from breakglass.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from breakglass.init.answers import ChannelAnswer, InventoryAnswer, VaultAnswer

ROOTS_STATE: Final = Path("/var/lib/breakglass")
STATE: Final = "state"
TOKEN_BYTES: Final = 32
SAMPLE: Final = "run-abcdefgh"


@dataclass(frozen=True)
class Installing:
    """Everything that was answered.

    Attributes:
        directory: Absolute.
        listen: host:port of the runner.
        state: Directory of database and journal; None for the usual place.
        vault: Where Vault is.
        inventory: Which hosts.
        channel: Where people hear of it.
    """

    directory: Path
    listen: str
    state: Path | None
    vault: VaultAnswer
    inventory: InventoryAnswer
    channel: ChannelAnswer

    def write(self, environ: Mapping[str, str]) -> None:
        """Write settings, policy and secrets, all or nothing; raises BreakglassError."""
        texts = {
            writing.SETTINGS: settings_text(self._places(environ), self.vault),
            "policy/breakglass.yml": policy_text(self.inventory),
        }
        secret_texts = {
            f"secrets/{SOURCE}": f"{secrets.token_urlsafe(TOKEN_BYTES)}\n",
            f"secrets/{CHANNEL}": f"{self.channel.url}\n",
        }
        writing.write(self.directory, texts, secret_texts, self._check)

    def _check(self, settings: Path) -> None:
        """What `settings check` and `policy check` would say of it, where it is written first; raises BreakglassError."""
        loaded = load_settings(settings)
        for source in loaded.sources.values():
            for path in source.secret_files:
                read_secret_file(path)
        for channel in loaded.channels.values():
            read_secret_file(channel.url_file)
        groups, roles = self.inventory.groups, installed_remediations()
        load_policy(loaded.policy, channels=loaded.channels, remediations=roles, groups=groups)

    def _places(self, environ: Mapping[str, str]) -> Places:
        usual = ROOTS_STATE if os.geteuid() == 0 else Path(STATE)
        state = usual if self.state is None else self.state.absolute()
        runs = self.directory / state / "runs"
        return Places(
            listen=self.listen,
            inventory=_relative(self.inventory.path, self.directory),
            state=str(state),
            run_directory="" if _is_short_enough(runs) else str(_short_directory(environ)),
        )


def next_steps(directory: Path, inventory: Path, host: str) -> Iterator[str]:
    """The commands that come next, to be copied."""
    if directory != Path.cwd():
        yield f"cd {shlex.quote(str(directory))}"
    yield "breakglass vault plan        # with your own Vault login; changes nothing"
    yield "breakglass vault apply       # the runner's login goes to secrets/, shown nowhere"
    yield "ANSIBLE_CALLBACKS_ENABLED=breakglass.remediation.audit ansible-playbook breakglass.remediation.prepare_hosts \\"
    yield f"    -i {shlex.quote(str(inventory))} -l {host} -e prepare_hosts_access=preparation \\"
    yield "    -e prepare_hosts_reason=new-host --check --diff     # then without --check"
    yield "breakglass doctor            # says what is missing still, and how to mend it"


def _relative(path: Path, directory: Path) -> str:
    return str(path.relative_to(directory)) if path.is_relative_to(directory) else str(path)


def _is_short_enough(runs: Path) -> bool:
    """Whether the sockets of ssh, which have room for short paths only, can lie there."""
    try:
        RunDirectory(runs / SAMPLE).check_length()
    except UnusableRunDirectory:
        return False
    return True


def _short_directory(environ: Mapping[str, str]) -> Path:
    """A directory of the user's own with a short name, in memory where there is one."""
    runtime = environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "breakglass" if runtime else Path.home() / ".breakglass"
