# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that logs in by itself: the login is gone afterwards, and its secrets are nowhere, however much is printed."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import OPERATOR_POLICY
from tests.integration.collection.operator_run import PROVEN, REFUSED, OperatorRun, play
from tests.support.login_vault import LoginVault
from tests.support.login_ways import jwt, userpass_with_factor, wrapped_approle

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.site import Site

WAYS = {"userpass": userpass_with_factor, "jwt": jwt, "approle": wrapped_approle}


@contextmanager
def operators_vault(site: Site) -> Iterator[LoginVault]:
    """The site's Vault, as the ways to log in need it."""
    with Client(Connection(site.vault.url), site.vault.root_token) as admin:
        yield LoginVault(admin, site.vault.root_token, OPERATOR_POLICY)


def grant_task(options: Mapping[str, object], access: str = "web-operator") -> str:
    """A task that opens a grant with these login options, as JSON, which is YAML."""
    wish = {"access": access, "reason": "a test", "time_box": "5m", **options}
    return f"    - name: Open the grant\n      breakglass.remediation.grant: {json.dumps(wish)}\n"


def everything_written(run: OperatorRun) -> bytes:
    """All that the run left on the disk, and what it printed."""
    paths = [path for path in run.directory.rglob("*") if path.is_file() and path.name != "play.yml"]
    return b"\n".join(path.read_bytes() for path in paths)


@pytest.mark.parametrize("method", WAYS)
def test_a_login_of_the_run_is_gone_and_nowhere(site: Site, run: OperatorRun, tmp_path: Path, method: str) -> None:
    """At -vvvv with a log and a fact cache, no secret of the login is printed or kept, and its token is dead."""
    log, cache = run.directory / "ansible.log", run.directory / "facts"
    with operators_vault(site) as vault, WAYS[method](vault, tmp_path) as way:
        run.playbook(
            play(grant_task(way.options)),
            "-vvvv",
            VAULT_TOKEN="",
            ANSIBLE_LOG_PATH=str(log),
            ANSIBLE_CACHE_PLUGIN="ansible.builtin.jsonfile",
            ANSIBLE_CACHE_PLUGIN_CONNECTION=str(cache),
        )
        assert run.code == 0, run.text
        assert PROVEN in run.text
        written = everything_written(run)
        assert log.read_bytes() in written
        assert not [secret for secret in way.secrets if secret.encode() in written]
        run.assert_nothing_left()


def test_a_refused_grant_leaves_no_login(site: Site, run: OperatorRun, tmp_path: Path) -> None:
    """When Vault does not know the access, the login that was made for it is dead before the task fails."""
    with operators_vault(site) as vault, jwt(vault, tmp_path) as way:
        run.playbook(play(grant_task(way.options, "nowhere")), "-vvvv", VAULT_TOKEN="")
        assert run.code == REFUSED
        assert not [secret for secret in way.secrets if secret in run.text]
        assert run.minted() == set()
