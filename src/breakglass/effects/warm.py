# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook without its start-up: ansible-runner's child is a fork of a process that has imported it already.

ansible-runner starts its command with `pexpect.spawn`, which takes a `preexec_fn`: in the forked child, after terminal
and directory are set up and before the program would be executed. There Ansible's own entry point is called instead.
If ansible-runner ever starts its command in another way, the command is executed as usual, only later.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING

import ansible.cli.playbook
import ansible_runner.runner
import pexpect
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.processes import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROGRAM = "ansible-playbook"
FIRST_INHERITED = 3
LAST_INHERITED = 1024


def import_what_a_play_needs() -> None:
    """Have the libraries of our own action plugins in memory."""
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit import recorder  # noqa: F401, PLC0415
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential import (  # noqa: F401, PLC0415
        ssh_options,
    )
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._run import (  # noqa: F401, PLC0415
        granting,
        ungranting,
    )


def use_warm_ansible() -> None:
    """In a process that does nothing but run one play: have ansible-runner fork instead of execute."""
    ansible_runner.runner.pexpect.spawn = _WarmSpawn


class _WarmSpawn(pexpect.spawn):  # type: ignore[misc]  # pexpect has no types
    def __init__(self, command: str, args: Sequence[str], *, env: Mapping[str, str], **options: object) -> None:
        if command == PROGRAM:
            options["preexec_fn"] = partial(_be_ansible, args, env)
        super().__init__(command, list(args), env=env, **options)


def _be_ansible(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """In the forked child: run the playbook and exit; never returns."""
    code = 1
    try:
        os.closerange(FIRST_INHERITED, LAST_INHERITED)  # ends ansible-runner's wait for the program's start, too
        die_with_parent()
        os.environ.clear()
        os.environ.update({_text(name): _text(value) for name, value in environment.items()})
        for name in [name for name in sys.modules if name.partition(".")[0] == "ansible_collections"]:
            del sys.modules[name]  # Ansible's own loader has to load the collection, with what it knows about it
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w", 1), os.fdopen(2, "w", 1)
        sys.argv = [PROGRAM, *arguments]
        ansible.cli.playbook.main(sys.argv)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        os._exit(code)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
