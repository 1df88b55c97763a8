# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every file of the tree."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]
LINE = "SPDX-License-Identifier: GPL-3.0-or-later"
ENDINGS = {".py", ".yml", ".toml", ".in", ".sh"}
FOLDERS = (
    "src",
    "plugins",
    "extensions",
    "roles",
    "playbooks",
    "meta",
    "changelogs",
    "tests",
    "benchmarks",
    "tools",
    "requirements",
    ".ci",
)
SINGLE = ("Makefile", "pyproject.toml", "galaxy.yml", ".yamllint", ".ansible-lint", ".ci/run")


def _files() -> list[Path]:
    found = [path for folder in FOLDERS for path in (TREE / folder).rglob("*") if path.suffix in ENDINGS]
    return sorted({*found, *(TREE / name for name in SINGLE)})


@pytest.mark.parametrize("path", _files(), ids=lambda path: str(path.relative_to(TREE)))
def test_one_licence_line_a_file(path: Path) -> None:
    """Every file that can hold a comment names its licence once, at its top."""
    top = path.read_text(encoding="utf-8").splitlines()[:3]
    assert sum(LINE in line for line in top) == 1


def _sources() -> list[Path]:
    return sorted(path for folder in ("src", "plugins") for path in (TREE / folder).rglob("*.py"))


@pytest.mark.parametrize("path", _sources(), ids=lambda path: str(path.relative_to(TREE)))
def test_nothing_is_unpickled_or_evaluated(path: Path) -> None:
    """No module can turn data into code: no pickle and its kin, no eval, exec, compile or import by name, no YAML objects.

    One module imports by name: it picks one of the files of a folder, a login method (test_login_methods.py) or a kind
    of sink (test_ship_options.py).
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    attributes = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    by_name = set() if path.name == "_folder.py" else {"importlib"}
    assert not imported & {"pickle", "marshal", "shelve", "dill", "runpy", *by_name}
    assert not called & {"eval", "exec", "compile", "__import__"}
    assert not attributes & {
        "yaml.unsafe_load",
        "yaml.full_load",
        "yaml.UnsafeLoader",
        "yaml.FullLoader",
        "yaml.Loader",
    }


def test_versions_agree() -> None:
    """Wheel, collection, package and callback say the same version."""
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.version import (  # noqa: PLC0415
        COLLECTION_VERSION,
    )

    from breakglass import __version__  # noqa: PLC0415

    assert f'version = "{__version__}"' in (TREE / "pyproject.toml").read_text(encoding="utf-8")
    assert f"version: {__version__}" in (TREE / "galaxy.yml").read_text(encoding="utf-8")
    assert __version__ == COLLECTION_VERSION


def test_tests_that_run_together_have_names_of_their_own() -> None:
    """Pytest takes two files of one name for one, and leaves the second out."""
    together = [
        path for folder in ("integration", "e2e", "trials") for path in (TREE / "tests" / folder).rglob("test_*.py")
    ]
    names = [path.name for path in together]
    assert sorted(names) == sorted(set(names))
