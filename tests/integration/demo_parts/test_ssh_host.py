# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's SSH host lets in what its authority certified for it, and nothing else."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.ssh_host import LOGIN, Authority, SshSite, plain_identity, serving

from breakglass.demo.ssh_host import SshHost, SshHostFiles, UnusableSshHost
from breakglass.demo.web_service import ServiceProcess

LIMIT = 10.0


def _run(arguments: list[str], **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False, **more
    )


def _until(condition: object, what: str) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, f"{what} did not come true within {LIMIT:g} s"
        time.sleep(0.02)


def _refused(outcome: subprocess.CompletedProcess[str]) -> bool:
    return outcome.returncode == 255 and "Permission denied (publickey)" in outcome.stderr and not outcome.stdout


def test_good_certificate(ssh_site: SshSite) -> None:
    """A certificate of the authority for the host's own name runs a command in the host's home, with its exit code."""
    outcome = _run([*ssh_site.ssh_arguments("web1", ssh_site.identity("web1")), "pwd; echo bad >&2; exit 7"])
    assert (outcome.returncode, outcome.stdout.strip()) == (7, str(ssh_site.homes["web1"]))
    assert "bad" in outcome.stderr


@pytest.mark.parametrize("principals", [("web2",), ("web",), ("*",), ("web1x",), (LOGIN,), ()], ids=str)
def test_other_principals(ssh_site: SshSite, tmp_path: Path, principals: tuple[str, ...]) -> None:
    """A certificate for another name, for a pattern, for the login or for nobody is refused."""
    identity = ssh_site.users.identity(tmp_path, principals)
    assert _refused(_run([*ssh_site.ssh_arguments("web1", identity), "id"]))


def test_other_authority(ssh_site: SshSite, tmp_path: Path) -> None:
    """A certificate of another authority is refused."""
    identity = Authority().identity(tmp_path, ("web1",))
    assert _refused(_run([*ssh_site.ssh_arguments("web1", identity), "id"]))


@pytest.mark.parametrize(("after", "before"), [("-10m", "-1s"), ("+5m", "+10m")], ids=["expired", "not yet"])
def test_time(ssh_site: SshSite, tmp_path: Path, after: str, before: str) -> None:
    """A certificate is refused outside its time."""
    identity = ssh_site.users.identity(tmp_path, ("web1",), valid_after=after, valid_before=before)
    assert _refused(_run([*ssh_site.ssh_arguments("web1", identity), "id"]))


def test_plain_key_and_no_key(ssh_site: SshSite, tmp_path: Path) -> None:
    """A key without a certificate, and no key at all, are refused."""
    assert _refused(_run([*ssh_site.ssh_arguments("web1", plain_identity(tmp_path)), "id"]))
    assert _refused(_run([*ssh_site.ssh_arguments("web1", None), "id"]))


def test_only_public_keys_are_offered(ssh_site: SshSite) -> None:
    """Neither a password nor a keyboard-interactive login is even offered."""
    arguments = ["-o", "PreferredAuthentications=password,keyboard-interactive,hostbased,none"]
    line = ssh_site.ssh_arguments("web1", ssh_site.identity("web1"))
    assert _refused(_run([line[0], *arguments, *line[1:], "id"]))


def test_other_login(ssh_site: SshSite) -> None:
    """A good certificate under another login name is refused."""
    line = ssh_site.ssh_arguments("web1", ssh_site.identity("web1"))
    assert _refused(_run([line[0], "-l", "root", *line[1:], "id"]))


def test_host_certificate(ssh_site: SshSite) -> None:
    """A client that asks for another name than the host's certificate carries turns away."""
    line = ssh_site.ssh_arguments("web1", ssh_site.identity("web1"))
    outcome = _run([line[0], "-o", "HostKeyAlias=web2", *line[1:], "id"])
    assert outcome.returncode == 255
    assert "Host key verification failed" in outcome.stderr


def test_forwarding_is_refused(ssh_site: SshSite) -> None:
    """Nothing is forwarded: neither to the host's network nor back."""
    line = ssh_site.ssh_arguments("web1", ssh_site.identity("web1"))
    outward = _run([line[0], "-W", f"127.0.0.1:{ssh_site.hosts['web1'].port}", *line[1:]])
    assert outward.returncode == 255
    assert "administratively prohibited" in outward.stderr or "forwarding failed" in outward.stderr
    back = _run([line[0], "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1", *line[1:], "id"])
    assert back.returncode == 255
    assert not back.stdout


def test_environment(ssh_site: SshSite) -> None:
    """A session sees nothing of the environment of the process that started the host, nor of the client."""
    line = ssh_site.ssh_arguments("web1", ssh_site.identity("web1"))
    outcome = _run([line[0], "-o", "SetEnv=VAULT_TOKEN=canary", *line[1:], "env"])
    names = {entry.partition("=")[0] for entry in outcome.stdout.splitlines()}
    assert names <= {"HOME", "LANG", "PATH", "SHELL", "PWD", "OLDPWD", "SHLVL", "_"}


def test_large_streams(ssh_site: SshSite) -> None:
    """Five megabytes of arbitrary bytes go through standard input and output unchanged."""
    line = ssh_site.ssh_arguments("web1", ssh_site.identity("web1"))
    sent = os.urandom(5_000_000)
    outcome = subprocess.run([*line, "cat"], input=sent, capture_output=True, timeout=20, check=True)
    assert outcome.stdout == sent


def test_client_goes_away(ssh_site: SshSite) -> None:
    """When a client is killed, its command and what that started end too."""
    line = ssh_site.ssh_arguments("web1", ssh_site.identity("web1"))
    client = subprocess.Popen([*line, "sleep 300 & echo $! $$; wait"], stdout=subprocess.PIPE, text=True)
    assert client.stdout is not None
    numbers = [int(word) for word in client.stdout.readline().split()]
    assert len(numbers) == 2
    client.kill()
    client.wait()
    client.stdout.close()
    _until(lambda: not any(ServiceProcess.of(number) for number in numbers), "the end of the session's processes")


def test_control_master(ssh_site: SshSite) -> None:
    """Several sessions go through one OpenSSH master connection, and the master ends when it is told to."""
    socket_path = ssh_site.directory / "master"
    line = ssh_site.ssh_arguments("web1", ssh_site.identity("web1"))
    shared = [line[0], "-o", f"ControlPath={socket_path}", "-o", "ControlMaster=auto", "-o", "ControlPersist=60s"]
    outcomes = [
        subprocess.run(
            [*shared, *line[1:], "echo", str(n)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=20,
            check=True,
        )
        for n in range(3)
    ]
    assert [outcome.stdout for outcome in outcomes] == [b"0\n", b"1\n", b"2\n"]
    assert _run([*shared, "-O", "exit", *line[1:]]).returncode == 0
    _until(lambda: not socket_path.exists(), "the end of the master")


@pytest.mark.parametrize("pipelining", ["true", "false"])
def test_ansible_on_three_hosts(tmp_path: Path, pipelining: str) -> None:
    """Ansible works on three hosts at once, with pipelining and without, over kept connections and SFTP."""
    with serving("web1", "web2", "web3") as site:
        inventory = {"all": {"hosts": site.inventory(site.identity("web1", "web2", "web3"))}}
        (tmp_path / "inventory.json").write_text(json.dumps(inventory))
        (tmp_path / "play.yml").write_text(
            """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.command: {argv: [pwd]}
      register: where
    - ansible.builtin.copy: {dest: "{{ where.stdout }}/file", content: "on {{ inventory_hostname }}", mode: "0600"}
    - ansible.builtin.command: {argv: [cat, "{{ where.stdout }}/file"]}
      register: found
    - ansible.builtin.assert: {that: found.stdout == "on " ~ inventory_hostname}
"""
        )
        outcome = _run(
            [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventory.json", "play.yml"],
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "ANSIBLE_PIPELINING": pipelining,
                "LANG": "C.UTF-8",
            },
        )
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr
        assert outcome.stdout.count("ok=4") == 3
        assert {(home / "file").read_text() for home in site.homes.values()} == {"on web1", "on web2", "on web3"}


def test_end_with_parent(ssh_site: SshSite, tmp_path: Path) -> None:
    """The host, and the sessions in it, end when the process that started it is killed."""
    source = ssh_site.directory / "web1"
    (tmp_path / "parent.py").write_text(
        f"""
import pathlib, time
from breakglass.demo.ssh_host import SshHost, SshHostFiles
d = pathlib.Path({str(source)!r})
host = SshHost(SshHostFiles(name="web1", login="breakglass", user_authority=d / "ca.pub", host_key=d / "host_key",
    host_certificate=d / "host_key-cert.pub", home=d / "home"))
host.start()
print(host.pid, host.port, flush=True)
time.sleep(300)
"""
    )
    parent = subprocess.Popen([sys.executable, str(tmp_path / "parent.py")], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid, port = (int(word) for word in parent.stdout.readline().split())
    line = ssh_site.ssh_arguments("web1", ssh_site.identity("web1"))
    client = subprocess.Popen(
        [line[0], "-p", str(port), *line[1:], "echo $$; exec sleep 300"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert client.stdout is not None
    session = int(client.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    _until(lambda: ServiceProcess.of(pid) is None, "the end of the host")
    _until(lambda: ServiceProcess.of(session) is None, "the end of the session")
    client.wait(10)
    client.stdout.close()
    parent.stdout.close()


def test_stop_frees_the_port(ssh_site: SshSite) -> None:
    """A stopped host is gone: its port can be taken again at once, and stopping twice does nothing."""
    source = ssh_site.directory / "web1"
    files = SshHostFiles(
        name="web1",
        login=LOGIN,
        user_authority=source / "ca.pub",
        host_key=source / "host_key",
        host_certificate=source / "host_key-cert.pub",
        home=source / "home",
    )
    host = SshHost(files)
    host.start()
    port = host.port
    host.stop()
    host.stop()
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))


def test_unusable_host(tmp_path: Path) -> None:
    """A host that can't start says why, and a name that would be a pattern is refused."""
    files = SshHostFiles(
        name="web1",
        login=LOGIN,
        user_authority=tmp_path / "missing.pub",
        host_key=tmp_path / "k",
        host_certificate=tmp_path / "c",
        home=tmp_path,
    )
    with pytest.raises(UnusableSshHost, match=r"web1 did not start: .*missing\.pub"):
        SshHost(files).start()
    with pytest.raises(UnusableSshHost, match="can't be called"):
        SshHostFiles(
            name="*",
            login=LOGIN,
            user_authority=tmp_path,
            host_key=tmp_path,
            host_certificate=tmp_path,
            home=tmp_path,
        )
