# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine whose clock is wrong by less than is refused: what it obtains and renews is judged, and ended, by Vault's clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.wallet import moment_of
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.ssh_certificate import BACKDATED
from tests.integration.credentials.engines import EVERYTHING, lease_left, token_lives, wait_for
from tests.support import wrong_date

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.openbao import PreparedVault
    from tests.support.postgresql import PostgreSQL

REPOSITORY = Path(__file__).parents[3]
BOX = timedelta(seconds=20)
CERTIFICATE = timedelta(seconds=10)


@contextmanager
def skewed_run(vault: PreparedVault, library: Path, seconds: int) -> Iterator[subprocess.Popen[str]]:
    """A run on such a machine, killed at the end of the block, with nobody to close its grant."""
    asked = {
        "url": vault.connection.url,
        "token": vault.operator_token(),
        "access": EVERYTHING,
        "role": "shop",
        "box_seconds": BOX.seconds,
        "certificate_seconds": CERTIFICATE.seconds,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.skewed_run"],
        cwd=REPOSITORY,
        env={**os.environ, **wrong_date.environment(str(library), seconds)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdin
        run.stdin.write(json.dumps(asked))
        run.stdin.close()
        try:
            yield run
        finally:
            run.kill()


@pytest.mark.parametrize("seconds", [-110, 110])
def test_what_a_wrong_clock_obtains_and_renews_is_over_with_its_box(
    vault: PreparedVault, databases: PostgreSQL, wrong_date_library: Path, seconds: int
) -> None:
    """Its short certificate is signed anew before it ends, and never beyond the box; when nobody closes, the box ends it all."""
    with skewed_run(vault, wrong_date_library, seconds) as run:
        assert run.stdout
        made = json.loads(run.stdout.readline())
        latest = datetime.now(UTC) + BOX
        obtained = (told["facts"] for told in map(json.loads, run.stdout) if told["kind"] == "credential.obtained")
        certificates = (facts for facts in obtained if "valid_before" in facts)
        first, second = next(certificates), next(certificates)
    assert moment_of(second["valid_after"]) + BACKDATED < moment_of(first["valid_before"])
    assert moment_of(first["valid_before"]) < moment_of(second["valid_before"]) <= latest
    assert databases.exists(made["username"])
    wait_for(lambda: lease_left(vault.admin, made["lease_id"]) is None)
    wait_for(lambda: not databases.exists(made["username"]))
    wait_for(lambda: not token_lives(vault.admin, made["accessor"]))
