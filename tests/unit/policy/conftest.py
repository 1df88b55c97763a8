# SPDX-License-Identifier: GPL-3.0-or-later
"""Small roles, and a policy on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.policy.policy_material import BEHAVIOUR, CHANNELS, GROUPS, SPECS

from breakglass.domain.rules import Policy
from breakglass.policy.load import load_policy
from breakglass.policy.problems import PolicyErrors
from breakglass.remediations import Remediations


@pytest.fixture
def roles(tmp_path: Path) -> Path:
    for name in ("restart_service", "restore_database_access"):
        meta = tmp_path / "roles" / name / "meta"
        meta.mkdir(parents=True)
        (meta / "argument_specs.yml").write_text(SPECS, encoding="utf-8")
        (meta / "remediation.yml").write_text(BEHAVIOUR, encoding="utf-8")
    return tmp_path / "roles"


Load = Callable[..., Policy]


@pytest.fixture
def load(tmp_path: Path, roles: Path) -> Load:
    """Load a policy text (or several, as a directory)."""

    def loaded(*texts: str) -> Policy:
        directory = tmp_path / "policy"
        directory.mkdir(exist_ok=True)
        for number, text in enumerate(texts, 1):
            (directory / f"{number}.yml").write_text(text, encoding="utf-8")
        path = directory if len(texts) > 1 else directory / "1.yml"
        return load_policy(path, channels=CHANNELS, remediations=Remediations(roles), groups=GROUPS)

    return loaded


@pytest.fixture
def problems(load: Load) -> Callable[..., list[str]]:
    """Give what is said of a policy text, each as `FILE:LINE: sentence`."""

    def found(*texts: str) -> list[str]:
        with pytest.raises(PolicyErrors) as caught:
            load(*texts)
        return [f"{Path(p.file).name}:{p.line}: {p.sentence}" for p in caught.value.problems]

    return found
