# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes with memory of their own: which there are, which are never ended, and that no other one is ever hit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.module_utils import memory_processes
from ansible_collections.breakglass.remediation.plugins.module_utils.memory_processes import Process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLITE = "import time; x = b'x' * 20_000_000; print('up', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {POLITE}"


def _started(program: str) -> subprocess.Popen[bytes]:
    started = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert started.stdout is not None
    assert started.stdout.readline() == b"up\n"
    return started


@pytest.fixture
def hog(request: pytest.FixtureRequest) -> Iterator[tuple[subprocess.Popen[bytes], Process]]:
    """A process with 20 MB of its own, by default one that ends when it is asked to."""
    with _started(getattr(request, "param", POLITE)) as started:
        found = memory_processes.process(started.pid)
        assert found is not None
        yield started, found
        started.kill()


def test_it_is_found_with_the_memory_of_its_own(hog: tuple[subprocess.Popen[bytes], Process]) -> None:
    """By name and number, with at least what it has filled."""
    started, found = hog
    [again] = [one for one in memory_processes.all_processes() if one.pid == started.pid]
    assert (again.pid, again.started, again.name) == (found.pid, found.started, found.name)
    assert found.is_named([found.name])
    assert 20_000_000 < found.memory < 60_000_000


def test_polite_is_enough_for_most(hog: tuple[subprocess.Popen[bytes], Process]) -> None:
    """Who ends when asked to is not killed."""
    started, found = hog
    assert memory_processes.end(found, 10) == "terminated"
    assert started.wait() == -signal.SIGTERM


@pytest.mark.parametrize("hog", [STUBBORN], indirect=True)
def test_who_does_not_end_is_killed_after_the_grace(hog: tuple[subprocess.Popen[bytes], Process]) -> None:
    """It is asked first."""
    started, found = hog
    assert memory_processes.end(found, 0.2) == "killed"
    assert started.wait() == -signal.SIGKILL


def test_another_process_with_the_same_number_is_not_hit(hog: tuple[subprocess.Popen[bytes], Process]) -> None:
    """One that started at another time, or has another name, is another one."""
    started, found = hog
    assert memory_processes.end(replace(found, started=found.started - 1), 0.1) == "gone"
    assert memory_processes.end(replace(found, name="other"), 0.1) == "gone"
    assert started.poll() is None


def test_who_has_gone_meanwhile_is_gone(hog: tuple[subprocess.Popen[bytes], Process]) -> None:
    """Dead but not yet waited for, and gone altogether."""
    started, found = hog
    started.send_signal(signal.SIGKILL)
    assert os.waitid(os.P_PID, started.pid, os.WEXITED | os.WNOWAIT)
    assert memory_processes.end(found, 0.1) == "gone"
    started.wait()
    assert memory_processes.end(found, 0.1) == "gone"


def test_the_first_process_is_never_ended() -> None:
    """Whoever asks."""
    with pytest.raises(ValueError, match="first process"):
        memory_processes.end(Process(1, 0, "x", 1, ""), 0)


def test_this_process_and_what_it_came_in_by_are_not_among_them() -> None:
    """Its ancestors up to the first one."""
    ours = memory_processes.ancestors(os.getpid())
    assert ours[:2] == [os.getpid(), os.getppid()]
    assert not {one.pid for one in memory_processes.all_processes()} & {1, *ours}


@pytest.mark.parametrize("name", ["sshd", "sshd-session", "systemd", "systemd-journal", "dbus-daemon", "init", "sudo"])
def test_some_names_are_never_ended(name: str) -> None:
    """What lets people in, and what the system stands on."""
    assert memory_processes.never(name)


@pytest.mark.parametrize(
    "unit",
    ["ssh.service", "systemd-logind.service", "user@1000.service", "session-3.scope", "init.scope", "system.slice"],
)
def test_some_units_are_never_stopped(unit: str) -> None:
    """Nor what belongs to a login, nor anything that is no service."""
    assert memory_processes.never_unit(unit)
    assert not memory_processes.never_unit("nginx.service")


@pytest.mark.parametrize(
    ("cgroups", "unit"),
    [
        ("0::/system.slice/nginx.service\n", "nginx.service"),
        ("0::/system.slice/system-app.slice/app@1.service/payload\n", "app@1.service"),
        ("4:memory:/system.slice/wrong.service\n1:name=systemd:/system.slice/cron.service\n0::/\n", "cron.service"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/shop.service\n", ""),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", ""),
        ("0::/system.slice/docker-0123.scope\n", ""),
        (
            "0::/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service\n",
            "systemd-nspawn@web.service",
        ),
        ("", ""),
        ("nonsense\n", ""),
    ],
)
def test_the_service_of_a_process(cgroups: str, unit: str) -> None:
    """The outermost service of the system, in both versions of control groups; none of users, logins and containers."""
    assert memory_processes.unit_of(cgroups) == unit


def test_what_a_process_calls_itself_harms_nobody(tmp_path: Path) -> None:
    """A name with brackets, line ends and spaces does not move the fields of /proc."""
    one = tmp_path / "7"
    one.mkdir()
    name = "a) R 1\nb"
    (one / "comm").write_text(f"{name}\n")
    (one / "stat").write_text(f"7 ({name}) S {' '.join(str(number) for number in range(4, 60))}\n")
    (one / "status").write_text("Name:\ta\nRssAnon:\t    100 kB\nVmSwap:\t     20 kB\nRssFile:\t  9 kB\n")
    (one / "cgroup").write_text("0::/system.slice/a.service\n")
    assert memory_processes.process(7, tmp_path) == Process(7, 22, name, 120 * 1024, "a.service")
    (one / "status").write_text("Name:\tkworker\n")
    assert memory_processes.process(7, tmp_path) is None
    assert memory_processes.process(8, tmp_path) is None


def test_a_long_name_counts_as_the_kernel_keeps_it() -> None:
    """Its first 15 characters; nothing else is a part of a name."""
    one = Process(7, 0, "a-very-long-nam", 1, "")
    assert one.is_named(["a-very-long-name-indeed"])
    assert not one.is_named(["a-very-long-na", "a", ""])


def test_what_is_available_is_the_kernels_own_number() -> None:
    """Not what is free, which is always little."""
    text = "MemTotal:       1000 kB\nMemFree:          10 kB\nMemAvailable:    400 kB\n"
    assert memory_processes.available(text) == (400 * 1024, 1000 * 1024)
