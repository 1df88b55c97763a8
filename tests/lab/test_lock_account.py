# SPDX-License-Identifier: GPL-3.0-or-later
"""lock_account on a real host: an account that logs in by key and by password, and does what such accounts do."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncssh
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.api import Lab
    from tests.lab.host import LabHost

NAME = "mallory"
PASSWORD = "correct horse"
HOME = f"/home/{NAME}"
KEYS = f"{HOME}/.ssh/authorized_keys"
UNDO = f"/var/lib/breakglass/undo/lock_account-{NAME}.json"
WHAT = {"lock_account_name": NAME}
TAKE = f"Take away the ways in of {NAME}"
GIVE = f"Give everything back to {NAME}"
# As an account may be: with a password, a key, sudo by a file of its own and by a group, a crontab, an at job, and lingering.
MAKE = f"""
useradd --create-home --shell /bin/bash {NAME} && useradd --no-create-home bob
echo '{NAME}:{PASSWORD}' | chpasswd; chage --expiredate 2099-01-01 {NAME}
for group in adm sudo; do gpasswd --add {NAME} $group; gpasswd --add bob $group; done >/dev/null
printf '# hers\\n{NAME} ALL=(ALL) \\\\\\n NOPASSWD: ALL\\nDefaults:{NAME} !requiretty\\n' > /etc/sudoers.d/{NAME}
printf '{NAME}, bob ALL=(ALL) /usr/bin/id\\n' > /etc/sudoers.d/team; chmod 440 /etc/sudoers.d/{NAME} /etc/sudoers.d/team
install -d -o {NAME} -g {NAME} -m 700 {HOME}/.ssh; cat > {KEYS}; chown {NAME}:{NAME} {KEYS}; chmod 600 {KEYS}
echo '* * * * * true' | crontab -u {NAME} -
mkdir -p /var/spool/cron/atjobs; printf '#!/bin/sh\\ntouch /tmp/late\\n' > /var/spool/cron/atjobs/a0000101c3f2a1
chown {NAME}: /var/spool/cron/atjobs/a0000101c3f2a1; chmod 700 /var/spool/cron/atjobs/a0000101c3f2a1
touch -d '2026-01-02 03:04:05' {KEYS} /etc/sudoers.d/{NAME}; loginctl enable-linger {NAME}
"""
FORGET = f"""
systemctl stop lab-stubborn; rm -f /run/systemd/transient/lab-stubborn.service; loginctl disable-linger {NAME}
pkill -KILL -u {NAME}; usermod --expiredate '' {NAME}; crontab -r -u {NAME}
for user in {NAME} bob; do userdel $user; done; rm -rf {HOME} /srv/elsewhere /etc/sudoers.d/{NAME} /etc/sudoers.d/team {UNDO}
rm -rf /var/spool/cron/atjobs
"""


@pytest.fixture
def key(tmp_path: Path) -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture
def web1(lab: Lab, key: asyncssh.SSHKey) -> Iterator[LabHost]:
    """A host with the account."""
    host = lab.host("web1")
    host.run(FORGET, check=False)
    host.run(MAKE, input_text=key.export_public_key().decode())
    yield host
    host.run(FORGET, check=False)


async def _log_in(host: LabHost, **way: Any) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        host.address, username=NAME, known_hosts=None, config=None, agent_path=None, login_timeout=10, **way
    )


def _lets_in(host: LabHost, **way: Any) -> bool:
    """Whether a real login works."""

    async def tried() -> bool:
        try:
            async with await _log_in(host, **way) as connection:
                return str((await connection.run("id -un")).stdout).strip() == NAME
        except asyncssh.Error:
            return False

    return asyncio.run(tried())


def _ways(key: asyncssh.SSHKey) -> list[dict[str, Any]]:
    return [{"client_keys": [key], "password": None}, {"client_keys": None, "password": PASSWORD}]


def _all_of_it(host: LabHost) -> str:
    """Everything that the account is on the host: lines of the system's files, and files with owner, mode, time and content."""
    lines = host.run(
        "grep -h mallory /etc/passwd /etc/shadow /etc/group /etc/gshadow; ls /var/lib/systemd/linger"
    ).stdout
    places = f"{HOME} /etc/sudoers.d /var/spool/cron"
    listed = host.run(
        f"find {places} -type d -printf '%p %m %U\\n' -o -printf '%p %y %m %U %G %T@ %l\\n' | sort"
    ).stdout
    return lines + listed + host.run(f"find {places} -type f -print0 | sort -z | xargs -0 sha256sum").stdout


def _living(host: LabHost) -> list[str]:
    """Processes of the account, those that became root by sudo too."""
    found = host.run(f"pgrep -u {NAME} -a; pgrep -U {NAME} -a; pgrep -fa 'sleep 4242[0-9]'", check=False).stdout
    return [line for line in found.splitlines() if "pgrep" not in line]


@pytest.mark.core
def test_a_locked_account_gets_in_no_more_and_gets_all_of_it_back(
    lab: Lab, web1: LabHost, key: asyncssh.SSHKey
) -> None:
    """Real logins by key and password are refused, nothing of it runs; the undo gives back every byte, and they work again."""
    before = _all_of_it(web1)
    assert [_lets_in(web1, **way) for way in _ways(key)] == [True, True]
    locked = lab.run_role("lock_account", ["web1"], WHAT)
    assert locked.changed("web1") == [TAKE], locked.text
    assert [_lets_in(web1, **way) for way in _ways(key)] == [False, False]
    assert _living(web1) == []
    assert not web1.exists(KEYS)
    assert web1.run(f"id -nG {NAME}").stdout.split() == [NAME]
    assert web1.run("stat -c '%a %U' " + UNDO).stdout == "600 root\n"
    given = lab.run_role("lock_account", ["web1"], {**WHAT, "lock_account_undo": True})
    assert given.changed("web1") == [GIVE], given.text
    assert _all_of_it(web1) == before
    assert [_lets_in(web1, **way) for way in _ways(key)] == [True, True]
    assert not web1.exists(UNDO)
    lab.record_run(role="lock_account", fault="compromised account", run=locked)


def test_check_mode_predicts_both_ways_and_second_runs_change_nothing(lab: Lab, web1: LabHost) -> None:
    """Check mode changes nothing and says what would be; what is locked, or given back, already is left alone."""
    before = _all_of_it(web1)
    predicted = lab.run_role("lock_account", ["web1"], WHAT, check=True)
    assert (_all_of_it(web1), web1.exists(UNDO)) == (before, False)
    assert lab.run_role("lock_account", ["web1"], WHAT).changed("web1") == predicted.changed("web1") == [TAKE]
    locked = _all_of_it(web1)
    assert lab.run_role("lock_account", ["web1"], WHAT).changed("web1") == []
    undo = {**WHAT, "lock_account_undo": True}
    foreseen = lab.run_role("lock_account", ["web1"], undo, check=True)
    assert _all_of_it(web1) == locked
    assert lab.run_role("lock_account", ["web1"], undo).changed("web1") == foreseen.changed("web1") == [GIVE]
    assert lab.run_role("lock_account", ["web1"], undo).changed("web1") == []


def test_files_that_name_others_too_are_told_and_not_touched(lab: Lab, web1: LabHost) -> None:
    """A sudoers file of two people stays as it is, and the run says which one it is; the one of the account alone goes."""
    text = web1.read("/etc/sudoers.d/team")
    run = lab.run_role("lock_account", ["web1"], WHAT)
    assert web1.read("/etc/sudoers.d/team") == text
    assert not web1.exists(f"/etc/sudoers.d/{NAME}")
    assert f"{NAME} is named beside others in /etc/sudoers.d/team: look at these." in run.text
    web1.run("visudo -c")
    assert "bob" in web1.run("getent group sudo").stdout


def test_sessions_and_all_that_they_started_end(lab: Lab, web1: LabHost, key: asyncssh.SSHKey) -> None:
    """An open login, what it left in the background, a stopped process, one that forks on, and a root shell by sudo."""
    forking = "while :; do (while :; do sleep 0.1; done) & sleep 0.1; [ $(pgrep -c -u mallory) -gt 20 ] && wait; done"

    async def held() -> bool:
        async with await _log_in(web1, client_keys=[key]) as connection:
            for command in ("nohup sleep 42421", "setsid sleep 42422", "sudo -n sleep 42423", f"bash -c '{forking}'"):
                await connection.run(f"{command} >/dev/null 2>&1 </dev/null & sleep 0.2", check=True)
            await connection.run("sleep 42424 >/dev/null 2>&1 & sleep 0.3; kill -STOP $!", check=True)
            living = _living(web1)
            assert [number for number in range(42421, 42425) if f"sleep {number}" in "\n".join(living)] == [
                *range(42421, 42425)
            ]
            assert len(living) > 8
            run = lab.run_role("lock_account", ["web1"], WHAT)
            assert run.code == 0, run.text
            await asyncio.wait_for(connection.wait_closed(), 10)
            return True

    assert asyncio.run(held())
    time.sleep(0.3)
    assert _living(web1) == []


def test_tricks_in_the_home_hit_nobody_else(lab: Lab, web1: LabHost, key: asyncssh.SSHKey) -> None:
    """A link in place of .ssh goes itself, not what it points to; a link as a file of keys goes, a pipe does not hang the run."""
    web1.run(f"mv {HOME}/.ssh /srv/elsewhere; ln -s /srv/elsewhere {HOME}/.ssh; chown -h {NAME}: {HOME}/.ssh")
    web1.run("mkdir -p /root/.ssh; echo precious > /root/.ssh/precious")
    web1.run("ln -s /root/.ssh/precious /srv/elsewhere/authorized_keys2; mkfifo /srv/elsewhere/pipe")
    assert _lets_in(web1, client_keys=[key])
    assert lab.run_role("lock_account", ["web1"], WHAT).code == 0
    assert web1.read("/root/.ssh/precious") == "precious\n"
    assert web1.exists("/srv/elsewhere/authorized_keys")
    assert not web1.exists(f"{HOME}/.ssh")
    web1.run(f"mkdir {HOME}/.ssh; mkfifo {KEYS}; ln -s /root/.ssh/precious {KEYS}2")
    assert lab.run_role("lock_account", ["web1"], WHAT).code == 0
    assert web1.read("/root/.ssh/precious") == "precious\n"
    assert not web1.exists(f"{KEYS}2")
    refused = lab.run_role("lock_account", ["web1"], {**WHAT, "lock_account_undo": True})
    assert f"Something else is at {HOME}/.ssh now; take it away first" in refused.sentence
    assert not _lets_in(web1, client_keys=[key])
    web1.run(f"rm -r {HOME}/.ssh")
    assert lab.run_role("lock_account", ["web1"], {**WHAT, "lock_account_undo": True}).code == 0
    assert web1.run(f"readlink {HOME}/.ssh").stdout == "/srv/elsewhere\n"
    assert _lets_in(web1, client_keys=[key])


@pytest.mark.parametrize("then", ["keep", "undo"])
def test_what_starts_again_by_itself_lets_the_proof_fail(
    lab: Lab, web1: LabHost, key: asyncssh.SSHKey, then: str
) -> None:
    """A service that runs as the account comes back: one sentence says so, and it stays locked, or is given back if asked for."""
    before = _all_of_it(web1)
    service = f"[Service]\nUser={NAME}\nExecStart=/bin/sleep 42425\nRestart=always\nRestartSec=50ms\nStartLimitIntervalSec=0\n"
    web1.write("/run/systemd/system/lab-stubborn.service", f"[Unit]\nStartLimitIntervalSec=0\n{service}")
    web1.run("systemctl daemon-reload; systemctl start lab-stubborn")
    try:
        run = lab.run_role(
            "lock_account", ["web1"], {**WHAT, "lock_account_when_unproven": then, "lock_account_end_timeout": 2}
        )
    finally:
        web1.run("systemctl stop lab-stubborn; rm /run/systemd/system/lab-stubborn.service; systemctl daemon-reload")
    assert run.code != 0
    assert run.sentence.startswith(f"{NAME} on web1 is not locked as wanted: ")
    if then == "keep":
        assert run.sentence.endswith("what was locked stays locked, lock_account_undo=true gives it back.")
        assert [_lets_in(web1, **way) for way in _ways(key)] == [False, False]
    else:
        assert run.sentence.endswith("undone, the account is as it was.")
        assert _all_of_it(web1) == before


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("root", "This account is root, which is never locked."),
        ("breakglass", "This is the account that the run itself comes in as: it would lock itself out."),
        ("www-data", "This is an account of the system, below 1000"),
        ("nobody-here", "This host has no account of this name"),
    ],
)
def test_some_accounts_are_never_locked(lab: Lab, name: str, sentence: str) -> None:
    """Root, our own, the system's and those that there are not."""
    run = lab.run_role("lock_account", ["web1"], {"lock_account_name": name})
    assert run.code != 0
    assert run.sentence.startswith(sentence)


def test_the_undo_file_holds_no_hash_of_the_password(web1: LabHost, lab: Lab) -> None:
    """Neither the undo file nor the journal has it."""
    digest = web1.run(f"getent shadow {NAME}").stdout.split(":")[1]
    run = lab.run_role("lock_account", ["web1"], WHAT)
    assert digest not in web1.read(UNDO)
    assert json.loads(web1.read(UNDO))["password"] == ["set"]
    assert all(digest not in path.read_text() for path in Path(run.journal).rglob("*.jsonl"))
