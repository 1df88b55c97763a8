# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of README and guides, as they stand there, on real parts: each block on the ground that its mark names."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from itertools import zip_longest
from typing import TYPE_CHECKING

import pytest
from tests.support.command_blocks import CommandBlock, blocks
from tests.support.guide_grounds import GROUNDS, Ground

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
LIMIT_SECONDS = 100
RUN = [block for block in blocks() if block.how == "run"]
STORIES = sorted({(block.page, block.about) for block in RUN})


@pytest.mark.parametrize(("page", "ground"), STORIES, ids=[f"{page} ({ground})" for page, ground in STORIES])
def test_commands_of_a_page(page: str, ground: str) -> None:
    """From top to bottom of the page, each command ends as its block says, on one ground."""
    with GROUNDS[ground]() as here:
        for block in (one for one in RUN if (one.page, one.about) == (page, ground)):
            commands = [text for text in block.commands if _program(text) not in block.left_out]
            exported = ""
            for text, code in zip_longest(commands, block.codes, fillvalue=0):
                _run(here, block, exported + str(text), int(code))
                exported += f"{text}; " if "export " in str(text) else ""


def _program(command: str) -> str:
    return next(word for word in command.split() if "=" not in word)


def _run(here: Ground, block: CommandBlock, text: str, code: int) -> None:
    command = here.command(text)
    output = here.directory / "output"
    ended = _watch(here, command, output, block.until)
    printed = output.read_text(encoding="utf-8", errors="replace")
    place = f"{block.page}:{block.line}: {text}\n(as {command})\n{printed[-3000:]}"
    if block.until:
        assert block.until in printed, place
    else:
        assert ended == code, f"it ended with {ended}, not {code}: {place}"
    assert "Traceback" not in printed, place


def _watch(here: Ground, command: str, output: Path, until: str) -> int:
    """Run a command line in a shell; stop it when it has printed what is waited for. Returns its code."""
    with output.open("wb") as written:
        process = subprocess.Popen(
            ["/bin/bash", "-c", command if not until else f"exec {command}"],
            cwd=here.directory,
            env=here.environment,
            stdin=subprocess.PIPE,
            stdout=written,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
        try:
            if until:
                _await(process, output, until)
                process.send_signal(signal.SIGTERM)
            process.communicate(None if until else f"{here.typed()}\n", timeout=LIMIT_SECONDS)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    return process.returncode


def _await(process: subprocess.Popen[str], output: Path, words: str) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while words not in output.read_text(encoding="utf-8", errors="replace"):
        assert process.poll() is None, output.read_text(encoding="utf-8")
        assert time.monotonic() < deadline, output.read_text(encoding="utf-8")
        time.sleep(0.1)
