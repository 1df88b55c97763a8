# SPDX-License-Identifier: GPL-3.0-or-later
"""renew_certificate on real hosts: nginx with certificates of the lab's PKI, seen as clients see it."""

from __future__ import annotations

import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import MissingPath
from cryptography import x509
from tests.lab.faults import TLS
from tests.lab.vault import admin
from tests.lab.vault_pki import ROLE, root_certificate
from tests.lab.watching import repaired_unattended

from breakglass.verification import verify_journal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.api import Lab
    from tests.lab.host import LabHost
    from tests.lab.playbooks import RoleRun

    from breakglass.demo.serving import Serving

ACCESS = "lab-certificates"
CERTIFICATE, KEY = f"{TLS}/certificate.pem", f"{TLS}/key.pem"
DEPLOY, ACTIVATE = "Deploy the certificate for web1", "Activate the new certificate in nginx"
TRUSTED = "/etc/ssl/lab-root.pem"
WEB1 = {
    "renew_certificate_name": "web1",
    "renew_certificate_certificate_path": CERTIFICATE,
    "renew_certificate_key_path": KEY,
    "renew_certificate_unit": "nginx",
    "renew_certificate_validator": "nginx",
    "renew_certificate_pki_role": ROLE,
}


@pytest.fixture
def expired(lab: Lab) -> Iterator[LabHost]:
    """web1 with a certificate that expired 30 days ago, and the root that its clients trust."""
    lab.break_("expired-certificate", "web1")
    web1 = lab.host("web1")
    web1.write(TRUSTED, root_certificate(admin(lab.place)))
    yield web1
    web1.run(["rm", "-f", TRUSTED])
    lab.mend("expired-certificate", "web1")


def renew(lab: Lab, *, check: bool = False, **other: object) -> RoleRun:
    return lab.run_role("renew_certificate", ["web1"], {**WEB1, **other}, access=ACCESS, check=check)


def shown(host: LabHost, name: str = "web1") -> x509.Certificate:
    """What the host shows to a client that does not look."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((host.address, 443), 5) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")


def accepted(lab: Lab, host: LabHost, name: str = "web1") -> bool:
    """Whether a client that trusts the lab's root accepts it."""
    context = ssl.create_default_context(cadata=root_certificate(admin(lab.place)))
    try:
        with socket.create_connection((host.address, 443), 5) as plain:
            context.wrap_socket(plain, server_hostname=name).close()
    except ssl.SSLCertVerificationError:
        return False
    return True


def files(host: LabHost) -> str:
    """What tells the pair from any other: content, owner, mode."""
    told = f"sha256sum {KEY} {CERTIFICATE}; stat -c '%n %u %g %a' {KEY} {CERTIFICATE}; ls -A {TLS}"
    return host.run(f"{told}; ls -A /run | grep breakglass-c", check=False).stdout


def issued(lab: Lab) -> int:
    """How many certificates the lab's PKI has signed."""
    try:
        keys = section(admin(lab.place).list("pki/certs"), "data")["keys"]
    except MissingPath:
        return 0
    return len(keys) if isinstance(keys, list) else 0


@pytest.mark.core
def test_an_expired_certificate_is_renewed(lab: Lab, expired: LabHost) -> None:
    """Check mode says what would change and has nothing signed; then a client accepts it; a second run changes nothing."""
    expired.run(f"chown www-data:adm {KEY}; chmod 640 {KEY}")
    signed = issued(lab)
    before = files(expired)
    predicted = renew(lab, check=True, renew_certificate_ca_path=TRUSTED)
    assert (predicted.code, predicted.changed("web1")) == (0, [DEPLOY, ACTIVATE])
    assert files(expired) == before
    assert issued(lab) == signed
    assert not accepted(lab, expired)
    repaired = renew(lab, renew_certificate_ca_path=TRUSTED)
    assert (repaired.code, repaired.changed("web1")) == (0, [DEPLOY, ACTIVATE]), repaired.text
    assert accepted(lab, expired)
    assert expired.run(f"stat -c '%U:%G %a' {KEY} {CERTIFICATE}").stdout.split("\n")[:2] == [
        "www-data:adm 640",
        "root:root 644",
    ]
    assert shown(expired).not_valid_after_utc > datetime.now(tz=UTC) + timedelta(days=85)
    assert "expires at" in repaired.text
    assert expired.run("ls -A /run | grep breakglass-c", check=False).stdout == ""
    assert renew(lab, renew_certificate_ca_path=TRUSTED).changed("web1") == []
    lab.record_run(role="renew_certificate", fault="expired-certificate", run=repaired)
    verified = verify_journal(repaired.journal, None, lab.environment, offline=False)
    assert verified.exit_code == 0, verified.text()


def test_no_key_is_told(lab: Lab, expired: LabHost) -> None:
    """With -vvvv and --diff neither output nor journal hold a line of the new key."""
    run = lab.run_role(
        "renew_certificate", ["web1"], WEB1, access=ACCESS, diff=True, extra_environment={"ANSIBLE_VERBOSITY": "4"}
    )
    assert run.code == 0
    key = [line for line in expired.read(KEY).splitlines() if "-----" not in line]
    journal = "".join(path.read_text(encoding="utf-8") for path in run.journal.rglob("*.jsonl"))
    assert key
    assert not [line for line in key if line in run.text + journal]


def test_a_certificate_that_the_service_does_not_show_is_undone(lab: Lab, expired: LabHost) -> None:
    """Nginx reads other files than those that were named: what was there is back, with owner and mode, and one sentence says so."""
    other = f"{TLS}/other"
    expired.run(
        f"mkdir {other}; cp -p {CERTIFICATE} {KEY} {other}; chmod 640 {other}/certificate.pem; chown www-data {other}/key.pem"
    )
    told = f"sha256sum {other}/*; stat -c '%n %u %g %a' {other}/*; ls -A {other} /run | grep -e pem -e breakglass-c"
    before = expired.run(told).stdout
    run = renew(
        lab,
        renew_certificate_certificate_path=f"{other}/certificate.pem",
        renew_certificate_key_path=f"{other}/key.pem",
        renew_certificate_timeout=2,
    )
    assert run.code != 0
    assert "127.0.0.1:443 was to show the certificate " in run.sentence
    assert "for 2 s; what it shows is expired at " in run.sentence
    assert run.sentence.endswith("the old pair is back and nginx reloaded with it.")
    assert expired.run(told).stdout == before
    assert expired.active("nginx") == "active"


def test_a_validator_that_refuses_stops_the_reload(lab: Lab, expired: LabHost) -> None:
    """A broken configuration of nginx: the old pair is back, and what could not be done with it is said."""
    before = files(expired)
    good = expired.read("/etc/nginx/nginx.conf")
    expired.write("/etc/nginx/nginx.conf", good + "nonsense;\n")
    try:
        run = renew(lab)
    finally:
        expired.write("/etc/nginx/nginx.conf", good)
    assert run.sentence.startswith("nginx refuses the new certificate: ")
    assert "the old pair is back, and nginx could not be reloaded with it" in run.sentence
    assert files(expired) == before
    assert expired.active("nginx") == "active"


def test_clients_that_do_not_trust_the_authority_stop_it(lab: Lab, expired: LabHost) -> None:
    """Another root in renew_certificate_ca_path: nothing is replaced, nginx is not even reloaded."""
    before = files(expired)
    expired.run(f"cp {CERTIFICATE} {TRUSTED}")
    run = renew(lab, renew_certificate_ca_path=TRUSTED)
    assert "so nothing was replaced: a client would not accept it: unable to get" in run.sentence
    assert run.sentence.endswith("no file was replaced.")
    assert run.changed("web1") == []
    assert files(expired) == before


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"renew_certificate_name": "web9.example.com"}, "No new certificate for web9.example.com could be had: "),
        ({"renew_certificate_pki_role": "other"}, "No new certificate for web1 could be had: "),
        (
            {"renew_certificate_life_days": 5},
            "renew_certificate_life_days must be more than renew_certificate_min_days",
        ),
        ({"renew_certificate_key_path": CERTIFICATE}, "must be different files"),
    ],
)
def test_what_vault_or_sense_refuses_changes_nothing(
    lab: Lab, expired: LabHost, other: dict[str, object], said: str
) -> None:
    """A name outside of the role, a role that the access does not open, a life that is too short, one file for both."""
    before = files(expired)
    run = lab.run_role("renew_certificate", ["web1"], {**WEB1, **other}, access=ACCESS)
    assert run.code != 0
    assert said in run.sentence
    assert run.changed("web1") == []
    assert files(expired) == before


def test_a_service_that_missed_a_renewal_is_only_reloaded(lab: Lab, expired: LabHost) -> None:
    """The file is good and nginx shows the old one: no certificate is signed, the reload is all."""
    assert renew(lab).code == 0
    renewed, number, signed = files(expired), shown(expired).serial_number, issued(lab)
    expired.run(f"mkdir /root/kept && cp -p {CERTIFICATE} {KEY} /root/kept")
    lab.break_("expired-certificate", "web1")
    deadline = time.monotonic() + 10
    while shown(expired).serial_number == number:  # nginx reloads in its own time
        assert time.monotonic() < deadline
        time.sleep(0.05)
    expired.run(f"cp -p /root/kept/* {TLS}/ && rm -r /root/kept")
    assert files(expired) == renewed
    wrong = renew(lab, renew_certificate_unit="cron", renew_certificate_timeout=1)
    assert wrong.sentence.startswith("cron could not be reloaded: ")
    assert wrong.sentence.endswith("; no file was replaced.")
    run = renew(lab)
    assert (run.code, run.changed("web1")) == (0, [ACTIVATE])
    assert (shown(expired).serial_number, issued(lab)) == (number, signed)


def test_a_chain_in_a_file_of_its_own_and_more_names(lab: Lab, expired: LabHost) -> None:
    """The certificate is for all names; the chain without the root lies where it was wanted."""
    chain = f"{TLS}/chain.pem"
    run = renew(lab, renew_certificate_alt_names=["shop.lab.test"], renew_certificate_chain_path=chain)
    assert run.code == 0, run.text
    assert len(x509.load_pem_x509_certificates(expired.read(CERTIFICATE).encode())) == 1
    assert len(x509.load_pem_x509_certificates(expired.read(chain).encode())) == 1
    names = shown(expired).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"web1", "shop.lab.test"}


def test_a_service_that_does_not_answer_is_not_its_matter(lab: Lab, expired: LabHost) -> None:
    """A good file and a closed port: it says what may help, and changes nothing."""
    assert renew(lab).code == 0
    expired.run("systemctl stop nginx")
    try:
        run = renew(lab)
    finally:
        expired.run("systemctl start nginx")
    assert "127.0.0.1:443 does not answer (Connection refused): that is no matter of a certificate" in run.sentence
    assert run.changed("web1") == []


def test_a_key_that_is_not_the_certificates_is_renewed(lab: Lab, expired: LabHost) -> None:
    """So would nginx not start again: both files are lost, and both are new, the key root's alone."""
    expired.run(f"rm {KEY} {CERTIFICATE}")
    assert renew(lab).code == 0
    assert expired.run(f"stat -c '%U:%G %a' {KEY} {CERTIFICATE}").stdout.split("\n")[:2] == [
        "root:root 600",
        "root:root 644",
    ]


def test_an_expired_certificate_is_repaired_unattended(watched: Lab, runner: Serving) -> None:
    """Prometheus sees it on the wire, Alertmanager tells the runner; the name comes out of the alert, the certificate from Vault."""
    assert runner.pid
    web2 = watched.host("web2")
    events = repaired_unattended(watched, "expired-certificate", "web2", proof=lambda: accepted(watched, web2, "web2"))
    obtained = [event.body for event in events if event.kind == "credential.obtained"]
    assert [body["kind"] for body in obtained] == ["ssh", "pki_host"]
    assert web2.active("nginx") == "active"
