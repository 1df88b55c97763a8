# SPDX-License-Identifier: GPL-3.0-or-later
"""Command blocks of the guides, run as they stand there on the controller of a lab, by somebody who may come in as root."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support.command_blocks import blocks
from tests.support.guide_grounds import ANSWER, put_programs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.lab.api import Lab

WITHIN_SECONDS: Final = 300


def commands_of(page: str, program: str) -> list[str]:
    """The commands of a page (`docs/guides/x.md`) that are in a block with this program, in their order."""
    found = [one.commands for one in blocks() if one.page == page]
    return [command for shown in found if any(program in text for text in shown) for command in shown]


def run_as_shown(lab: Lab, text: str, words: Mapping[str, str] | None = None) -> str:
    """Run a command of a guide, which must end with 0; what it prints.

    Args:
        lab: Whose controller it is run on, in the directory of its settings, with an admin's login to its Vault.
        text: The command. The guides' names of an inventory, an access and a key are the lab's here.
        words: What else of the text is something else in this test.
    """
    first_contact = str(lab.place.controller / "first-contact.yml")
    usual = {
        "~/infra/inventory": first_contact,
        "-i inventory": f"-i {first_contact}",
        "prepare_hosts_access=preparation": "prepare_hosts_access=lab-preparation",
        "~/.ssh/installer": str(lab.place.secret("bootstrap")),
    }
    for word, instead in {**usual, **(words or {})}.items():
        text = re.sub(rf"(?<![\w/]){re.escape(word)}(?![\w/])", lambda _, instead=instead: instead, text)
    with tempfile.TemporaryDirectory(prefix="guide-") as scratch:
        done = subprocess.run(
            ["/bin/bash", "-c", text],
            cwd=lab.place.controller,
            env=_environment(lab, Path(scratch)),
            input=f"{ANSWER}\n",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=WITHIN_SECONDS,
            check=False,
        )
    assert done.returncode == 0, f"{text}\n{done.stdout}"
    return done.stdout


def _environment(lab: Lab, scratch: Path) -> dict[str, str]:
    collections = os.environ.get("ANSIBLE_COLLECTIONS_PATH")
    programs = put_programs(scratch / "bin")
    return {
        "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(lab.place.controller),
        "USER": "operator",
        "LANG": "C.UTF-8",
        **lab.environment,
        "ANSIBLE_CALLBACKS_ENABLED": "breakglass.remediation.audit",
        "ANSIBLE_PRIVATE_KEY_FILE": str(lab.place.secret("bootstrap")),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",
        "BREAKGLASS_JOURNAL": str(scratch / "journal"),
        "BREAKGLASS_RUNS": str(lab.place.runs),
        **({"ANSIBLE_COLLECTIONS_PATH": collections} if collections else {}),
    }
