# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the documentation site: guides, reference, decisions, and what the plugins and roles say of themselves.

python tools/documentation.py TARGET

It runs in the environment of requirements/docs.txt. The pages are those of the tree, laid out as there, so that the same links lead the same
way in both; antsibull-docs adds a page a plugin and role. A link that leads nowhere ends the build. The site needs no network: its fonts,
styles and scripts lie in it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

TREE: Final = Path(__file__).resolve().parents[1]
SOURCE: Final = TREE / ".build" / "docs-source"
COLLECTIONS: Final = TREE / ".build" / "collections"
PROGRAMS: Final = Path(sys.executable).parent
FENCED: Final = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK: Final = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")
SETTINGS: Final = """
project = "breakglass.remediation"
copyright = "the breakglass.remediation maintainers"
version = release = "{version}"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
html_theme = "furo"
html_title = "breakglass.remediation {version}"
html_copy_source = False
html_show_sphinx = False
myst_heading_anchors = 6
myst_enable_extensions = []
highlight_language = "yaml"
suppress_warnings = ["misc.highlighting_failure"]  # a journal's records with "…" in them are no JSON
smartquotes = False
"""
CONTENTS: Final = re.compile(r"^\.\. contents::\n(?:   :.*\n)*", re.MULTILINE)
FROM_ELSEWHERE: Final = re.compile(
    r"""<(?:script|link|img|iframe|source)[^>]+(?:src|href)="(?:https?:)?//|url\(["']?(?:https?:)?//"""
)
FOLDERS: Final = {
    "docs/guides": "Guides",
    "docs/reference": "Reference",
    "docs/decisions": "Decisions",
    "roles": "Remediations and other roles",
    "benchmarks/results": "Measured numbers",
}
OF_ANSIBLE: Final = {
    "common_return_values": ("Common return values", "reference_appendices/common_return_values.html"),
    "action_plugins": ("Action plugins", "plugins/action.html"),
    "callback_plugins": ("Callback plugins", "plugins/callback.html"),
    "ansible_configuration_settings": ("Ansible configuration settings", "reference_appendices/config.html"),
}
"""What pages of plugins refer to in Ansible's own manual: label, title and page of it."""
MANUAL: Final = "https://docs.ansible.com/ansible-core/devel/"
FRONT: Final = """# breakglass.remediation

```{include} README.md
:start-line: 1
```

```{toctree}
:hidden:
docs/guides/index
docs/comparison
roles/index
Modules, callback, lookups, roles' variables <plugins/index>
docs/reference/index
docs/decisions/index
benchmarks/results/index
ARCHITECTURE
CONTRIBUTING
tests/lab/README
What has changed <CHANGELOG>
```
"""


def pages() -> list[Path]:
    """The pages of the tree, relative to it."""
    patterns = ("*.md", "*.rst", "docs/**/*.md", "roles/*/README.md", "tests/*/README.md")
    return sorted(path.relative_to(TREE) for pattern in patterns for path in TREE.glob(pattern))


def lay_down(page: Path) -> None:
    """Copy a page, and what it links to that is no page; a folder's link leads to the folder's list."""
    text = (TREE / page).read_text(encoding="utf-8")
    for target, _anchor in LINK.findall(FENCED.sub("", text)):
        linked = Path(os.path.normpath(page.parent / target))
        if (TREE / linked).is_file() and linked.suffix not in {".md", ".rst"}:
            _copy(linked)
    text = LINK.sub(lambda found: f"]({_page_of(page, found[1])}{found[2] or ''})", text)
    (SOURCE / page).parent.mkdir(parents=True, exist_ok=True)
    (SOURCE / page).write_text(text, encoding="utf-8")


def _page_of(page: Path, target: str) -> str:
    return f"{target.rstrip('/')}/index.md" if (TREE / page.parent / target).is_dir() else target


def _copy(path: Path) -> None:
    (SOURCE / path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(TREE / path, SOURCE / path)


def list_folder(folder: str, title: str) -> None:
    """Write the list of what a folder holds: its pages, and its other files to read as they are."""
    files = (
        [path.relative_to(TREE / folder) for path in sorted((TREE / folder).rglob("*.json"))]
        if folder != "roles"
        else []
    )
    for path in files:
        _copy(Path(folder, path))
    found = sorted(path.relative_to(SOURCE / folder).with_suffix("") for path in (SOURCE / folder).rglob("*.md"))
    listed = "\n".join(map(str, found))
    links = "".join(f"- [{path}]({path})\n" for path in files)
    tree = f"```{{toctree}}\n:maxdepth: 1\n{listed}\n```\n" if found else ""
    (SOURCE / folder).mkdir(parents=True, exist_ok=True)
    (SOURCE / folder / "index.md").write_text(f"# {title}\n\n{tree}\n{links}", encoding="utf-8")


def describe_plugins() -> None:
    """Let antsibull-docs write a page for each plugin and role; raises CalledProcessError."""
    (SOURCE / "plugins").mkdir()
    options = ["--use-current", "--squash-hierarchy", "--fail-on-error", "--no-add-antsibull-docs-version"]
    command = [str(PROGRAMS / "antsibull-docs"), "collection", *options, "--dest-dir", str(SOURCE / "plugins")]
    places = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
    subprocess.run([*command, "breakglass.remediation"], env=places, check=True)
    for page in (SOURCE / "plugins").glob("*.rst"):  # furo shows each page's contents beside it
        page.write_text(CONTENTS.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")
    sections = [
        f".. _{label}:\n\n{title}\n{'-' * len(title)}\n\nStands in `Ansible's manual <{MANUAL}{page}>`__.\n"
        for label, (title, page) in OF_ANSIBLE.items()
    ]
    title = "What Ansible's own manual explains"
    top = f":orphan:\n\n{title}\n{'=' * len(title)}\n\n"
    (SOURCE / "plugins" / "of_ansible.rst").write_text(top + "\n".join(sections), encoding="utf-8")


def load_from_elsewhere(target: Path) -> list[str]:
    """Which pages and styles of a site need the network to be shown."""
    shown = [path for path in sorted(target.rglob("*")) if path.suffix in {".html", ".css"}]
    return [str(path) for path in shown if FROM_ELSEWHERE.search(path.read_text(encoding="utf-8"))]


def main(target: Path) -> int:
    """Lay the source down and let Sphinx build it, warnings as errors; returns its code."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    for page in pages():
        lay_down(page)
    for folder, title in FOLDERS.items():
        list_folder(folder, title)
    describe_plugins()
    version = tomllib.loads((TREE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    (SOURCE / "conf.py").write_text(SETTINGS.format(version=version), encoding="utf-8")
    (SOURCE / "index.md").write_text(FRONT, encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    command = [
        str(PROGRAMS / "sphinx-build"),
        "-q",
        "-W",
        "--keep-going",
        "-j",
        "2",
        "-b",
        "html",
        str(SOURCE),
        str(target),
    ]
    code = subprocess.run(command, check=False).returncode
    if loading := load_from_elsewhere(target):
        sys.stderr.write("\n  ".join(["These load something from the network:", *loading, ""]))
    return code or bool(loading)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
