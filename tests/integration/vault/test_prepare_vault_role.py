# SPDX-License-Identifier: GPL-3.0-or-later
"""The role prepare_vault against a real OpenBao: check mode foretells, a run brings it there, a second one changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import DeniedByVault
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import login_method

from breakglass.demo.installation import Installation, write_inventory, write_settings
from breakglass.demo.openbao import OpenBao

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

APPLY = "Apply"


@dataclass(frozen=True)
class Ground:
    """A server that nobody has prepared, or somebody has used for other things, and an installation's settings."""

    server: OpenBao
    place: Installation

    @property
    def admin(self) -> Client:
        """A client that may do everything."""
        return Client(Connection(url=self.server.url), self.server.root_token)

    def run(self, *options: str, **given: object) -> tuple[int, dict[str, str], str]:
        """Run the playbook; returns its code, each task with what became of it, and all that it said."""
        variables = {
            "prepare_vault_settings": str(self.place.settings),
            "prepare_vault_command": [sys.executable, "-m", "breakglass.cli.main"],
            **given,
        }
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        playbook = ("breakglass.remediation.prepare_vault", "-i", "localhost,", "-e", json.dumps(variables))
        done = subprocess.run(
            [program, *playbook, *options],
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": str(self.place.scratch),
                "LANG": "C.UTF-8",
                "VAULT_ADDR": self.server.url,
                "VAULT_TOKEN": self.server.root_token,
                "ANSIBLE_NOCOLOR": "1",
            },
            cwd=self.place.scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, _outcomes(done.stdout), done.stdout

    def everything(self) -> list[object]:
        """What stands in the server."""
        tables = [self.admin.get(path)["data"] for path in ("sys/mounts", "sys/auth")]
        policies = self.admin.get("sys/policy")["data"]
        return [*tables, policies]


def _outcomes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    task = ""
    for line in text.splitlines():
        if line.startswith("TASK ["):
            task = line.split("[", 1)[1].split("]")[0].rpartition(" : ")[2]
        elif line.split(":")[0] in ("ok", "changed", "skipping", "fatal"):
            found[task] = line.split(":")[0]
    return found


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A new server, and an installation that knows it."""
    place = Installation(tmp_path / "site", tmp_path)
    place.directory.mkdir()
    with OpenBao(tmp_path / "openbao") as server:
        write_settings(place, server.url, "json://127.0.0.1:9")
        write_inventory(place, 22, ["true"], ["true"], "http://127.0.0.1:9")
        yield Ground(server, place)


def test_check_mode_foretells_and_a_second_run_changes_nothing(ground: Ground) -> None:
    """Check mode shows the plan and writes nothing; a run writes it and the runner's login; then there is nothing to change."""
    before = ground.everything()
    code, tasks, text = ground.run("--check")
    assert (code, tasks.get(APPLY), ground.everything()) == (0, "changed", before), text
    assert "breakglass-access-web-operator" in text
    assert not ground.place.secret("secret_id").exists()
    code, tasks, text = ground.run()
    assert (code, tasks.get(APPLY)) == (0, "changed"), text
    secret = ground.place.secret("secret_id").read_text(encoding="ascii").strip()
    assert secret not in text
    for options in ((), ("--check",)):
        code, tasks, text = ground.run(*options)
        assert (code, tasks.get(APPLY)) == (0, "skipping"), text
    assert ground.place.secret("secret_id").read_text(encoding="ascii").strip() == secret


def test_a_missing_login_is_a_change(ground: Ground) -> None:
    """Where only the runner's login is missing, check mode says so too, and a run issues one that may not do what an admin may."""
    assert ground.run()[0] == 0
    ground.place.secret("secret_id").unlink()
    code, tasks, text = ground.run("--check")
    assert (code, tasks.get(APPLY), ground.place.secret("secret_id").exists()) == (0, "changed", False), text
    assert ground.run()[0] == 0
    role_id, secret_id = (
        ground.place.secret(name).read_text(encoding="ascii").strip() for name in ("role_id", "secret_id")
    )
    options = {"auth_method": "approle", "role_id": role_id, "secret_id": secret_id}
    runner = ground.admin.with_token(login_method(options, {}).authenticate(ground.admin).token)
    for path in ("sys/policies/acl/other", "sys/mounts/other", "auth/token/create"):
        with pytest.raises(DeniedByVault):
            runner.post(path, {})


def test_what_others_have_in_a_vault_stays(ground: Ground) -> None:
    """In a Vault that is used for other things already, what was there is the same afterwards."""
    admin = ground.admin
    admin.post("sys/mounts/team", {"type": "kv", "options": {"version": "1"}})
    admin.post("team/secret", {"password": "canary"})
    admin.post("sys/policies/acl/team", {"policy": 'path "team/*" { capabilities = ["read"] }'})
    before = [admin.get(path)["data"] for path in ("team/secret", "sys/policies/acl/team")]
    code, _, text = ground.run()
    assert code == 0, text
    assert [admin.get(path)["data"] for path in ("team/secret", "sys/policies/acl/team")] == before


def test_a_foreign_engine_at_our_place_is_left_alone(ground: Ground) -> None:
    """It stops with a sentence, in check mode too, before anything is written."""
    ground.admin.post("sys/mounts/ssh-breakglass", {"type": "kv"})
    before = ground.everything()
    for options in (("--check",), ()):
        code, _, text = ground.run(*options)
        assert code != 0
        assert "Vault was not prepared: " in text
        assert "It was left alone" in text.replace("\n", " ")
    assert ground.everything() == before


@pytest.mark.parametrize(
    "bad",
    [
        {"prepare_vault_settings": "../CANARY.yml"},
        {"prepare_vault_settings": "/etc/CANARY; id"},
        {"prepare_vault_command": []},
        {"prepare_vault_command": ["breakglass", "$(CANARY)"]},
    ],
)
def test_bad_parameters_are_refused(ground: Ground, bad: dict[str, object]) -> None:
    """By a sentence that names the parameter and not the value, before anything is asked of Vault."""
    code, tasks, text = ground.run(**bad)
    assert code != 0
    assert tasks == {**tasks, "Check what is asked for": "fatal"}
    assert next(iter(bad)) in text
    assert "CANARY" not in text
    assert "Plan" not in tasks
