# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of revoked certificates, as OpenSSH reads them."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from breakglass.domain.krl import revocation_list

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 28, 6, 37, 6, tzinfo=UTC)


def read(krl: bytes, directory: Path) -> list[str]:
    """What ssh-keygen says is on a list."""
    path = directory / "krl"
    path.write_bytes(krl)
    said = subprocess.run(
        ["ssh-keygen", "-Q", "-l", "-f", path], capture_output=True, text=True, check=True, timeout=20
    )
    return [line for line in said.stdout.splitlines() if line]


def test_an_empty_list_revokes_nothing(tmp_path: Path) -> None:
    assert read(revocation_list(7, AT, []), tmp_path) == ["# KRL version 7", "# Generated at 20261128T063706"]


@pytest.mark.parametrize("ids", [["a"], ["2026/11/28/INC-1/play-1", "2026/11/28/INC-1/session-2", "naïve id"]])
def test_openssh_reads_the_key_ids_of_whichever_authority(ids: list[str], tmp_path: Path) -> None:
    told = read(revocation_list(2**63, AT, [*ids, *ids]), tmp_path)
    assert told[0] == f"# KRL version {2**63}"
    assert told[2] == "# Wildcard CA"
    assert len(told[3:]) == len(ids)
    assert told[3] == f"id: {min(ids)}"
