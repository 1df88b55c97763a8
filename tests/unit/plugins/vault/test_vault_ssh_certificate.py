# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that a lying CA could sign, made by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    CertificateMismatch,
    UnusableRequest,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.ssh import SshRequest, generate_key_pair
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.ssh_certificate import (
    Expected,
    read_certificate,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
    load_ssh_private_key,
)

NOW = 1_795_388_876
LIFE = timedelta(minutes=5)
CA, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
KEY = Ed25519PrivateKey.generate().public_key()


def text_of(key: object) -> str:
    encoded: bytes = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return encoded.decode()


EXPECTED = Expected(
    kind=SSHCertificateType.USER,
    public_key=text_of(KEY) + " comment",
    principals=("web2", "web1"),
    key_id="INC-1",
    ca_public_key=text_of(CA.public_key()) + "\n",
    longest=LIFE,
    not_after=datetime.fromtimestamp(NOW + 300, tz=timezone.utc),
)


def right() -> SSHCertificateBuilder:
    return (
        SSHCertificateBuilder()
        .public_key(KEY)
        .serial(7742)
        .type(SSHCertificateType.USER)
        .key_id(b"INC-1")
        .valid_after(NOW - 30)
        .valid_before(NOW + 300)
    )


def signed(builder: SSHCertificateBuilder, ca: Ed25519PrivateKey = CA) -> str:
    return builder.sign(ca).public_bytes().decode()


HOSTS = [b"web1", b"web2"]


def test_the_right_certificate_is_read() -> None:
    """Serial, principals, times and the line itself are those of the certificate."""
    line = signed(right().valid_principals(HOSTS))
    found = read_certificate(line + "\n", EXPECTED)
    assert (found.serial, found.principals, found.text) == (7742, ("web1", "web2"), line)
    assert found.valid_before == EXPECTED.not_after
    assert found.ca_public_key == text_of(CA.public_key())


@pytest.mark.parametrize(
    ("line", "difference"),
    [
        (signed(right().valid_principals([b"web1"])), "principals"),
        (signed(right().valid_principals([*HOSTS, b"db1"])), "principals"),
        (signed(right().valid_for_all_principals()), "principals"),
        (signed(right().valid_principals(HOSTS), OTHER), "not signed by the certificate authority"),
        (signed(right().valid_principals(HOSTS).add_extension(b"permit-pty", b"")), "options or extensions"),
        (signed(right().valid_principals(HOSTS).add_critical_option(b"force-command", b"x")), "options or extensions"),
    ],
)
def test_each_difference_of_a_signed_certificate_is_named(line: str, difference: str) -> None:
    """Other principals, none at all, another CA, extensions and options are refused."""
    with pytest.raises(CertificateMismatch, match=difference):
        read_certificate(line, EXPECTED)


@pytest.mark.parametrize(
    ("expected", "difference"),
    [
        (replace(EXPECTED, kind=SSHCertificateType.HOST), "other type"),
        (replace(EXPECTED, public_key=text_of(OTHER.public_key())), "another key"),
        (replace(EXPECTED, key_id="INC-2"), "key id"),
        (replace(EXPECTED, longest=timedelta(minutes=4)), "it lives for 0:05:30, asked was 0:04:00"),
        (
            replace(EXPECTED, not_after=datetime.fromtimestamp(NOW + 299, tz=timezone.utc)),
            "outlives its grant by 0:00:01",
        ),
        (replace(EXPECTED, ca_public_key="nonsense"), "not signed"),
    ],
)
def test_each_other_expectation_is_named(expected: Expected, difference: str) -> None:
    """Type, key, key id, life and grant are compared."""
    with pytest.raises(CertificateMismatch, match=difference):
        read_certificate(signed(right().valid_principals(HOSTS)), expected)


def test_for_ever_is_too_long() -> None:
    """The largest time that the format knows is refused, and no crash."""
    builder = right().valid_principals(HOSTS)
    eternal = SSHCertificateBuilder().public_key(KEY).type(SSHCertificateType.USER).key_id(b"INC-1").serial(1)
    eternal = eternal.valid_principals(HOSTS).valid_after(0).valid_before(2**64 - 1)
    assert builder
    with pytest.raises(CertificateMismatch, match="it lives for"):
        read_certificate(signed(eternal), EXPECTED)


@pytest.mark.parametrize(
    "line",
    ["", "x", "ssh-ed25519 AAAA", text_of(KEY), "ssh-ed25519-cert-v01@openssh.com AAAA", "é\udcff"],
    ids=["empty", "a letter", "half a key", "a key", "half a certificate", "half a character"],
)
def test_what_is_no_certificate_is_refused(line: str) -> None:
    """Nonsense and plain keys are mismatches, not crashes."""
    with pytest.raises(CertificateMismatch):
        read_certificate(line, EXPECTED)


def test_a_changed_certificate_is_not_signed() -> None:
    """One flipped character breaks the signature."""
    kind, encoded = signed(right().valid_principals(HOSTS)).split()
    middle = len(encoded) // 2
    flipped = encoded[:middle] + ("A" if encoded[middle] != "A" else "B") + encoded[middle + 1 :]
    with pytest.raises(CertificateMismatch):
        read_certificate(f"{kind} {flipped}", EXPECTED)


def test_each_key_pair_is_new_and_fits_together() -> None:
    """Private and public key belong together, and the private one is not shown."""
    one, other = generate_key_pair(), generate_key_pair()
    assert one.public_key != other.public_key
    loaded = load_ssh_private_key(one.private_key, None)
    assert text_of(loaded.public_key()) == one.public_key
    assert "PRIVATE" not in repr(one)


@pytest.mark.parametrize("key_id", ["", "a\nb", "é", "x" * 201])
def test_a_strange_key_id_is_refused(key_id: str) -> None:
    """The key id ends up in sshd's log: one printable ASCII line."""
    with pytest.raises(UnusableRequest):
        SshRequest(("web1",), key_id, LIFE)


def test_a_life_below_a_second_is_refused() -> None:
    """Nothing is asked for that would be dead on arrival."""
    with pytest.raises(UnusableRequest):
        SshRequest(("web1",), "x", timedelta(milliseconds=999))
