# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass vault plan` and `apply`: generated from the policy, told line by line, done once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.cli.conftest import Call, Command
    from tests.support.site import Site


def test_plan_after_apply_shows_no_change(breakglass: Command, site: Site) -> None:
    """What was applied is what the plan wants; applying again changes nothing and leaves the runner's login alone."""
    login = site.place.secret("secret_id").read_bytes()
    planned = breakglass("vault", "plan", "--settings", site.place.settings, environment=site.environment)
    applied = breakglass("vault", "apply", "--settings", site.place.settings, environment=site.environment)

    assert planned.returncode == 0, planned.stderr
    assert len(planned.stdout.splitlines()) == 1
    assert "0 to add" in planned.stdout
    assert applied.returncode == 0, applied.stderr
    assert "stays as it is" in applied.stdout
    assert site.place.secret("secret_id").read_bytes() == login


def test_plan_shows_what_a_new_access_needs(breakglass: Command, site: Site, tmp_path: Path) -> None:
    """An access that is new in the policy shows as what would be added, and planning adds nothing."""
    policy = tmp_path / "breakglass.yml"
    text = site.place.policy.read_text(encoding="utf-8")
    policy.write_text(text.replace("access:\n", "access:\n  web-observer:\n    hosts: [web]\n", 1), encoding="utf-8")
    settings = tmp_path / "settings.yml"
    changed = site.place.settings.read_text(encoding="utf-8").replace(str(site.place.policy), str(policy))
    settings.write_text(changed, encoding="utf-8")
    first = breakglass("vault", "plan", "--settings", settings, environment=site.environment)
    second = breakglass("vault", "plan", "--settings", settings, environment=site.environment)

    assert first.returncode == 0, first.stderr
    assert "breakglass-child-web-observer" in first.stdout
    assert "breakglass-access-web-observer" in first.stdout
    assert second.stdout == first.stdout


@pytest.mark.parametrize("token", ["", "hvs.deadCANARYdeadCANARYdead"])
def test_no_login(call: Call, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, token: str) -> None:
    """Without a login of one's own, and with one that is dead, one sentence says so and no secret is shown."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VAULT_TOKEN", token)
    refused = call("vault", "plan", "--settings", site.place.settings)

    assert refused.returncode == 1
    assert refused.stderr.startswith("breakglass: ")
    assert "CANARY" not in refused.stderr + refused.stdout


def test_vault_that_is_not_there(call: Call, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With nobody at the address one sentence names it and what to check."""
    settings = tmp_path / "settings.yml"
    text = site.place.settings.read_text(encoding="utf-8")
    settings.write_text(text.replace(site.vault.url, "http://127.0.0.1:9"), encoding="utf-8")
    monkeypatch.setenv("VAULT_TOKEN", "x" * 24)
    refused = call("vault", "plan", "--settings", settings)

    assert refused.returncode == 1
    assert "Vault at http://127.0.0.1:9 can't be reached: connection refused" in refused.stderr
