# SPDX-License-Identifier: GPL-3.0-or-later
"""What OpenSSH's own sshd and ssh make of the certificates that OpenBao signs for us."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import grant, ssh
from tests.support.openbao import WEB, grant_request, prepare
from tests.support.sshd import Sshd, SshLogin, sshd_or_skip

from breakglass.domain.krl import revocation_list

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
    from tests.support.openbao import PreparedVault

    from breakglass.demo.openbao import OpenBao

KEYS = ssh.generate_key_pair()
KEY_ID = "INC-TEST attempt 1"
REFUSED = "Permission denied (publickey)"
UNKNOWN_HOST = "Host key verification failed"
SSH_FAILED = 255


@pytest.fixture(scope="module")
def web1(prepared: PreparedVault, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """The host web1."""
    sshd_or_skip()
    with Sshd(tmp_path_factory.mktemp("web1") / "host", prepared.admin, "web1") as host:
        yield host


def granted(runner: Client) -> Client:
    """Open a grant of the access web-operator, for web1 and web2."""
    opened = grant.unwrap(runner, grant.mint_wrapped(runner, grant_request()).token, grant_request())
    return runner.with_token(opened.token)


def sign(client: Client, hosts: tuple[str, ...], ttl: timedelta = timedelta(minutes=2)) -> ssh.SshCertificate:
    return ssh.sign(client, WEB.name, KEYS.public_key, ssh.SshRequest(hosts, KEY_ID, ttl))


def test_the_right_certificate_is_let_in(web1: Sshd, runner: Client, tmp_path: Path) -> None:
    """A certificate for this host is let in, and the log of sshd says under which key id and serial number."""
    certificate = sign(granted(runner), ("web1",))
    done = SshLogin.write(tmp_path / "login", KEYS, certificate, ("web1",)).run(web1, "echo it works")
    assert (done.returncode, done.stdout) == (0, "it works\n"), done.stderr
    assert f'ID "{KEY_ID}" (serial {certificate.serial})' in web1.wait_for_log(KEY_ID)


def test_a_certificate_for_several_hosts_opens_each(web1: Sshd, runner: Client, tmp_path: Path) -> None:
    """One of the principals being the host is enough."""
    certificate = sign(granted(runner), ("web2", "web1"))
    assert SshLogin.write(tmp_path / "login", KEYS, certificate, ("web1",)).run(web1, "true").returncode == 0


def test_an_expired_certificate_is_refused(web1: Sshd, runner: Client, tmp_path: Path) -> None:
    """A certificate that was let in is not any more when its time is over, and sshd says why."""
    certificate = sign(granted(runner), ("web1",), timedelta(seconds=3))
    login = SshLogin.write(tmp_path / "login", KEYS, certificate, ("web1",))
    assert login.run(web1, "true").returncode == 0
    while datetime.now(UTC) <= certificate.valid_before:
        time.sleep(0.02)
    done = login.run(web1, "true")
    assert done.returncode == SSH_FAILED
    assert REFUSED in done.stderr
    assert "Certificate invalid: expired" in web1.wait_for_log("expired")


def test_the_certificate_of_another_host_is_refused(web1: Sshd, runner: Client, tmp_path: Path) -> None:
    """A certificate for web2 opens nothing on web1, though the same grant and the same CA made it."""
    certificate = sign(granted(runner), ("web2",))
    done = SshLogin.write(tmp_path / "login", KEYS, certificate, ("web1",)).run(web1, "true")
    assert done.returncode == SSH_FAILED
    assert REFUSED in done.stderr
    assert "does not contain an authorized principal" in web1.wait_for_log("authorized principal")


def test_a_certificate_of_another_authority_is_refused(
    web1: Sshd, prepared: PreparedVault, own_openbao: OpenBao, tmp_path: Path
) -> None:
    """What another OpenBao signed opens a host that trusts this one, and not ours, with everything else the same."""
    with prepare(own_openbao).admin as stranger:
        certificate = sign(stranger, ("web1",))
        login = SshLogin.write(tmp_path / "login", KEYS, certificate, ("web1",))
        with Sshd(tmp_path / "host", stranger, "web1") as its_own:
            assert login.run(its_own, "true").returncode == 0
    login.believe(("web1",), ssh.ca_public_key(prepared.admin))
    done = login.run(web1, "true")
    assert done.returncode == SSH_FAILED
    assert REFUSED in done.stderr


def test_the_key_without_its_certificate_is_refused(web1: Sshd, runner: Client, tmp_path: Path) -> None:
    """The certified key opens nothing by itself."""
    login = SshLogin.write(tmp_path / "login", KEYS, sign(granted(runner), ("web1",)), ("web1",))
    (login.directory / "id-cert.pub").unlink()
    done = login.run(web1, "true")
    assert done.returncode == SSH_FAILED
    assert REFUSED in done.stderr


def test_the_client_believes_a_host_by_its_certificate(web1: Sshd, runner: Client, tmp_path: Path) -> None:
    """Our one CA line in known_hosts is what makes ssh believe the host; it learns no key of it."""
    login = SshLogin.write(tmp_path / "login", KEYS, sign(granted(runner), ("web1",)), ("web1",))
    line = (login.directory / "known_hosts").read_text()
    assert login.run(web1, "true").returncode == 0
    assert (login.directory / "known_hosts").read_text() == line
    (login.directory / "known_hosts").write_text("")
    done = login.run(web1, "true")
    assert done.returncode == SSH_FAILED
    assert UNKNOWN_HOST in done.stderr


def test_a_host_that_is_certified_as_another_is_refused(
    prepared: PreparedVault, runner: Client, tmp_path: Path
) -> None:
    """A host that calls itself web1 and shows the certificate of web2 gets no login from us."""
    sshd_or_skip()
    login = SshLogin.write(tmp_path / "login", KEYS, sign(granted(runner), ("web1",)), ("web1",))
    with Sshd(tmp_path / "host", prepared.admin, "web1", certified_as="web2") as impostor:
        done = login.run(impostor, "true")
        assert "Accepted" not in impostor.log_text()
    assert done.returncode == SSH_FAILED
    assert "name is not a listed principal" in done.stderr


def test_a_host_that_another_authority_certified_is_refused(
    own_openbao: OpenBao, runner: Client, tmp_path: Path
) -> None:
    """A host with the right name, certified by another OpenBao, gets no login from us."""
    sshd_or_skip()
    login = SshLogin.write(tmp_path / "login", KEYS, sign(granted(runner), ("web1",)), ("web1",))
    with prepare(own_openbao).admin as stranger, Sshd(tmp_path / "host", stranger, "web1") as impostor:
        done = login.run(impostor, "true")
        assert "Accepted" not in impostor.log_text()
    assert done.returncode == SSH_FAILED
    assert UNKNOWN_HOST in done.stderr


def test_a_revoked_certificate_is_refused_while_it_is_valid(web1: Sshd, runner: Client, tmp_path: Path) -> None:
    """By its key id, as the runner's list names it; another one of the same key and CA is let in."""
    client = granted(runner)
    certificates = {key_id: ssh.sign(client, WEB.name, KEYS.public_key, _named(key_id)) for key_id in ("over", "open")}
    logins = {name: SshLogin.write(tmp_path / name, KEYS, one, ("web1",)) for name, one in certificates.items()}
    web1.revoke(revocation_list(1, datetime.now(UTC), []))
    assert [login.run(web1, "true").returncode for login in logins.values()] == [0, 0]
    web1.revoke(revocation_list(2, datetime.now(UTC), ["over"]))
    assert [login.run(web1, "true").returncode for login in logins.values()] == [SSH_FAILED, 0]
    assert "revoked" in web1.wait_for_log("revoked")


def _named(key_id: str) -> ssh.SshRequest:
    return ssh.SshRequest(("web1",), key_id, timedelta(minutes=2))
