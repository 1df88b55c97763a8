# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Vault is, and with what login, from options and environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection, from_options
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import UnusableOption
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import login_method
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login.approle import AppRoleLogin
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login.token import TokenLogin
from tests.support.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://vault.example.com:8200"


def test_an_option_wins_over_the_environment() -> None:
    """The option url beats VAULT_ADDR, which beats BAO_ADDR."""
    environ = {"VAULT_ADDR": "https://two.example.com", "BAO_ADDR": "https://three.example.com"}
    assert from_options({"url": URL + "/"}, environ).url == URL
    assert from_options({"url": None}, environ).url == "https://two.example.com"
    assert from_options({}, {"BAO_ADDR": URL}).url == URL


def test_the_defaults() -> None:
    """Ten seconds, two retries, certificates checked, no proxy."""
    assert from_options({"url": URL}, {"HTTP_PROXY": "http://proxy"}) == Connection(url=URL)


def test_everything_can_come_from_the_environment(tmp_path: Path) -> None:
    """Namespace, CA file, client certificate, timeout, retries, proxy and the switched-off check have their variables."""
    authority = Authority.create(tmp_path, "ca")
    pair = authority.client("me")
    environ = {
        "BAO_ADDR": URL,
        "VAULT_NAMESPACE": "team/a",
        "VAULT_CACERT": str(tmp_path / "ca.pem"),
        "BAO_SKIP_VERIFY": "true",
        "VAULT_CLIENT_TIMEOUT": "30s",
        "BAO_MAX_RETRIES": "4",
        "VAULT_CLIENT_CERT": str(pair.certificate),
        "BAO_CLIENT_KEY": str(pair.key),
        "VAULT_PROXY_ADDR": "http://user:canary@proxy.example.com:3128",
    }
    found = from_options({}, environ)
    assert (found.namespace, found.ca_cert, found.validate_certs) == ("team/a", str(tmp_path / "ca.pem"), False)
    assert (found.timeout, found.retries, found.proxy) == (30, 4, environ["VAULT_PROXY_ADDR"])
    assert (found.client_cert, found.client_key) == (str(pair.certificate), str(pair.key))
    assert "canary" not in repr(found)


def test_an_option_can_switch_the_check_back_on() -> None:
    """validate_certs: true wins over VAULT_SKIP_VERIFY."""
    assert from_options({"url": URL, "validate_certs": True}, {"VAULT_SKIP_VERIFY": "1"}).validate_certs


def test_a_missing_address_names_option_and_variable() -> None:
    """Without any url the error says what to set."""
    with pytest.raises(UnusableOption, match="option url, or the environment variable VAULT_ADDR"):
        from_options({}, {})


@pytest.mark.parametrize(
    "options",
    [
        {"url": "vault.example.com"},
        {"url": "ftp://vault.example.com"},
        {"url": "https://user:canary@vault.example.com"},
        {"url": "https://vault.example.com?token=canary"},
        {"url": "https://vault.example.com#canary"},
        {"url": "https://"},
        {"url": "https://vault.example.com:99999"},
        {"url": "https://[canary"},
        {"url": "https://canary example.com"},
        {"url": 5},
        {"url": URL, "namespace": "canary space"},
        {"url": URL, "validate_certs": "perhaps"},
        {"url": URL, "timeout": 0},
        {"url": URL, "timeout": "canary"},
        {"url": URL, "timeout": -1},
        {"url": URL, "retries": -1},
        {"url": URL, "retries": 11},
        {"url": URL, "retries": "canary"},
        {"url": URL, "ca_cert": "/does/not/exist"},
        {"url": URL, "ca_cert": __file__},
        {"url": URL, "client_cert": __file__},
        {"url": URL, "client_cert": "/does/not/exist"},
        {"url": URL, "client_key": "/does/not/exist"},
        {"url": URL, "proxies": "canary"},
        {"url": URL, "proxies": ["canary"]},
        {"url": URL, "proxies": "http://[canary"},
    ],
)
def test_an_option_that_cannot_be_used_is_an_error_without_its_value(options: dict[str, object]) -> None:
    """Each bad option is UnusableOption, and no text repeats what could be a secret."""
    with pytest.raises(UnusableOption) as refusal:
        from_options(options, {})
    assert "canary" not in str(refusal.value)


def test_the_token_option_wins_over_the_environment() -> None:
    """A token of the task beats VAULT_TOKEN, which beats BAO_TOKEN."""
    environ = {"VAULT_TOKEN": "two", "BAO_TOKEN": "three"}
    assert login_method({"token": "one"}, environ) == TokenLogin("one")
    assert login_method({}, environ) == TokenLogin("two")
    assert "one" not in repr(login_method({"token": "one"}, environ))


def test_an_approle_takes_options_then_files_then_environment(tmp_path: Path) -> None:
    """Each of the two ids is found by itself."""
    (tmp_path / "secret").write_text("from-file\n")
    options = {"auth_method": "approle", "role_id": "from-option", "secret_id_file": str(tmp_path / "secret")}
    environ = {"VAULT_ROLE_ID": "from-environment", "VAULT_SECRET_ID": "from-environment"}
    assert login_method(options, environ) == AppRoleLogin("from-option", "from-file")


@pytest.mark.parametrize(
    "options",
    [
        {"auth_method": "kerberos"},
        {"auth_method": "approle"},
        {"auth_method": "approle", "role_id": "x"},
        {"auth_method": "approle", "role_id": "x", "secret_id": "canary two"},
        {"auth_method": "approle", "role_id": "x", "secret_id_file": "/does/not/exist"},
        {"auth_method": "approle", "role_id": "x", "secret_id": "y", "mount_point": "../sys"},
        {"token": "canary two"},
        {"token": "canary\n"},
        {"token": "canäry"},
        {"token": 5},
    ],
)
def test_a_login_that_cannot_work_is_refused_before_any_request(options: dict[str, object], tmp_path: Path) -> None:
    """Missing and ill-formed options are UnusableOption, without their values."""
    with pytest.raises(UnusableOption) as refusal:
        login_method(options, {"HOME": str(tmp_path)})
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"\xff\xfe", b"x" * 70_000, b"a\x00b"])
def test_a_secret_file_holds_one_word(tmp_path: Path, content: bytes) -> None:
    """Empty, binary, long files and files with more words are refused."""
    (tmp_path / "secret").write_bytes(content)
    options = {"auth_method": "approle", "role_id": "x", "secret_id_file": str(tmp_path / "secret")}
    with pytest.raises(UnusableOption, match="secret_id"):
        login_method(options, {})
