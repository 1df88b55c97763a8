# SPDX-License-Identifier: GPL-3.0-or-later
"""A small disk of a test's own, which can be full, break down to read-only, or lose its power: ext4 on a loop device.

It is mounted in a mount namespace that only the test's main thread, and what that starts, can see. Needs root.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

MEGABYTES = 16
CLONE_NEWNS = 0x00020000
EXT4_IOC_SHUTDOWN = 0x8004587D
"""Like a power cut: what no sync has brought to the disk is lost, and every write from then on is an I/O error."""
NO_LOG_FLUSH = (2).to_bytes(4, "little")
_LIBC = ctypes.CDLL(None, use_errno=True)


class OwnDisk:
    """Use it in a `with` block, in the main thread.

    Attributes:
        path: Where it is mounted; an empty directory with a `lost+found`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._image = path.with_name(f"{path.name}.img")
        self._ballast = path / "ballast"

    def __enter__(self) -> Self:
        require_own_disk()
        self._directory = Path.cwd()
        self._namespace = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        _call(_LIBC.unshare(CLONE_NEWNS))
        _run("mount", "--make-rprivate", "/")
        self.path.mkdir(exist_ok=True)
        with self._image.open("wb") as image:
            image.truncate(MEGABYTES * 1024 * 1024)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", str(self._image))
        self._mount()
        self.path.chmod(0o700)
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "-l", str(self.path)], check=False, capture_output=True)
        _call(_LIBC.setns(self._namespace, CLONE_NEWNS))
        os.close(self._namespace)
        os.chdir(self._directory)
        self._image.unlink()

    def fill(self) -> None:
        """Leave no free block: the next file that needs one gets ENOSPC."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for size in (1024 * 1024, 64 * 1024, 4096, 512, 1):
                with suppress(OSError):
                    while True:
                        ballast.write(b"\0" * size)
            os.fsync(ballast.fileno())

    def free(self) -> None:
        """Make room again."""
        self._ballast.unlink()

    def break_down(self) -> None:
        """An error of the file system: the kernel makes it read-only in the middle of whatever is written."""
        (Path("/sys/fs/ext4") / self._device() / "trigger_fs_error").write_text("1", encoding="ascii")

    def cut_power(self) -> None:
        """Nothing more gets to the disk, and what was not synced is lost; writes and syncs fail with EIO."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, NO_LOG_FLUSH)
        finally:
            os.close(descriptor)

    def repair(self) -> None:
        """Unmount, check and mount it, as a person does; nobody may have a file of it open."""
        _run("umount", str(self.path))
        checked = subprocess.run(["e2fsck", "-y", "-f", str(self._image)], capture_output=True, text=True, check=False)
        assert checked.returncode in (0, 1), checked.stdout
        self._mount()

    def make_read_only(self, below: Path) -> None:
        """Let whoever opens something below a directory find it read-only; what is open already is not concerned."""
        _run("mount", "--bind", str(below), str(below))
        _run("mount", "-o", "remount,bind,ro", str(below))

    def make_writable(self, below: Path) -> None:
        """Take that back."""
        _run("umount", str(below))

    def _mount(self) -> None:
        _run("mount", "-o", "loop,errors=remount-ro", str(self._image), str(self.path))

    def _device(self) -> str:
        return Path(_run("findmnt", "-n", "-o", "SOURCE", str(self.path)).strip()).name


def require_own_disk() -> None:
    """Skip the test where nobody may mount, and say so; where everything must run (CI), fail it."""
    tools = ("mount", "umount", "findmnt", "mkfs.ext4", "e2fsck")
    missing = [tool for tool in tools if shutil.which(tool) is None]
    why = "it needs root" if os.geteuid() else f"it needs {', '.join(missing)}" if missing else ""
    why = why or ("" if Path("/dev/loop-control").exists() else "it needs loop devices")
    if why and os.environ.get("CI") == "true":
        pytest.fail(f"A disk of its own can't be made: {why}.")
    if why:
        pytest.skip(f"A disk of its own can't be made: {why}.")


def _call(code: int) -> None:
    if code:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
