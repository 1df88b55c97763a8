# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way to log in, set up in a real OpenBao: options that work, options that don't, and what must stay hidden."""

from __future__ import annotations

import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from tests.support.certificates import Authority
from tests.support.ldap_front import LdapFront
from tests.support.login_vault import at
from tests.support.passcode import passcode
from tests.support.signed_jwt import public_pem, signed
from tests.support.token_review import AUDIENCE, TokenReviewServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
    from tests.support.login_vault import LoginVault, TlsVault


@dataclass(frozen=True)
class Way:
    """One login method, ready.

    Attributes:
        options: Options with which it works, with `auth_method`.
        wrong: What to change in them so that Vault refuses the login.
        client: Where to log in.
        secrets: What may be found nowhere.
        faults: What a strict server found wrong in our requests; must stay empty.
    """

    options: Mapping[str, object]
    wrong: Mapping[str, object]
    client: Client
    secrets: tuple[str, ...] = field(repr=False)
    faults: list[str] = field(default_factory=list)


def canary(what: str) -> str:
    """Make a secret that can be recognised."""
    return f"canary-{what}-{secrets.token_hex(8)}"


@contextmanager
def approle(vault: LoginVault, _: Path) -> Iterator[Way]:
    """AppRole with role id and secret id."""
    role, options = approle_role(vault, vault.rules)
    secret_id = at(vault.admin.post(f"{role}/secret-id", {}), "data", "secret_id")
    wrong = canary("secret-id")
    yield Way({**options, "secret_id": secret_id}, {"secret_id": wrong}, vault.admin, (secret_id, wrong))


@contextmanager
def wrapped_approle(vault: LoginVault, directory: Path) -> Iterator[Way]:
    """AppRole with a wrapped secret id from a file."""
    role, options = approle_role(vault, vault.rules)
    wrapping = wrapped_secret_id(vault, role)
    path = directory / "wrapped"
    path.write_text(wrapping + "\n")
    wrong = canary("wrapped")
    change = {"wrapped_secret_id_file": None, "wrapped_secret_id": wrong}
    yield Way({**options, "wrapped_secret_id_file": str(path)}, change, vault.admin, (wrapping, wrong))


def approle_role(vault: LoginVault, rules: dict[str, object]) -> tuple[str, dict[str, object]]:
    """Make an AppRole: its path, and the options of a login without a secret id."""
    mount = vault.mount("approle")
    role = f"auth/{mount}/role/runner"
    vault.admin.post(role, rules)
    role_id = at(vault.admin.get(f"{role}/role-id"), "data", "role_id")
    return role, {"auth_method": "approle", "mount_point": mount, "role_id": role_id}


def wrapped_secret_id(vault: LoginVault, role: str) -> str:
    """Issue a secret id inside a wrapping token."""
    return at(vault.admin.post(f"{role}/secret-id", {}, wrap_ttl=timedelta(minutes=1)), "wrap_info", "token")


@contextmanager
def jwt(vault: LoginVault, directory: Path) -> Iterator[Way]:
    """JWT of a CI job, from a file, signed by a key that the mount trusts."""
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    mount = vault.mount("jwt")
    vault.admin.post(f"auth/{mount}/config", {"jwt_validation_pubkeys": [public_pem(key)], "bound_issuer": "ci"})
    role = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"], **vault.rules}
    vault.admin.post(f"auth/{mount}/role/deploy", role)
    now = int(time.time())
    claims: dict[str, object] = {"iss": "ci", "aud": "vault", "sub": "job-1", "iat": now, "nbf": now, "exp": now + 600}
    good, forged = signed(key, claims), signed(other, claims)
    path = directory / "jwt"
    path.write_text(good)
    options = {"auth_method": "jwt", "mount_point": mount, "role_id": "deploy", "jwt_file": str(path)}
    yield Way(options, {"jwt": forged}, vault.admin, (good, forged))


@contextmanager
def cert(vault: TlsVault, directory: Path) -> Iterator[Way]:
    """TLS client certificate of a CA that the mount trusts, over TLS."""
    people, strangers = Authority.create(directory / "people", "people"), Authority.create(directory / "other", "other")
    mount = vault.mount("cert")
    vault.admin.post(f"auth/{mount}/certs/ops", {"certificate": people.pem, **vault.rules})
    pair, forged = people.client("alice"), strangers.client("alice")
    options = {"auth_method": "cert", "mount_point": mount, **_pair(pair.certificate, pair.key)}
    hidden = tuple(entry.key.read_text().splitlines()[1] for entry in (pair, forged))
    yield Way(options, _pair(forged.certificate, forged.key), vault.tls, hidden)


def _pair(certificate: Path, key: Path) -> dict[str, object]:
    return {"cert_auth_public_key": str(certificate), "cert_auth_private_key": str(key)}


@contextmanager
def userpass(vault: LoginVault, directory: Path) -> Iterator[Way]:
    """Name and password that Vault keeps; the password has blanks and comes from a file."""
    good, wrong = canary("pass word ü"), canary("wrong")
    path = directory / "password"
    path.write_text(good + "\n", encoding="utf-8")
    mount = vault.mount("userpass")
    vault.admin.post(f"auth/{mount}/users/alice", {"password": good, **vault.rules})
    options = {"auth_method": "userpass", "mount_point": mount, "username": "alice", "password_file": str(path)}
    yield Way(options, {"password": wrong}, vault.admin, (good, wrong))


@dataclass(frozen=True)
class Factor:
    """A login with a second factor, and the device that shows its codes."""

    way: Way
    device: str = field(repr=False)

    def code(self, steps: int = 0) -> str:
        """The code of now, or of that many steps of 30 s later (Vault takes one earlier and one later, too)."""
        return passcode(self.device, time.time(), steps)


def with_factor(vault: LoginVault, way: Way) -> Factor:
    """Have Vault want a TOTP code for the logins of a way with name and password."""
    mount, name = str(way.options["mount_point"]), f"person-{secrets.token_hex(4)}"
    entity = at(vault.admin.post("identity/entity", {"name": name}), "data", "id")
    accessor = vault.accessor_of(mount)
    alias = {"name": way.options["username"], "canonical_id": entity, "mount_accessor": accessor}
    vault.admin.post("identity/entity-alias", alias)
    return Factor(way, _device(vault, entity, {"auth_method_accessors": [accessor]}))


def device_of(vault: LoginVault, entity: str) -> str:
    """Have Vault want a TOTP code for every login of an entity; the address of the device that shows it."""
    return _device(vault, entity, {"identity_entity_ids": [entity]})


def _device(vault: LoginVault, entity: str, where: dict[str, object]) -> str:
    rules = {"issuer": "breakglass", "period": 30, "skew": 1, "digits": 6, "algorithm": "SHA1"}
    made = vault.admin.post("identity/mfa/method/totp", {**rules, "max_validation_attempts": 3})
    method = at(made, "data", "method_id")
    asked = {"method_id": method, "entity_id": entity}
    device = at(vault.admin.post("identity/mfa/method/totp/admin-generate", asked), "data", "url")
    name = f"enforced-{secrets.token_hex(4)}"
    vault.admin.post(f"identity/mfa/login-enforcement/{name}", {"mfa_method_ids": [method], **where})
    return device


@contextmanager
def userpass_with_factor(vault: LoginVault, directory: Path) -> Iterator[Way]:
    """Name, password and a TOTP code."""
    with userpass(vault, directory) as way:
        factor = with_factor(vault, way)
        code = factor.code()
        wrong = f"{(int(code) + 500_000) % 1_000_000:06d}"
        yield Way(
            {**way.options, "mfa_passcode": code}, {"mfa_passcode": wrong}, way.client, (*way.secrets, code, wrong)
        )


@contextmanager
def kubernetes(vault: LoginVault, directory: Path) -> Iterator[Way]:
    """A pod's service account, against a strict TokenReview server."""
    reviewer, key = canary("reviewer"), ec.generate_private_key(ec.SECP256R1())
    authority = Authority.create(directory / "kube", "kube")
    good, stale = (service_account_token(key, "ops", "runner") for _ in range(2))
    for name, content in (("good", good), ("stale", stale)):
        (directory / name).write_text(content)
    with TokenReviewServer(authority.server(), reviewer) as server:
        server.accounts[good] = "ops:runner"
        mount = vault.mount("kubernetes")
        config = {"kubernetes_host": server.url, "kubernetes_ca_cert": authority.pem, "token_reviewer_jwt": reviewer}
        vault.admin.post(f"auth/{mount}/config", {**config, "disable_local_ca_jwt": True})
        bound = {"bound_service_account_names": ["runner"], "bound_service_account_namespaces": ["ops"]}
        vault.admin.post(f"auth/{mount}/role/runner", {**bound, **vault.rules})
        options = {"auth_method": "kubernetes", "mount_point": mount, "role_id": "runner"}
        wrong: dict[str, object] = {"jwt_file": str(directory / "stale")}
        hidden = (good, stale, reviewer)
        yield Way({**options, "jwt_file": str(directory / "good")}, wrong, vault.admin, hidden, server.faults)


def service_account_token(key: ec.EllipticCurvePrivateKey, namespace: str, name: str) -> str:
    """A token as Kubernetes projects it into a pod."""
    now = int(time.time())
    account = {"name": name, "uid": f"uid-of-{namespace}:{name}"}
    claims: dict[str, object] = {
        "iss": AUDIENCE,
        "aud": [AUDIENCE],
        "sub": f"system:serviceaccount:{namespace}:{name}",
        "kubernetes.io": {"namespace": namespace, "serviceaccount": account},
        "jti": secrets.token_hex(8),
    }
    return signed(key, {**claims, "iat": now, "nbf": now, "exp": now + 600})


@contextmanager
def ldap(vault: LoginVault, _: Path) -> Iterator[Way]:
    """Name and password of a directory, against the strict LDAP login in front of OpenBao."""
    rules = {"policies": [vault.policy], "no_default_policy": True, "ttl": "10m"}
    with LdapFront(vault.admin, rules) as front:
        good, wrong = canary("directory pass"), canary("wrong")
        front.passwords["alice"] = good
        options = {"auth_method": "ldap", "username": "alice", "password": good}
        yield Way(options, {"password": wrong}, front.client, (good, wrong), front.faults)


WAYS: dict[str, Callable[[TlsVault, Path], AbstractContextManager[Way]]] = {
    "approle": approle,
    "wrapped-approle": wrapped_approle,
    "jwt": jwt,
    "cert": cert,
    "userpass": userpass,
    "userpass-mfa": userpass_with_factor,
    "kubernetes": kubernetes,
    "ldap": ldap,
}
