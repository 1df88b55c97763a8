# SPDX-License-Identifier: GPL-3.0-or-later
"""The grounds on which the guides' commands are run: real installations, and the words of the guides that are others there.

A guide speaks of web1, INC-7K3M and /var/lib/breakglass; each ground says what these are on it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, texts
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import MissingPath
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import OPERATOR_POLICY
from tests.integration.collection.operator_run import GRANT, play
from tests.support.alertmanager import Alertmanager
from tests.support.login_vault import LoginVault
from tests.support.login_ways import Way, with_factor
from tests.support.postgresql import LOOPBACK, SUPERUSER, PostgreSQL, programs_or_skip
from tests.support.site import Site
from tests.support.traces import wait_until

from breakglass.demo.openbao import OpenBao
from breakglass.demo.parts import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

TREE: Final = Path(__file__).parents[2]
FIRST_ACCESSOR: Final = (
    "vault list -format=json auth/approle/role/breakglass-runner/secret-id | tr -d '[], \\n\"' | head -c 36"
)

REPAIR: Final = (
    "-e remediate_role=restart_service -e remediate_access=web-operator -e remediate_reason='the shop is down'"
    " -e restart_service_name=shop"
)
ANSWER: Final = "y"
"""What the tests type where a command asks whether it shall, or for a secret."""


@dataclass(frozen=True)
class Ground:
    """Where commands are run.

    Attributes:
        directory: The working directory.
        environment: All of it.
        words: A guide's word to what it is here; longer ones come first.
        typed: What is typed into a command, where it asks: whether it shall, or for a secret.
    """

    directory: Path
    environment: dict[str, str]
    words: dict[str, str] = field(default_factory=dict)
    typed: Callable[[], str] = lambda: ANSWER

    def command(self, text: str) -> str:
        """A guide's command as it is run here."""
        for word in sorted(self.words, key=len, reverse=True):
            text = re.sub(rf"(?<![\w/]){re.escape(word)}(?!\w)", lambda _, word=word: self.words[word], text)
        return text


def put_programs(directory: Path) -> Path:
    """Our command and Vault's, as they are installed elsewhere; returns their directory."""
    directory.mkdir(exist_ok=True)
    ours = directory / "breakglass"
    ours.write_text(f'#!/bin/sh\nexec {sys.executable} -m breakglass.cli.main "$@"\n', encoding="utf-8")
    ours.chmod(0o755)
    for name in ("vault", "bao"):
        (directory / name).symlink_to(Path(sys.executable).with_name("bao"))
    return directory


def _ground(site: Site, **words: str) -> Ground:
    programs = put_programs(site.scratch / "bin")
    here = site.place.directory
    (here / "inventory").symlink_to(site.place.inventory)
    (here / "policy").mkdir()
    (here / "policy" / "breakglass.yml").symlink_to(site.place.policy)
    environment = site.operator_environment(BREAKGLASS_JOURNAL=str(site.place.journal))
    environment |= {"BAO_ADDR": site.vault.url, "BAO_TOKEN": site.vault.root_token}
    environment["PATH"] = f"{programs}:{environment['PATH']}"
    common = {
        "/var/lib/breakglass/journal": str(site.place.journal),
        "/var/lib/breakglass/breakglass.db": str(site.scratch / "breakglass.db"),
        "/srv/backup/breakglass.db": str(site.scratch / "backup.db"),
        "/etc/breakglass/secrets": str(site.scratch / "secrets"),
        "restart_service_name=nginx": "restart_service_name=shop",
        "COPY": str(site.scratch / "copy"),
        "/srv/copies/bastion1/journal": str(site.place.journal),
        "/srv/copies/bastion2/journal": str(site.place.journal),
        "/var/lib/breakglass/journal/2026/11/22/INC-7K3M": str(site.place.journal),
        "/mnt/archive/breakglass": str(site.scratch / "archive"),
        "verify_journal.py": str(TREE / "tools" / "verify_journal.py"),
        "web-down": "web-service-failed",
        "secret_id_accessor=…": f"secret_id_accessor=$({FIRST_ACCESSOR})",
    }
    return Ground(here, environment, {**common, **words})


def _at_an_address(site: Site) -> Site:
    """Let its runner listen where doctor can look for it."""
    settings = yaml.safe_load(site.place.settings.read_text(encoding="utf-8"))
    settings["listen"] = f"127.0.0.1:{free_port()}"
    site.place.settings.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return site


@contextmanager
def repaired() -> Iterator[Ground]:
    """A runner that has repaired one incident, INC-7K3M, and goes on running."""
    with Site() as site, _at_an_address(site).runner() as runner:
        yield _with_keys(site, _repair(site, runner.url))


@contextmanager
def kept() -> Iterator[Ground]:
    """What a runner has left that repaired one incident and was stopped: its journal changes no more, and COPY is a copy of it."""
    with Site() as site:
        with site.runner() as runner:
            incident = _repair(site, runner.url)
        yield _with_keys(site, incident)


def _repair(site: Site, url: str) -> str:
    site.service.kill()
    incident = site.post(url, site.alert())
    site.wait_for(incident, "play.ended")
    site.post(url, site.alert("resolved"))
    site.wait_for(incident, "incident.closed")
    return incident


def _with_keys(site: Site, incident: str) -> Ground:
    ground = _ground(site, **{"INC-7K3M": incident})
    words = ["breakglass", "audit", "verify", "--save-keys", "journal.keys", "--save-anchors", "journal.anchors"]
    save = [*words, str(site.place.journal)]
    subprocess.run(save, cwd=ground.directory, env=ground.environment, check=True, capture_output=True)
    shutil.copytree(site.place.journal, site.scratch / "copy")  # after the anchors: a runner goes on writing
    return ground


@contextmanager
def stopped() -> Iterator[Ground]:
    """An installation whose runner does not run; `--settings settings.yml` and `journal` are in the working directory."""
    with Site() as site:
        yield _ground(site)


@contextmanager
def broken() -> Iterator[Ground]:
    """A runner whose repairs did not help: INC-7K3M is escalated, INC-9QX2 is open."""
    with Site() as site:
        limits = {"attempts": "1", "firing_for": "0s", "cooldown": "0s"}
        site.change_policy(lambda trigger: trigger.update(limits=limits))
        site.broken.touch()
        site.service.stop()
        with site.runner() as runner:
            incident = site.post(runner.url, site.alert())
            site.wait_for(incident, "escalation.delivered")
            other = site.post(runner.url, {**site.alert(fingerprint="0ddba11"), "groupKey": "another"})
            site.wait_for(other, "incident.opened")
            yield _ground(site, **{"INC-7K3M": incident, "INC-7K3M2P": incident, "INC-9QX2": other})


@contextmanager
def operator() -> Iterator[Ground]:
    """An operator with a Vault login, and a service on web1 that is down; no runner."""
    with Site() as site:
        site.service.kill()
        yield _ground(site)
        wait_until(site.service_answers, 20, "the guide's command has not repaired the service")


@contextmanager
def second_factor() -> Iterator[Ground]:
    """An operator whose login in Vault is name and password, and who types a code that their device shows; a service on web1 is down."""
    with Site() as site, Client(Connection(url=site.vault.url), site.vault.root_token) as admin:
        site.service.kill()
        vault = LoginVault(admin, "")
        mount = vault.mount("userpass")
        admin.post(f"auth/{mount}/users/alice", {"password": ANSWER, "token_policies": [OPERATOR_POLICY]})
        options = {"mount_point": mount, "username": "alice"}
        device = with_factor(vault, Way(options, {}, admin, ()))
        ground = _ground(site, **{"…": REPAIR})
        login = {"VAULT_AUTH_METHOD": "userpass", "VAULT_MOUNT_POINT": mount, "VAULT_USERNAME": "alice"}
        environment = {**ground.environment, **login, "VAULT_PASSWORD": ANSWER}
        for name in ("VAULT_TOKEN", "BAO_TOKEN"):
            environment.pop(name, None)
        yield replace(ground, environment=environment, typed=device.code)
        wait_until(site.service_answers, 20, "the guide's command has not repaired the service")


@contextmanager
def workstation() -> Iterator[Ground]:
    """An operator's own machine, whose runs are recorded in their home, with a playbook site.yml that opens a grant."""
    with Site() as site:
        ground = _ground(site)
        (ground.directory / "site.yml").write_text(play(GRANT), encoding="utf-8")
        yield replace(ground, environment={**ground.environment, "BREAKGLASS_JOURNAL": ""})


@contextmanager
def vault() -> Iterator[Ground]:
    """A Vault with the engines that the guide about credentials speaks of, and an admin's login."""
    with Site() as site, Client(Connection(url=site.vault.url), site.vault.root_token) as admin:
        for path, body in (("pki", {"type": "pki"}),):
            admin.post(f"sys/mounts/{path}", body)
        for name in ("creation", "revoke-1", "revoke-2", "revoke-3"):
            (site.place.directory / f"{name}.sql").write_text("SELECT 1;\n", encoding="ascii")
        yield _ground(site)


@contextmanager
def own_vault() -> Iterator[Ground]:
    """A Vault that others use and nobody has prepared, its admin's login, an installation with people, and the guide's policy in setup.hcl.

    At the end it must be as it was, but for what the guide says is left.
    """
    guide = (TREE / "docs" / "guides" / "your-own-vault.md").read_text(encoding="utf-8")
    (policy,) = re.findall(r"^```hcl\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    with Site() as site, OpenBao(site.scratch / "others") as server, _admin_of(server) as admin:
        admin.post("sys/mounts/kv", {"type": "kv", "options": {"version": "2"}})
        admin.post("kv/data/theirs", {"data": {"word": "untouched"}})
        before = _names_in(admin)
        ground = _ground(_of_people(site, server.url))
        (ground.directory / "setup.hcl").write_text(policy, encoding="utf-8")
        ours = {name: value for name, value in ground.environment.items() if not name.startswith("BAO_")}
        yield replace(ground, environment={**ours, "VAULT_ADDR": server.url, "VAULT_TOKEN": server.root_token})
        left = {path: sorted(set(names) - set(before[path])) for path, names in _names_in(admin).items()}
        assert {path: names for path, names in left.items() if names} == {
            "sys/mounts": ["totp/", "transit/"],
            "sys/auth": ["approle/"],
            "identity/group/name": ["ops"],
        }
        assert section(section(admin.get("kv/data/theirs"), "data"), "data") == {"word": "untouched"}


def _admin_of(server: OpenBao) -> Client:
    return Client(Connection(url=server.url), server.root_token)


def _of_people(site: Site, vault_url: str) -> Site:
    """Let its policy name a group, and people sign in; and it knows no login to this Vault yet."""
    with site.place.policy.open("a", encoding="utf-8") as policy:
        policy.write("\npeople: {operators: [ops]}\n")
    settings = yaml.safe_load(site.place.settings.read_text(encoding="utf-8"))
    address = f"127.0.0.1:{free_port()}"
    settings |= {"listen": address, "public_url": f"http://{address}"}
    settings["vault"]["url"] = vault_url
    site.place.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")
    for name in ("role_id", "secret_id"):
        site.place.secret(name).unlink()
    return site


def _names_in(admin: Client) -> dict[str, list[str]]:
    """What stands in a Vault, by where it is listed."""
    found = {path: sorted(section(admin.get(path), "data")) for path in ("sys/mounts", "sys/auth")}
    of_identity = ("identity/oidc/key", "identity/oidc/role", "identity/oidc/client", "identity/group/name")
    for path in ("sys/policies/acl", "auth/token/roles", "kv/metadata", *of_identity):
        try:
            found[path] = sorted(texts(section(admin.list(path), "data"), "keys"))
        except MissingPath:
            found[path] = []
    return found


@contextmanager
def database() -> Iterator[Ground]:
    """A Vault, a PostgreSQL with its administrator `vault` and an application's user, and the guide's SQL in files."""
    with _with_postgresql() as (ground, server):
        server.sql(f"CREATE ROLE vault LOGIN SUPERUSER PASSWORD '{ANSWER}'")
        server.sql("CREATE ROLE shop_app LOGIN PASSWORD 'as yet unrotated'")
        for name, text in zip(("creation", "revoke-1", "revoke-2", "revoke-3"), _shown_sql(), strict=False):
            (ground.directory / f"{name}.sql").write_text(text, encoding="utf-8")
        yield ground
        assert "shop-admin" in _vault_answer(ground, "list", "database/roles")
        made = json.loads(_vault_answer(ground, "read", "-format=json", "database/creds/shop-admin"))
        assert server.exists(made["data"]["username"])
        _vault_answer(ground, "lease", "revoke", "-sync", made["lease_id"])
        assert not server.exists(made["data"]["username"])
        assert _vault_answer(ground, "kv", "get", "-field=API_TOKEN", "kv/shop/api") == ANSWER


@contextmanager
def new_database() -> Iterator[Ground]:
    """A PostgreSQL in which Vault has no administrator yet, with the login of its superuser."""
    with _with_postgresql() as (ground, server):
        yield ground
        rows = server.sql("SELECT rolcreaterole, rolsuper FROM pg_roles WHERE rolname = 'vault'")
        assert rows == [("t", "f")]


@contextmanager
def alertmanager() -> Iterator[Ground]:
    """A runner that observes failed units, and a real Alertmanager that tells it of them; the alert must reach it."""
    with Site() as site:
        labels = {"alertname": "SystemdUnitFailed", "name": "nginx.service"}
        site.change_policy(lambda trigger: trigger.update(match=labels, mode="observe"))
        with site.runner() as runner, Alertmanager(site.scratch / "alertmanager", runner.url, site.token) as server:
            yield _ground(
                site, **{"http://127.0.0.1:9093": server.url, "instance=web1:9100": f"instance={site.host_name}:9100"}
            )
            wait_until(site.states, 60, "no alert of the guide's command has reached the runner")


@contextmanager
def _with_postgresql() -> Iterator[tuple[Ground, PostgreSQL]]:
    with Site() as site, PostgreSQL(site.scratch / "postgresql", programs_or_skip()) as server:
        ground = _ground(site, **{"db1.example.com:5432/shop": f"{LOOPBACK}:{server.port}/postgres?sslmode=disable"})
        login = {"PGHOST": LOOPBACK, "PGPORT": str(server.port), "PGUSER": SUPERUSER, "PGPASSWORD": server.password}
        path = f"{programs_or_skip()}:{ground.environment['PATH']}"
        yield replace(ground, environment={**ground.environment, **login, "PATH": path}), server


def _shown_sql() -> list[str]:
    """The statements of the guide, from top to bottom."""
    page = (TREE / "docs" / "guides" / "credentials.md").read_text(encoding="utf-8")
    return re.findall(r"^```sql\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def _vault_answer(ground: Ground, *words: str) -> str:
    done = subprocess.run(["bao", *words], env=ground.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@contextmanager
def drilled() -> Iterator[Ground]:
    """A runner with a drill, monday-web, on its one host."""
    with Site() as site:
        policy = yaml.load(site.place.policy.read_text(encoding="utf-8"), yaml.BaseLoader)
        drill = {"name": "monday-web", "trigger": "web-service-failed", "hosts": ["web"]}
        policy["drills"] = [{**drill, "every": "monday", "at": "10:00", "timezone": "Europe/Berlin"}]
        site.place.policy.write_text(yaml.safe_dump(policy, sort_keys=False), encoding="utf-8")
        with site.runner():
            yield _ground(site)


@contextmanager
def policies() -> Iterator[Ground]:
    """The policy that the guide shows, the message that it explains, and a next policy."""
    with Site() as site:
        here = site.place.directory
        hosts = {"web": {"hosts": {"web1": {}, "web2": {}}}, "db": {"hosts": {"db1": {}}}}
        site.place.inventory.write_text(yaml.safe_dump(hosts), encoding="utf-8")
        ground = _ground(site)
        policy = yaml.load(site.place.policy.read_text(encoding="utf-8"), yaml.BaseLoader)
        (trigger,) = policy["triggers"]
        labels = {"alertname": "SystemdUnitFailed", "name": "nginx.service"}
        trigger["match"] = labels
        policy["tests"] = [{"name": "a test that fails", "alert": {**labels}, "expect": {"refused": "unknown-host"}}]
        site.place.policy.write_text(yaml.safe_dump(policy), encoding="utf-8")
        trigger["mode"] = "observe"
        (here / "next").mkdir()
        (here / "next" / "breakglass.yml").write_text(yaml.safe_dump(policy), encoding="utf-8")
        body = site.alert(labels=labels)
        (here / "alert.json").write_text(json.dumps(body), encoding="utf-8")
        yield ground


GROUNDS: Final[dict[str, Callable[[], AbstractContextManager[Ground]]]] = {
    one.__name__: one
    for one in (
        repaired,
        kept,
        stopped,
        broken,
        operator,
        second_factor,
        workstation,
        vault,
        own_vault,
        database,
        new_database,
        alertmanager,
        drilled,
        policies,
    )
}
