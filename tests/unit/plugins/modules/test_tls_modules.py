# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates on a host: read, judged, proven before they are put in place, and put back."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.breakglass.remediation.plugins.module_utils import file_swap, tls_handshake
from ansible_collections.breakglass.remediation.plugins.module_utils.x509_reading import (
    UnreadableCertificate,
    blocks,
    read,
)
from ansible_collections.breakglass.remediation.plugins.modules.tls_certificate import look
from ansible_collections.breakglass.remediation.plugins.modules.tls_pair import UnusablePair, present, restored
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.plugins.modules.certificates import Signed, lay_down, sign

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = sign("root", authority=True)
BETWEEN = sign("between", by=ROOT, authority=True)
NAMES = ("shop.test", "www.shop.test", "*.any.test")
LEAF = sign("shop.test", NAMES, BETWEEN)
NOW = datetime.now(tz=timezone.utc)


def test_a_certificate_is_read() -> None:
    """Serial number, validity and names are those that OpenSSL reads."""
    found = read(LEAF.der)
    assert found.serial == f"{LEAF.certificate.serial_number:x}"
    assert found.begins_at == LEAF.certificate.not_valid_before_utc
    assert found.expires_at == LEAF.certificate.not_valid_after_utc
    assert found.names == set(NAMES)
    assert (found.issues_itself, read(ROOT.der).issues_itself) == (False, True)
    assert read(ROOT.der).names == frozenset()


def test_a_far_end_is_read() -> None:
    """From 2050 on the other form of time stands there."""
    assert read(sign("x", life=timedelta(days=20_000)).der).expires_at.year > 2070


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("shop.test", True),
        ("SHOP.test", True),
        ("a.any.test", True),
        ("any.test", False),
        ("b.a.any.test", False),
        ("test", False),
        ("shop.test.evil", False),
    ],
)
def test_names_fit_as_clients_see_it(name: str, fits: bool) -> None:  # noqa: FBT001 (a parameter of the test)
    """A star is one label."""
    assert read(LEAF.der).is_for(name) is fits


@given(st.binary(max_size=200) | st.integers(0, len(LEAF.der) - 1).map(lambda at: LEAF.der[:at]))
@example(LEAF.der.replace(b"\x55\x1d\x11\x04", b"\x55\x1d\x11\x05"))  # an extension without its value
@settings(max_examples=300)
def test_what_is_no_certificate_is_said(der: bytes) -> None:
    """Any bytes, and any beginning of a certificate."""
    with pytest.raises(UnreadableCertificate):
        read(der)


def test_blocks_are_found_between_other_text() -> None:
    """Keys and remarks around them don't matter."""
    assert len(blocks(f"# mine\n{LEAF.key_pem}{LEAF.pem}\r\n{BETWEEN.pem}")) == 2


@contextmanager
def serving(directory: Path) -> Iterator[int]:
    """A server with the pair of a directory, on the loopback address; gives its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "certificate.pem", directory / "private_key.pem")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    plain, _ = server.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(plain, server_side=True).close()
                except OSError:
                    plain.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def judged(directory: Path, port: int, **other: Any) -> dict[str, Any]:
    given_options = {
        "certificate_path": str(directory / "certificate.pem"),
        "key_path": str(directory / "private_key.pem"),
        "names": ["shop.test"],
        "min_days": 21,
        "address": "127.0.0.1",
        "port": port,
        "ca_path": None,
    }
    return look({**given_options, **other}, NOW)


def test_a_good_certificate_has_no_fault(tmp_path: Path) -> None:
    """In the file and on the wire, and for a client that trusts the intermediate."""
    lay_down(tmp_path / "a", LEAF, BETWEEN)
    (tmp_path / "trusted").write_text(BETWEEN.pem)
    with serving(tmp_path / "a") as port:
        found = judged(tmp_path / "a", port, ca_path=str(tmp_path / "trusted"))
    assert (found["file_fault"], found["wire_fault"], found["wire_answers"]) == ("", "", True)
    assert found["file_serial"] == found["wire_serial"] == f"{LEAF.certificate.serial_number:x}"


@pytest.mark.parametrize(
    ("leaf", "said"),
    [
        (sign("shop.test", NAMES, BETWEEN, begins=NOW - timedelta(days=60), life=timedelta(days=30)), "expired at "),
        (sign("shop.test", NAMES, BETWEEN, life=timedelta(days=20)), "in less than 21 days"),
        (sign("shop.test", NAMES, BETWEEN, begins=NOW + timedelta(days=1)), "valid only from "),
        (sign("shop.test", ("other.test",), BETWEEN), "not for shop.test"),
        (sign("shop.test", (), BETWEEN), "not for shop.test"),
    ],
)
def test_what_is_wrong_is_said_of_file_and_wire(tmp_path: Path, leaf: Signed, said: str) -> None:
    """Expired, about to, not yet valid, for another name, and a common name alone."""
    lay_down(tmp_path / "a", leaf, BETWEEN)
    with serving(tmp_path / "a") as port:
        found = judged(tmp_path / "a", port)
    assert said in found["file_fault"]
    assert said in found["wire_fault"]


def test_a_service_that_was_not_reloaded_is_found(tmp_path: Path) -> None:
    """The file is good and another one than what is shown."""
    lay_down(tmp_path / "a", LEAF, BETWEEN)
    lay_down(tmp_path / "b", sign("shop.test", NAMES, BETWEEN), BETWEEN)
    with serving(tmp_path / "b") as port:
        found = judged(tmp_path / "a", port)
    assert (found["file_fault"], found["wire_fault"]) == ("", "not the one in the file")


def test_a_client_that_does_not_trust_says_so(tmp_path: Path) -> None:
    """Without the intermediate the way to the root is missing; authorities that are none are said, too."""
    lay_down(tmp_path / "a", LEAF, BETWEEN)
    (tmp_path / "root").write_text(ROOT.pem)
    (tmp_path / "nothing").write_text("nothing")
    with serving(tmp_path / "a") as port:
        assert (
            "unable to get local issuer" in judged(tmp_path / "a", port, ca_path=str(tmp_path / "root"))["wire_fault"]
        )
        for path in ("nothing", "absent"):
            assert "ca_path can't be read" in judged(tmp_path / "a", port, ca_path=str(tmp_path / path))["wire_fault"]


def test_a_silent_service_and_missing_files_are_said(tmp_path: Path) -> None:
    """And a key that is another certificate's, and a file with something else."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    found = judged(tmp_path / "none", closed)
    assert found["file_fault"] == "there is no file"
    assert (found["wire_answers"], found["wire_fault"]) == (False, "does not answer (Connection refused)")
    lay_down(tmp_path / "a", LEAF, BETWEEN)
    (tmp_path / "a" / "private_key.pem").write_text(BETWEEN.key_pem)
    assert judged(tmp_path / "a", closed)["file_fault"].startswith("the key is not the certificate's")
    (tmp_path / "a" / "certificate.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert judged(tmp_path / "a", closed)["file_fault"] == "the file holds no certificate"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A service's files, its key readable by its group, and a new pair that lies ready."""
    lay_down(tmp_path / "new", LEAF, BETWEEN, ROOT)
    lay_down(tmp_path / "live", sign("shop.test", NAMES, BETWEEN), BETWEEN)
    (tmp_path / "live" / "private_key.pem").chmod(0o644)
    (tmp_path / "live" / "certificate.pem").chmod(0o640)
    return tmp_path


def options(place: Path, **other: Any) -> dict[str, Any]:
    live = place / "live"
    usual = {
        "directory": str(place / "new"),
        "certificate_path": str(live / "certificate.pem"),
        "key_path": str(live / "private_key.pem"),
        "chain_path": None,
        "ca_path": None,
        "names": ["shop.test", "www.shop.test"],
    }
    return {**usual, **other}


def _nothing(file: str, place: str) -> None:
    """There is no SELinux here."""


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_pair_is_put_in_place_and_back(place: Path) -> None:
    """The chain without its root follows the certificate; modes stay but that others read no key; the way back is exact."""
    live = place / "live"
    before = {path.name: (path.read_bytes(), path.stat().st_mode) for path in live.iterdir()}
    done = present(options(place), _nothing)
    assert done["serial"] == f"{LEAF.certificate.serial_number:x}"
    assert done["changed"] is True
    assert (live / "certificate.pem").read_text() == LEAF.pem + BETWEEN.pem
    assert (live / "private_key.pem").read_text() == LEAF.key_pem
    assert (mode(live / "private_key.pem"), mode(live / "certificate.pem")) == (0o640, 0o640)
    assert restored(options(place), _nothing)["changed"] is True
    assert {path.name: (path.read_bytes(), path.stat().st_mode) for path in live.iterdir()} == before
    assert restored(options(place), _nothing) == {"changed": False, "paths": []}


def test_where_nothing_was_the_key_is_roots_alone(place: Path) -> None:
    """And the way back takes the files away again."""
    absent = options(
        place, **{f"{name}_path": str(place / "live" / f"new-{name}") for name in ("certificate", "key", "chain")}
    )
    present(absent, _nothing)
    assert (mode(place / "live" / "new-key"), mode(place / "live" / "new-certificate")) == (0o600, 0o644)
    assert (place / "live" / "new-certificate").read_text() == LEAF.pem
    assert (place / "live" / "new-chain").read_text() == BETWEEN.pem
    restored(absent, _nothing)
    assert sorted(path.name for path in (place / "live").iterdir()) == [
        "certificate.pem",
        "chain.pem",
        "private_key.pem",
    ]


def test_nothing_to_restore_is_nothing_changed(place: Path) -> None:
    """When nothing was replaced."""
    assert restored(options(place), _nothing) == {"changed": False, "paths": []}


@pytest.mark.parametrize("spoiled", ["names", "key", "chain", "trust"])
def test_a_pair_that_does_not_fit_is_not_put_in_place(place: Path, spoiled: str) -> None:
    """Another name, another key, a chain of others, authorities that did not sign it: nothing is touched."""
    other: dict[str, Any] = {}
    if spoiled == "names":
        other["names"] = ["shop.test", "not.there"]
    elif spoiled == "key":
        (place / "new" / "private_key.pem").write_text(ROOT.key_pem)
    elif spoiled == "chain":
        (place / "new" / "chain.pem").write_text(sign("between", by=ROOT, authority=True).pem)
    else:
        other["ca_path"] = str(place / "ca")
        (place / "ca").write_text(sign("stranger", authority=True).pem)
    before = {path.name: path.read_bytes() for path in (place / "live").iterdir()}
    with pytest.raises(UnusablePair):
        present(options(place, **other), _nothing)
    assert {path.name: path.read_bytes() for path in (place / "live").iterdir()} == before


def test_a_link_is_refused(place: Path) -> None:
    """Replacing it would leave the service with what it points to."""
    link = place / "live" / "link"
    link.symlink_to("certificate.pem")
    with pytest.raises(file_swap.UnusableFile, match="name what it points to"):
        present(options(place, certificate_path=str(link)), _nothing)
    with pytest.raises(file_swap.UnusableFile, match="no directory"):
        file_swap.look(str(place / "nowhere" / "x"))
    assert str(link.readlink()) == "certificate.pem"


def test_a_failed_replacement_leaves_no_new_file(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file beside it goes away."""

    def refused(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(OSError):  # noqa: PT011 (it is ours)
        file_swap.replace(file_swap.look(str(place / "live" / "chain.pem")), b"x", _nothing)
    assert [path for path in (place / "live").iterdir() if path.name.startswith(".")] == []


def test_a_server_that_speaks_something_else_is_said() -> None:
    """Plain HTTP on the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            plain, _ = server.accept()
            plain.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
            plain.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(tls_handshake.NoAnswer, match="does not speak TLS"):
            tls_handshake.served("127.0.0.1", server.getsockname()[1], "x", 5)
