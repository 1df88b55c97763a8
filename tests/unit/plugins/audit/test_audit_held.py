# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run holds is known as soon as it lies in its directory, and is not read again while nothing changes there."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.held import Held
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.directory import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Iterator

CREDENTIAL = {
    "id": "ssh-1",
    "name": "ssh",
    "kind": "ssh",
    "what": "a certificate",
    "identity": {},
    "fate": "lives",
    "obtained_at": "",
    "expires_at": "",
    "latest_end": "",
    "facts": {},
    "files": [],
}


@pytest.fixture
def run() -> Iterator[RunDirectory]:
    """A run's directory, whose path is short enough for sockets."""
    parent = Path(tempfile.mkdtemp(prefix="bg-"))
    yield RunDirectory.create(parent / "r")
    shutil.rmtree(parent)


def _lay_down(run: RunDirectory, name: str, secret: str) -> None:
    run.credential(name).mkdir(exist_ok=True)
    run.write_json(run.credential(name) / "masked.json", {"secrets": [secret]})
    run.write_json(run.credential(name) / "credential.json", {**CREDENTIAL, "id": f"{name}-1", "name": name})


def _age(run: RunDirectory) -> None:
    """Let everything be old."""
    os.utime(run.root, (1, 1))


def test_what_is_laid_down_is_known_at_the_next_look(run: RunDirectory) -> None:
    """Grant, token and credentials, also those that come at once after the last look."""
    held = Held(run, "")
    held.look()
    assert (held.fields, held.secrets) == ({}, frozenset())
    run.write(run.token, "the token")
    run.write_json(run.grant, {"accessor": "a1"})
    assert held.look()
    assert (held.fields, held.secrets) == ({"grant": "a1"}, {"the token"})
    _lay_down(run, "ssh", "key")
    assert held.look()
    _lay_down(run, "database", "password")
    assert held.look()
    assert held.fields == {"grant": "a1", "credentials": ["database-1", "ssh-1"]}
    assert held.secrets == {"the token", "key", "password"}


def test_what_has_settled_is_not_read_again_until_it_changes(run: RunDirectory) -> None:
    """A renewed credential changes its directory, and is seen."""
    _lay_down(run, "database", "password")
    held = Held(run, "")
    held.look()
    _age(run)
    assert held.look()
    assert not held.look()
    _lay_down(run, "database", "another")
    assert held.look()
    assert held.secrets == {"another"}
    _age(run)
    held.look()
    assert not held.look()
    run.token.unlink(missing_ok=True)
    shutil.rmtree(run.credentials)
    assert held.look()
    assert (held.fields, held.secrets) == ({}, frozenset())


def test_a_runner_s_grant_is_known_from_the_beginning(run: RunDirectory) -> None:
    """The runner says its accessor; what can't be read changes nothing."""
    held = Held(run, "a2")
    assert held.fields == {"grant": "a2"}
    run.write(run.grant, json.dumps({})[:1])
    held.look()
    assert held.fields == {"grant": "a2"}
