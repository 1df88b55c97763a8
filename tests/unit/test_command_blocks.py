# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command block of README and docs says how it is known to work: run by a test, or shown for a reason."""

from __future__ import annotations

import pytest
from tests.support.command_blocks import TREE, CommandBlock, blocks
from tests.support.guide_grounds import GROUNDS

BLOCKS = blocks()
A_SENTENCE = 20
CI = ".ci/run"


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page}:{block.line}")
def test_each_block_has_a_mark(block: CommandBlock) -> None:
    """It is run on a ground that there is, by a test that names its page, or shown for a reason that is given."""
    place = f"{block.page}:{block.line}"
    match block.how:
        case "run":
            assert block.about in GROUNDS, f"{place}: there is no ground {block.about}"
            assert all(len(reason) > A_SENTENCE for reason in block.left_out.values()), place
        case "run by":
            text = (TREE / block.about).read_text(encoding="utf-8")
            assert block.page.rsplit("/", 1)[-1] in text, f"{block.about} does not speak of {place}"
            if block.about == CI:
                assert {command.partition("#")[0].strip() for command in block.commands} <= set(text.splitlines())
        case "shown":
            assert len(block.about) > A_SENTENCE, f"{place}: why is it shown only?"
        case _:
            pytest.fail(f"{place}: put a mark above this block (tests/support/command_blocks.py says which)")


def test_all_are_run_but_the_build_of_an_image() -> None:
    """Which needs a container engine and the registry of its base image."""
    shown = [command for block in BLOCKS if block.how == "shown" for command in block.commands]
    assert len(BLOCKS) > 60
    assert [command.split()[:2] for command in shown] == [["ansible-builder", "build"]]
