# SPDX-License-Identifier: GPL-3.0-or-later
"""A session through a runner that speaks TLS (`wss://`): the same as without; a certificate of others is refused before anything is sent."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pytest
import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.runner_api import RunnerApi, UntrustedRunner
from tests.e2e.test_ssh_at_the_terminal import replay, typing
from tests.support.certificates import Authority
from tests.support.office import PASSWORD
from tests.support.session_site import AUTOMATIC, session_office

from breakglass.client.attaching import attach
from breakglass.client.login_file import keep_login, kept_login
from breakglass.client.terminal import Terminal
from breakglass.client.watching import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
    from tests.support.office import Member, Office
    from tests.support.site import Site


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whose certificate the runner has."""
    return Authority.create(tmp_path_factory.mktemp("ours"), "ours")


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority of somebody else."""
    return Authority.create(tmp_path_factory.mktemp("others"), "others")


@pytest.fixture(scope="module")
def office(authority: Authority) -> Iterator[Office]:
    """A runner by TLS, and a host with a real sshd."""
    pair = authority.server()

    def with_tls(site: Site, _admin: Client) -> str:
        settings = yaml.safe_load(site.place.settings.read_text(encoding="utf-8"))
        settings["tls"] = {"certificate": str(pair.certificate), "key": str(pair.key)}
        site.place.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")
        return ""

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(authority.path))
        with session_office(AUTOMATIC, with_tls) as (made, _host):
            yield made


@pytest.fixture(scope="module")
def ada(office: Office, authority: Authority) -> Member:
    """She is logged in, and has named the authority as it lay before her."""
    made = office.hire("ada", "web-team")
    near = os.path.relpath(authority.path)
    done = office.run(made, "login", "--username", "ada", "--runner-ca", near, said=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    return made


def login_of(office: Office, who: Member) -> Path:
    """Where her login is kept."""
    return office.site.scratch / f"home-{who.name}" / ".local" / "state" / "breakglass" / "login.json"


def test_a_session_goes_through_tls(office: Office, ada: Member) -> None:
    """Typed at a terminal, relayed, recorded, ended with its status."""
    assert office.runner.url.startswith("https://")
    assert Path(kept_login(login_of(office, ada)).runner_ca).is_absolute()
    person = typing(office, ada, "ssh", "web1", "--reason", "locks on orders")
    person.expect(r"Asked as (INC-\w+)")
    incident = person.match[1].decode()
    person.expect_exact("This session is recorded by the runner")
    person.sendline("stty size; echo over-tls-$((40 + 2))")
    person.expect_exact("31 101")
    person.expect_exact("over-tls-42")
    person.sendline("exit 6")
    person.expect_exact("Grant revoked, proven.")
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == 6
    office.site.wait_for(incident, "incident.closed")
    assert b"over-tls-42" in replay(office, incident, "--speed", "1000").stdout


def test_a_certificate_of_others_is_a_clear_sentence(office: Office, ada: Member, others: Authority) -> None:
    """It names the runner, what is wrong with it, and what to check; no grant is asked for."""
    path = login_of(office, ada)
    before = kept_login(path)
    asked = len(office.site.states())
    keep_login(path, replace(before, runner_ca=str(others.path)))
    try:
        for words in (("ssh", "web1", "--reason", "look"), ("watch", "INC-NONE"), ("incidents",)):
            refused = office.run(ada, *words)
            assert refused.returncode == 1
            assert f"The runner at {before.runner} is not trusted, and was told nothing" in refused.stderr, (
                refused.stderr
            )
            assert "--runner-ca FILE" in refused.stderr
    finally:
        keep_login(path, before)
    assert len(office.site.states()) == asked


def test_a_name_that_is_not_in_the_certificate_is_named(office: Office, ada: Member, authority: Authority) -> None:
    """The address is another one than the certificate is for."""
    elsewhere = office.runner.url.replace("127.0.0.1", "localhost")
    api = RunnerApi(office.admin.with_token(ada.token), elsewhere, str(authority.path))
    with pytest.raises(UntrustedRunner, match="hostname mismatch, certificate is not valid for 'localhost'"):
        api.call("GET", "/api/v1/me")


def test_an_impostor_is_sent_nothing(
    office: Office, ada: Member, authority: Authority, others: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who answers in the runner's place with a certificate of others gets neither an identity token nor what is typed."""
    with impostor(others) as (url, heard), Path(os.devnull).open(encoding="utf-8") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        api = RunnerApi(office.admin.with_token(ada.token), url, str(authority.path))
        with pytest.raises(UntrustedRunner, match="certificate was not accepted"):
            attach(api, "INC-1", "web1", "id", Terminal())
        with pytest.raises(UntrustedRunner, match="certificate was not accepted"):
            list(Watch(api, "INC-1").lines(lambda _why: None))
    assert heard == []


def test_a_file_without_certificates_is_refused_at_the_login(office: Office, ada: Member, tmp_path: Path) -> None:
    """Before anybody is asked anything of the runner."""
    empty = tmp_path / "ca.pem"
    empty.write_text("nothing", encoding="utf-8")
    refused = office.run(ada, "login", "--username", "ada", "--runner-ca", str(empty), said=f"{PASSWORD}\n")
    assert (refused.returncode, "(--runner-ca, BREAKGLASS_RUNNER_CACERT) can't be used" in refused.stderr) == (1, True)


@contextmanager
def impostor(authority: Authority) -> Iterator[tuple[str, list[bytes]]]:
    """A TLS server with a certificate of this authority; what it heard after a handshake."""
    heard: list[bytes] = []
    pair = authority.server()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    raw, _ = server.accept()
                    with (
                        raw,
                        suppress(ssl.SSLError, ConnectionError),
                        context.wrap_socket(raw, server_side=True) as line,
                    ):
                        heard.extend(filter(None, [line.recv(65536)]))

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}", heard
        server.shutdown(socket.SHUT_RDWR)
        serving.join(10)
