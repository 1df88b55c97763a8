# SPDX-License-Identifier: GPL-3.0-or-later
"""What a runner has freed, the kernel has again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes
{before}
class Blocks(ctypes.Structure):  # mallinfo(3)
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks apart usmblks fsmblks used free keepcost".split()]
look = ctypes.CDLL(None).mallinfo2
look.restype = Blocks
teaches = bytearray(16 << 20)
del teaches
before = look().apart
large = bytearray(1 << 20)
print((look().apart - before) >> 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc, which alone does this")
@pytest.mark.parametrize(
    ("before", "apart"),
    [("", "0"), ("from breakglass.allocator import keep_from_growing\nkeep_from_growing()", "1")],
)
def test_a_large_block_lies_apart_from_the_heap_whatever_was_freed_before(before: str, apart: str) -> None:
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before)], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout.strip() == apart, "the first row says what glibc does by itself"
