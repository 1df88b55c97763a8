# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things go, and what comes next."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.health import Health

from breakglass.init.answers import ChannelAnswer, InventoryAnswer, VaultAnswer
from breakglass.init.installing import Installing, next_steps
from breakglass.settings import Settings, load_settings

HEALTH = Health("OpenBao", "2.7.2", initialized=True, sealed=False, standby=False, server_time=datetime.now(UTC))
VAULT = VaultAnswer("https://vault.example.com:8200", None, None, HEALTH)
HOSTS = InventoryAnswer(Path("/srv/inventory"), ("web1",), ("web",))
CHANNEL = ChannelAnswer("json://127.0.0.1:9/")


def written(directory: Path, state: Path | None = None) -> Settings:
    Installing(directory, "127.0.0.1:8443", state, VAULT, HOSTS, CHANNEL).write({"XDG_RUNTIME_DIR": "/run/x"})
    return load_settings(directory / "settings.yml")


@pytest.mark.parametrize(("user", "is_root"), [(0, True), (1000, False)])
def test_who_may_write_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, *, is_root: bool) -> None:
    """Root has its place in /var/lib; anybody else what lies beside the settings."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    settings = written(tmp_path / "site")
    state = Path("/var/lib/breakglass") if is_root else tmp_path / "site" / "state"
    assert settings.journal.directory == state / "journal"
    assert settings.database_url == f"sqlite:///{state}/breakglass.db"
    assert not state.is_relative_to(tmp_path) or not state.exists()


def test_a_state_of_one_s_own(tmp_path: Path) -> None:
    """A directory that was named is taken, and only a long one gets another place for the sockets of ssh."""
    assert written(tmp_path / "a", Path("/srv/state")).run_directory is None
    assert written(tmp_path / "b", Path(f"/srv/{'x' * 60}")).run_directory == Path("/run/x/breakglass")


def test_secrets_are_fresh(tmp_path: Path) -> None:
    """Two installations have two tokens."""
    tokens = set()
    for name in ("a", "b"):
        written(tmp_path / name)
        tokens.add((tmp_path / name / "secrets" / "alertmanager").read_text())
    assert len(tokens) == 2


def test_what_comes_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands can be copied: paths with blanks are quoted, and `cd` is only said from elsewhere."""
    here = tmp_path / "a site"
    here.mkdir()
    lines = list(next_steps(here, Path("/srv/my inventory"), "web1"))
    assert lines[0] == f"cd '{here}'"
    assert "-i '/srv/my inventory' -l web1" in "\n".join(lines)
    monkeypatch.chdir(here)
    assert not next(iter(next_steps(here, Path("/srv/inventory"), "web1"))).startswith("cd ")
