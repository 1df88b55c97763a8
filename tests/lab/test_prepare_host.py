# SPDX-License-Identifier: GPL-3.0-or-later
"""prepare_host on real hosts: whom they let in afterwards, what a second run does, and the way back from everything."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import ssh
from tests.lab import vault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.api import Lab
    from tests.lab.host import LabHost

DROP_IN = "/etc/ssh/sshd_config.d/10-breakglass-remediation.conf"
SUDOERS = "/etc/sudoers.d/breakglass-remediation"
DIRECTORY = "/etc/ssh/breakglass-remediation"
REFUSED = 255  # ssh's own failure
LOCKED_OUT = "/etc/ssh/sshd_config.d/05-locked-out.conf"


@contextmanager
def another_file(host: LabHost, path: str, text: str) -> Iterator[None]:
    """A file of somebody else on a host; gone afterwards."""
    host.write(path, text)
    host.run("systemctl reload ssh", check=False)
    try:
        yield
    finally:
        host.run(["rm", "-f", path])
        host.run("systemctl reset-failed ssh; systemctl restart ssh")


@pytest.fixture
def certificate(lab: Lab, tmp_path: Path) -> Path:
    """A key with a certificate of the lab's CA that opens web1, and what believes the CA."""
    pair = ssh.generate_key_pair()
    request = ssh.SshRequest(("web1",), "test", timedelta(minutes=15))
    signed = ssh.sign(vault.admin(lab.place), "lab-operator", pair.public_key, request)
    key = tmp_path / "id"
    key.touch(mode=0o600)
    key.write_bytes(pair.private_key)
    (tmp_path / "id-cert.pub").write_text(f"{signed.text}\n", encoding="ascii")
    (tmp_path / "known_hosts").write_text(f"@cert-authority * {signed.ca_public_key}\n", encoding="ascii")
    return key


def log_in(
    host: LabHost, key: Path, user: str = "breakglass", command: str = "id -un"
) -> subprocess.CompletedProcess[str]:
    """Log in with this key, believing only hosts that the CA has certified for their name."""
    options = (
        *("-F", "/dev/null", "-i", str(key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
        *("-o", f"UserKnownHostsFile={key.parent / 'known_hosts'}", "-o", "GlobalKnownHostsFile=/dev/null"),
        *("-o", "StrictHostKeyChecking=yes", "-o", f"HostKeyAlias={host.name}"),
    )
    return subprocess.run(
        ["ssh", *options, f"{user}@{host.address}", command],
        env={"PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def state_of(host: LabHost) -> str:
    """Everything that the role may touch: accounts, files with modes and contents, what sshd does for the user."""
    return host.run(
        "getent passwd; ls -lAR --time-style=+ /etc/ssh /etc/sudoers.d; cat /etc/ssh/sshd_config.d/* /etc/sudoers.d/*;"
        f" cat {DIRECTORY}/*; sshd -T -C user=breakglass,host=x,addr=127.0.0.1; ls -A /home",
        check=False,
    ).stdout


@pytest.mark.core
def test_a_certificate_opens_its_own_host_only(lab: Lab, certificate: Path) -> None:
    """One for web1 logs in on web1, and may become root there; web2 refuses it, and web1 refuses it for root."""
    assert log_in(lab.host("web1"), certificate, command="sudo -n id -un").stdout == "root\n"
    assert log_in(lab.host("web2"), certificate).returncode == REFUSED
    assert log_in(lab.host("web1"), certificate, user="root").returncode == REFUSED


def test_a_host_proves_itself_for_its_own_name(lab: Lab, certificate: Path) -> None:
    """Who expects web2 and meets web1 breaks off."""
    web1, web2 = lab.host("web1"), lab.host("web2")
    impostor = type(web2)(web2.place, web2.name, web1.address)
    assert "Certificate invalid: name is not a listed principal" in log_in(impostor, certificate).stderr


@pytest.mark.core
def test_a_second_run_changes_nothing(lab: Lab) -> None:
    """It looks, and proves the login again."""
    before = state_of(lab.host("web2"))
    run = lab.prepare_hosts(["web2"])
    assert (run.code, run.changed("web2"), run.tasks["Log in with a certificate as breakglass"]) == (0, [], "ok")
    assert state_of(lab.host("web2")) == before


def test_removal_restores_and_check_mode_predicts(lab: Lab) -> None:
    """Check mode changes nothing and names the tasks that then change; removal and preparation are each other's reverse."""
    app1, absent = lab.host("app1"), {"prepare_host_state": "absent"}
    prepared = state_of(app1)
    predicted = lab.prepare_hosts(["app1"], absent, "--check", "--diff")
    assert state_of(app1) == prepared
    removed = lab.prepare_hosts(["app1"], absent)
    assert (removed.code, [task for task in removed.changed("app1") if task != "Have sshd read it"]) == (
        0,
        predicted.changed("app1"),
    )
    bare = state_of(app1)
    assert not any(app1.exists(path) for path in (DROP_IN, SUDOERS, DIRECTORY, "/home/breakglass"))
    assert "breakglass" not in bare
    assert lab.prepare_hosts(["app1"], absent).changed("app1") == []
    predicted = lab.prepare_hosts(["app1"], {}, "--check", "--diff")
    assert (predicted.code, state_of(app1)) == (0, bare)
    again = lab.prepare_hosts(["app1"])
    assert (again.code, [task for task in again.changed("app1") if task != "Have sshd read it"]) == (
        0,
        predicted.changed("app1"),
    )
    lab.prepare_hosts(["app1"], absent)
    assert state_of(app1) == bare
    assert lab.prepare_hosts(["app1"]).code == 0


def test_what_sshd_refuses_is_put_back(lab: Lab) -> None:
    """Where a login with the certificate fails, everything is as it was, and a sentence says why."""
    app1 = lab.host("app1")
    with another_file(app1, LOCKED_OUT, "DenyUsers breakglass\n"):
        before = state_of(app1)
        run = lab.prepare_hosts(["app1"], {"prepare_host_groups": ["app"]})
        assert run.code != 0
        assert run.sentence.startswith("app1 does not accept a login of breakglass with a certificate: ")
        assert run.sentence.endswith("What was there before was put back.")
        assert state_of(app1) == before


def test_a_fresh_host_that_refuses_is_bare_again(lab: Lab) -> None:
    """Also where nothing was prepared before: no file, no directory, no user is left."""
    app1 = lab.host("app1")
    assert lab.prepare_hosts(["app1"], {"prepare_host_state": "absent"}).code == 0
    with another_file(app1, LOCKED_OUT, "DenyUsers breakglass\n"):
        before = state_of(app1)
        assert lab.prepare_hosts(["app1"]).code != 0
        assert state_of(app1) == before
    assert lab.prepare_hosts(["app1"]).code == 0


def test_a_broken_sshd_is_left_alone(lab: Lab, certificate: Path) -> None:
    """A configuration of others that sshd refuses: nothing is changed nor reloaded, so the running sshd goes on serving."""
    web1 = lab.host("web1")
    with another_file(web1, "/etc/ssh/sshd_config.d/20-broken.conf", "Nonsense yes\n"):
        before, began = state_of(web1), web1.run("systemctl show -p ExecMainStartTimestamp ssh").stdout
        run = lab.prepare_hosts(["web1"], {"prepare_host_groups": ["web"]})
        assert run.sentence.startswith("sshd of web1 refuses the configuration that is there, so nothing was changed")
        assert state_of(web1) == before
        assert web1.run("systemctl show -p ExecMainStartTimestamp ssh").stdout == began
    assert log_in(web1, certificate).returncode == 0


def test_two_authorities_during_a_rotation(lab: Lab, certificate: Path, tmp_path: Path) -> None:
    """While a second CA is named, its certificates open the host as well; afterwards they don't."""
    web1, authority = lab.host("web1"), tmp_path / "other_ca"
    make = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "other", "-f", str(authority))
    subprocess.run(make, check=True)
    other = tmp_path / "other" / "id"
    other.parent.mkdir()
    other.touch(mode=0o600)
    other.write_bytes(certificate.read_bytes())
    (other.parent / "known_hosts").write_text((tmp_path / "known_hosts").read_text())
    public = subprocess.run(["ssh-keygen", "-y", "-f", str(other)], capture_output=True, text=True, check=True).stdout
    (other.parent / "id.pub").write_text(public)
    sign = (
        "ssh-keygen",
        "-q",
        "-s",
        str(authority),
        "-I",
        "other",
        "-n",
        "web1",
        "-V",
        "+5m",
        str(other.parent / "id.pub"),
    )
    subprocess.run(sign, check=True)
    assert log_in(web1, other).returncode == REFUSED
    key = authority.with_suffix(".pub").read_text(encoding="ascii").strip()
    assert lab.prepare_hosts(["web1"], {"prepare_host_more_authorities": [key]}).changed("web1") == [
        "Write",
        "Have sshd read it",
    ]
    assert [log_in(web1, one).returncode for one in (other, certificate)] == [0, 0]
    assert lab.prepare_hosts(["web1"]).code == 0
    assert log_in(web1, other).returncode == REFUSED


def test_without_sudo(lab: Lab) -> None:
    """A user that need not become root can't."""
    web2 = lab.host("web2")
    assert lab.prepare_hosts(["web2"], {"prepare_host_sudo": False}).code == 0
    assert web2.run("runuser -u breakglass -- sudo -n true", check=False).returncode != 0
    assert lab.prepare_hosts(["web2"]).changed("web2") == ["Write", "Have sshd read it"]
    assert web2.run("runuser -u breakglass -- sudo -n true").returncode == 0


def test_files_and_users_of_others_stay(lab: Lab) -> None:
    """A sudoers file of the same name is refused; a user who was there is used as he is, and outlives the removal."""
    app1 = lab.host("app1")
    assert lab.prepare_hosts(["app1"], {"prepare_host_state": "absent"}).code == 0
    with another_file(app1, SUDOERS, "# mine\n"):
        run = lab.prepare_hosts(["app1"])
        assert (run.code != 0, app1.read(SUDOERS)) == (True, "# mine\n")
    assert run.sentence == f"{SUDOERS} is not this role's; nothing was changed. Move it away, or rename it."
    app1.run("useradd -m -s /bin/sh -p '*' breakglass")
    account = app1.run("getent passwd breakglass").stdout
    assert lab.prepare_hosts(["app1"]).code == 0
    assert lab.prepare_hosts(["app1"], {"prepare_host_state": "absent"}).code == 0
    assert app1.run("getent passwd breakglass").stdout == account
    app1.run("userdel -r breakglass 2>/dev/null")
    assert lab.prepare_hosts(["app1"]).code == 0


@pytest.mark.parametrize(
    "bad",
    [
        {"prepare_host_user": "root"},
        {"prepare_host_user": "a b"},
        {"prepare_host_user": "breakglass\nPermitRootLogin yes"},
        {"prepare_host_groups": ["db"]},
        {"prepare_host_more_authorities": ["ssh-ed25519 AAAA\nMatch all"]},
        {"prepare_host_more_authorities": ["{{ lookup('pipe', 'id') }}"]},
        {"prepare_host_key": "../key"},
        {"prepare_host_sshd_unit": "ssh; id"},
        {"prepare_host_certificate_days": 91},
        {"prepare_host_certificate_renew_days": 30},
    ],
)
def test_bad_parameters_are_refused(lab: Lab, bad: dict[str, object]) -> None:
    """Before anything is looked at or changed, by a sentence that does not repeat the value."""
    run = lab.prepare_hosts(["web2"], bad)
    assert (run.code != 0, run.changed("web2")) == (True, [])
    assert next(iter(bad)) in run.sentence
    assert "PermitRootLogin" not in run.sentence
    assert "Ask sshd whether its configuration is sound" not in run.tasks
