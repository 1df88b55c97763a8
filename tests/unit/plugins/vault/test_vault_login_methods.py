# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing a login method, and what each makes of options and environment before any request."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    UnusableOption,
    UnusableRequest,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import known_methods, login_method
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login.approle import (
    AppRoleLogin,
    WrappedAppRoleLogin,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login.cert import CertLogin
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login.jwt import JwtLogin
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login.kubernetes import KubernetesLogin
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login.ldap import LdapLogin
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login.token import TokenLogin
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login.token_file import TokenFileLogin
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login.userpass import UserpassLogin
from tests.support.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path

ROLE = {"auth_method": "approle", "role_id": "role"}
USER = {"auth_method": "userpass", "username": "alice"}


def test_the_methods_are_the_files_of_the_folder() -> None:
    """Each module of the folder without a leading underscore is a method, and each has `validate`."""
    assert known_methods() == ("approle", "cert", "jwt", "kubernetes", "ldap", "token", "token_file", "userpass")


@pytest.mark.parametrize(
    "name",
    [
        "kerberos",
        "_made",
        "__init__",
        "made",
        "../grant",
        "grant",
        "os",
        "token.py",
        "Token",
        "token\n",
        "\uff54oken",
        "a" * 99,
    ],
)
def test_only_a_method_of_the_folder_can_be_named(name: str) -> None:
    """Anything else than the plain name of such a file is refused with the list of them, and nothing is imported."""
    with pytest.raises(UnusableOption, match="must be one of approle, cert, jwt"):
        login_method({"auth_method": name}, {})


def test_the_environment_can_name_the_method(tmp_path: Path) -> None:
    """VAULT_AUTH_METHOD chooses where the option does not; a role's file means AppRole, and a token wins over it."""
    (tmp_path / "role").write_text("role")
    assert login_method({}, {"VAULT_AUTH_METHOD": "jwt", "VAULT_JWT": "a.b.c"}) == JwtLogin("a.b.c", None)
    files = {"VAULT_ROLE_ID_FILE": str(tmp_path / "role"), "VAULT_SECRET_ID": "secret"}
    assert login_method({}, files) == AppRoleLogin("role", "secret")
    assert login_method({}, {**files, "VAULT_TOKEN": "token"}) == TokenLogin("token")


def test_token_and_token_file(tmp_path: Path) -> None:
    """The method token falls back to the file; the method token_file takes the file though there is a token."""
    (tmp_path / ".vault-token").write_text("token")
    environ = {"HOME": str(tmp_path)}
    expected = TokenFileLogin(tmp_path / ".vault-token")
    assert login_method({"auth_method": "token"}, environ) == expected
    assert login_method({"auth_method": "token_file"}, {**environ, "VAULT_TOKEN": "other"}) == expected


def test_a_secret_is_taken_from_option_then_file_then_variable_then_its_file(tmp_path: Path) -> None:
    """The four places of a secret, in their order."""
    for name in ("option-file", "variable-file"):
        (tmp_path / name).write_text(name + "\n")
    environ = {"VAULT_JWT_FILE": str(tmp_path / "variable-file")}
    options: dict[str, object] = {"auth_method": "jwt", "role_id": "ci"}
    assert login_method(options, environ) == JwtLogin("variable-file", "ci")
    environ["BAO_JWT"] = "variable"
    assert login_method(options, environ) == JwtLogin("variable", "ci")
    options["jwt_file"] = str(tmp_path / "option-file")
    assert login_method(options, environ) == JwtLogin("option-file", "ci")
    options["jwt"] = "option"
    assert login_method(options, environ) == JwtLogin("option", "ci")


def test_a_wrapped_secret_id_stands_instead_of_a_plain_one(tmp_path: Path) -> None:
    """wrapped_secret_id, its file and its variable serve; together with a plain one it is refused."""
    (tmp_path / "wrapped").write_text("s.wrapped")
    expected = WrappedAppRoleLogin("role", "s.wrapped")
    assert login_method({**ROLE, "wrapped_secret_id": "s.wrapped"}, {}) == expected
    assert login_method({**ROLE, "wrapped_secret_id_file": str(tmp_path / "wrapped")}, {}) == expected
    assert login_method(ROLE, {"VAULT_WRAPPED_SECRET_ID": "s.wrapped"}) == expected
    with pytest.raises(UnusableOption, match="one of them"):
        login_method({**ROLE, "wrapped_secret_id": "s.wrapped", "secret_id": "plain"}, {})


def test_a_pod_finds_its_token_by_itself(tmp_path: Path) -> None:
    """Kubernetes takes role and file; without a file and outside of a pod the error names the usual place."""
    path = tmp_path / "token"
    path.write_text("jwt")
    options = {"auth_method": "kubernetes", "role_id": "runner"}
    assert login_method({**options, "jwt_file": str(path)}, {}) == KubernetesLogin("runner", path)
    with pytest.raises(UnusableOption, match=r"/var/run/secrets/kubernetes\.io/serviceaccount/token"):
        login_method(options, {})


def test_a_password_may_hold_blanks_and_any_letters(tmp_path: Path) -> None:
    """A password keeps blanks at both ends and letters beyond ASCII; only the newline at the file's end goes."""
    (tmp_path / "password").write_text(" päss wörd \n", encoding="utf-8")
    options = {**USER, "password_file": str(tmp_path / "password"), "mfa_passcode": "123456"}
    assert login_method(options, {}) == UserpassLogin("alice", " päss wörd ", "123456")
    environ = {"VAULT_PASSWORD": "p w", "BREAKGLASS_MFA_PASSCODE": "654321"}
    assert login_method({**USER, "auth_method": "ldap"}, environ) == LdapLogin("alice", "p w", "654321")


def test_the_own_certificate_wins_over_the_connections(tmp_path: Path) -> None:
    """cert_auth_* come first, then client_cert and client_key, then VAULT_CLIENT_CERT."""
    people = Authority.create(tmp_path, "people")
    one, two = people.client("one"), people.client("two")
    options = {"auth_method": "cert", "client_cert": str(two.certificate), "client_key": str(two.key)}
    assert login_method(options, {}) == CertLogin(str(two.certificate), str(two.key), None)
    options |= {"cert_auth_public_key": str(one.certificate), "cert_auth_private_key": str(one.key), "role_id": "ops"}
    assert login_method(options, {}) == CertLogin(str(one.certificate), str(one.key), "ops")


def test_the_mount_point_may_be_written_as_vault_lists_it() -> None:
    """`auth/NAME/` and `NAME` are the same mount."""
    for mount in ("ci/jwt", "auth/ci/jwt/", "/ci/jwt/"):
        assert login_method({"auth_method": "jwt", "jwt": "x", "mount_point": mount}, {}) == JwtLogin(
            "x", None, "ci/jwt"
        )


@pytest.mark.parametrize(
    "options",
    [
        {"auth_method": "jwt"},
        {"auth_method": "jwt", "jwt": "canary two"},
        {"auth_method": "jwt", "jwt": "x", "role_id": "canary/../x"},
        {"auth_method": "jwt", "jwt": "x", "mount_point": "../sys/canary"},
        {"auth_method": "jwt", "jwt_file": "/does/not/exist"},
        {"auth_method": "kubernetes"},
        {"auth_method": "kubernetes", "role_id": "x", "jwt_file": "/does/not/exist"},
        {"auth_method": "cert"},
        {"auth_method": "cert", "client_key": "/does/not/exist"},
        {"auth_method": "cert", "cert_auth_public_key": "/does/not/exist"},
        USER,
        {"auth_method": "userpass", "password": "canary"},
        {**USER, "password": "canary\nsecond"},
        {**USER, "password": "canary\x1b[2J"},
        {**USER, "password_file": "/does/not/exist"},
        {**USER, "password": "canary", "mfa_passcode": "canary two"},
        {**USER, "password": "canary", "mfa_passcode_file": "/does/not/exist"},
        {**USER, "username": "../../sys/canary", "password": "x"},
        {**USER, "username": "canary user", "password": "x"},
        {**USER, "auth_method": "ldap"},
        {**USER, "auth_method": "ldap", "password": 5},
        {**ROLE, "wrapped_secret_id": "canary two"},
        {**ROLE, "wrapped_secret_id_file": "/does/not/exist"},
    ],
)
def test_what_cannot_work_is_refused_before_any_request(options: dict[str, object]) -> None:
    """Missing, ill-formed and hostile options are one sentence each, without their values."""
    with pytest.raises(UnusableOption) as refusal:
        login_method(options, {"HOME": "/does/not/exist"})
    assert "canary" not in str(refusal.value) + repr(refusal.value)
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize(
    ("method", "place"),
    [
        (TokenLogin("canary"), "token"),
        (AppRoleLogin("canary", "canary"), "approle"),
        (WrappedAppRoleLogin("canary", "canary"), "approle"),
        (JwtLogin("canary", None), "jwt"),
        (UserpassLogin("alice", "canary", "canary"), "userpass"),
        (LdapLogin("alice", "canary", "canary"), "ldap"),
    ],
)
def test_a_method_shows_no_secret_and_is_not_pickled(method: object, place: str) -> None:
    """Neither repr nor str shows the secret, and neither pickle nor a deep copy carries it elsewhere."""
    assert "canary" not in repr(method) + str(method) + f"{method}"
    assert type(method).__module__.endswith(f".login.{place}")
    for carry in (pickle.dumps, copy.deepcopy):
        with pytest.raises(UnusableRequest):
            carry(method)
