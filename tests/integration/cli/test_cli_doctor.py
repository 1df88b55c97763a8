# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass doctor` on a real installation: what is well, and each fault, made for real."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import policies
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import InvalidRequest
from tests.support.lasting_openbao import LastingOpenBao
from tests.support.own_disk import OwnDisk, require_own_disk
from tests.support.site import Site
from tests.support.ssh_host import serving
from tests.support.wrong_clock import wrong_clock

from breakglass.demo.parts import free_port
from breakglass.doctor.disk import FORGETFUL, Place
from breakglass.store.database import Database
from breakglass.store.journal_queue import JournalQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.cli.conftest import Command

pytestmark = pytest.mark.slow

LIMIT_SECONDS = 60
LINE = re.compile(r"^  (ok|!!|\?\?)  ([^:]+): (.*)$")
RUNNER_POLICY = "sys/policies/acl/breakglass-runner"
APPROLE = "auth/approle/role/breakglass-runner"


@dataclass(frozen=True)
class Report:
    """What doctor said.

    Attributes:
        code: Its exit code.
        lines: Mark, what it is about, sentence.
        text: All of it.
    """

    code: int
    lines: list[tuple[str, str, str]]
    text: str

    def marked(self, mark: str) -> list[str]:
        """What has this mark."""
        return [about for found, about, _ in self.lines if found == mark]

    def says(self, about: str) -> str:
        """Mark and sentences about something."""
        return " ".join(f"{mark} {says}" for mark, found, says in self.lines if found == about)


@dataclass(frozen=True)
class Doctor:
    """The command on one installation; no secret of it is ever shown."""

    breakglass: Command
    site: Site

    def __call__(self, *words: str, settings: Path | None = None) -> Report:
        """Run it."""
        done = self.breakglass("doctor", "--settings", settings or self.site.place.settings, *words)
        text = done.stdout + done.stderr
        secrets = [self.site.token, self.site.vault.root_token, self.site.channel.url]
        secrets += [self.site.place.secret(name).read_text().strip() for name in ("secret_id", "role_id")]
        assert not [secret for secret in secrets if secret and secret in text]
        lines = [found.groups() for line in done.stdout.splitlines() if (found := LINE.match(line))]
        return Report(done.returncode, lines, text)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def own() -> Iterator[Site]:
    """An installation of this module, at a port of its own; no runner works, and none ever has."""
    with Site() as site:
        text = site.place.settings.read_text(encoding="utf-8")
        site.place.settings.write_text(text.replace("127.0.0.1:0", f"127.0.0.1:{free_port()}"), encoding="utf-8")
        if Place.of(site.scratch).file_system() in FORGETFUL:
            pytest.skip("temporary files are in memory here, which doctor rightly refuses for a journal")
        yield site


@pytest.fixture
def doctor(breakglass: Command, own: Site) -> Doctor:
    return Doctor(breakglass, own)


@pytest.fixture
def admin(own: Site) -> Iterator[Client]:
    """Root's client."""
    with Client(Connection(own.vault.url), own.vault.root_token) as client:
        yield client


@contextmanager
def edited(path: Path, change: Callable[[str], str]) -> Iterator[None]:
    """Change a file for a block."""
    before = path.read_bytes()
    try:
        path.write_text(change(before.decode()), encoding="utf-8")
        yield
    finally:
        path.write_bytes(before)


@contextmanager
def more_hosts(site: Site, **ports: int) -> Iterator[None]:
    """Further hosts of the group web, on this machine."""

    def add(text: str) -> str:
        content = yaml.safe_load(text)
        for name, port in ports.items():
            content["web"]["hosts"][name] = {"ansible_host": "127.0.0.1", "ansible_port": port}
        return yaml.safe_dump(content)

    with edited(site.place.inventory, add):
        yield


def queued(site: Site) -> list[tuple[str, dict[str, object]]]:
    """Records that wait for the journal."""
    database = Database.beside(f"sqlite:///{site.scratch}/breakglass.db")
    try:
        return [(one.kind, dict(one.body)) for one in JournalQueue(database).waiting()]
    finally:
        database.close()


def test_before_anything_is_served(doctor: Doctor, own: Site) -> None:
    """With everything prepared, what is left is to start the runner and to tell Alertmanager; nothing was made."""
    before = sorted(path for path in own.scratch.rglob("*") if "openbao" not in str(path))
    report = doctor()

    assert report.code == 1
    assert report.marked("!!") == ["runner", "source alertmanager"]
    assert report.marked("??") == []
    assert "credentials_file: /etc/alertmanager/breakglass.token" in report.text
    assert report.says("login") == "ok accepted, with the policy breakglass-runner and no other"
    assert report.says("access web-operator") == "ok may be minted, for 15m at most"
    assert "proves itself by a certificate of our CA, good until 20" in report.says("web1")
    assert sorted(path for path in own.scratch.rglob("*") if "openbao" not in str(path)) == before


def test_for_programs(breakglass: Command, own: Site) -> None:
    """`--json` is one object with the exit code and the same findings; `--no-hosts` leaves the hosts alone."""
    done = breakglass("doctor", "--settings", own.place.settings, "--json", "--no-hosts")
    told = json.loads(done.stdout)

    assert told["exit_code"] == done.returncode == 1
    assert {finding["mark"] for finding in told["findings"]} == {"ok", "wrong"}
    assert not [finding for finding in told["findings"] if finding["about"] == "web1"]
    (source,) = (finding for finding in told["findings"] if finding["about"] == "source alertmanager")
    assert source["more"][0] == "- name: breakglass"


def test_without_settings(breakglass: Command, tmp_path: Path) -> None:
    """Without settings the first line says how to make some, and what depends on them is unknown."""
    done = breakglass("doctor", "--settings", tmp_path / "none.yml")
    marks = [line.split()[0] for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert marks.count("!!") == 1
    assert "breakglass init" in done.stdout
    assert set(marks) == {"ok", "!!", "??"}


def test_wrong_use(breakglass: Command) -> None:
    """An option that does not exist is wrong use."""
    assert breakglass("doctor", "--nonsense").returncode == 3


def test_vault_that_is_not_there(doctor: Doctor, own: Site) -> None:
    """With nobody at Vault's address that is wrong, and what needs Vault is unknown."""
    with edited(own.place.settings, lambda text: text.replace(own.vault.url, "http://127.0.0.1:9")):
        report = doctor()
    assert "can't be reached: connection refused" in report.says("vault")
    assert report.marked("??") == ["clock", "login", "rights", "access", "signing key", "hold", "hosts"]


def test_vault_that_is_sealed(doctor: Doctor, own: Site, tmp_path: Path) -> None:
    """A sealed Vault is told as such, with what to do."""
    with LastingOpenBao(tmp_path / "bao") as other:
        other.seal()
        with edited(own.place.settings, lambda text: text.replace(own.vault.url, other.url)):
            report = doctor()
    assert re.match(r"!! .* OpenBao 2\.\S+, sealed\. Unseal it", report.says("vault"))
    assert "login" in report.marked("??")


@pytest.mark.parametrize(("seconds", "order"), [(-60, "ahead of"), (60, "behind")])
def test_clock_that_differs(doctor: Doctor, own: Site, seconds: int, order: str) -> None:
    """A clock that is a minute off is wrong, and it is said which way and why that matters; the rest works all the same."""
    with (
        wrong_clock(own.vault.url, seconds) as url,
        edited(own.place.settings, lambda text: text.replace(own.vault.url, url)),
    ):
        report = doctor()
    assert re.match(rf"!! this machine's is at least \d\d s {order} Vault's", report.says("clock"))
    assert "time box" in report.says("clock")
    assert report.says("login").startswith("ok ")


def test_wrong_secret_id(doctor: Doctor, own: Site) -> None:
    """A login that Vault refuses is wrong, with how to have a new one issued; nothing of it is shown."""
    with edited(own.place.secret("secret_id"), lambda _: "c4nary-1111-2222-3333-444455556666"):
        report = doctor()
    assert report.says("login").startswith("!! Vault at ")
    assert f"delete {own.place.secret('secret_id')}, then breakglass vault apply" in report.says("login")
    assert "rights" in report.marked("??")
    assert "c4nary" not in report.text


def test_open_secret(doctor: Doctor, own: Site) -> None:
    """A secret that others may read is named with the command that closes it."""
    own.place.secret("secret_id").chmod(0o644)
    try:
        report = doctor()
    finally:
        own.place.secret("secret_id").chmod(0o600)
    assert f"chmod 600 {own.place.secret('secret_id')}" in report.says("secrets")
    assert "login" in report.marked("??")


def test_login_with_another_policy(doctor: Doctor, admin: Client) -> None:
    """A login that has one policy more than the runner's is wrong."""
    admin.post(APPROLE, {"token_policies": ["breakglass-runner", "breakglass-operator"]})
    try:
        report = doctor()
    finally:
        admin.post(APPROLE, {"token_policies": ["breakglass-runner"]})
    assert "has the policies breakglass-operator, breakglass-runner" in report.says("login")
    assert "mint grants that do not end with it" in report.says("rights")


def test_login_that_inherits(doctor: Doctor, admin: Client) -> None:
    """A login whose entity has a policy is wrong, since every grant would inherit it."""
    admin.post("sys/policies/acl/everything", {"policy": 'path "kv/*" { capabilities = ["read"] }'})
    entity = str(admin.get("identity/entity/id", {"list": "true"})["data"]["keys"][0])  # type: ignore[index]
    admin.post(f"identity/entity/id/{entity}", {"policies": ["everything"]})
    try:
        report = doctor()
    finally:
        admin.post(f"identity/entity/id/{entity}", {"policies": []})
    assert "inherits the policies everything" in report.says("login")
    assert "touch secrets of others (read at kv/data/breakglass-doctor)" in report.says("rights")


def test_login_that_may_mint_root(doctor: Doctor, admin: Client) -> None:
    """A runner's policy that was widened until root can be minted is found without minting anything."""
    widened = policies.RUNNER + 'path "auth/token/create" { capabilities = ["update", "sudo"] }\n'
    admin.post(RUNNER_POLICY, {"policy": widened})
    try:
        report = doctor()
    finally:
        admin.post(RUNNER_POLICY, {"policy": policies.RUNNER})
    assert "!! the login may mint any token, root's too (sudo, update at auth/token/create)" in report.says("rights")


def test_policy_of_an_earlier_version(doctor: Doctor, admin: Client) -> None:
    """After an upgrade the policy in Vault lacks rights: that is said with the command that brings them."""
    admin.post(RUNNER_POLICY, {"policy": policies.RUNNER.partition("# For breakglass doctor")[0]})
    try:
        report = doctor()
    finally:
        admin.post(RUNNER_POLICY, {"policy": policies.RUNNER})
    assert report.says("rights").endswith("breakglass vault apply")
    assert report.marked("??") == ["access web-operator"]
    assert "breakglass vault apply" in report.says("hosts")


def test_policy_that_lacks_a_right(doctor: Doctor, admin: Client) -> None:
    """A right that is missing is named."""
    lacking = policies.RUNNER.replace('"create", "read", "update"', '"read"')
    admin.post(RUNNER_POLICY, {"policy": lacking})
    try:
        report = doctor()
    finally:
        admin.post(RUNNER_POLICY, {"policy": policies.RUNNER})
    assert "may not create, update at kv/data/breakglass/hold" in report.says("rights")


def test_access_that_was_changed(doctor: Doctor, own: Site) -> None:
    """A time box that only the policy knows, and an access that Vault does not know, are told with what differs."""

    def change(text: str) -> str:
        longer = text.replace("hosts: [web]", "hosts: [web]\n    max_time_box: 30m", 1)
        return longer.replace("access:\n", "access:\n  web-observer:\n    hosts: [web]\n", 1)

    with edited(own.place.policy, change):
        report = doctor()
    assert "token_explicit_max_ttl: 900 -> 1800" in report.says("access web-operator")
    assert "token role breakglass-child-web-observer is not there" in report.says("access web-observer")
    assert "no grant of it may be minted" not in report.says("access web-observer")


def test_hold_in_vault(doctor: Doctor, admin: Client) -> None:
    """A hold that somebody has set stops everything, so it is told with who and why; what is no hold counts as one."""
    held = {"held": True, "reason": "change freeze", "person": "ada", "since": "2026-11-22T02:00:00Z"}
    admin.post("kv/data/breakglass/hold", {"data": held})
    try:
        report = doctor("--no-hosts")
        admin.post("kv/data/breakglass/hold", {"data": {"something": "else"}})
        odd = doctor("--no-hosts")
    finally:
        admin.delete("kv/metadata/breakglass/hold")
    assert report.says("hold").startswith("!! everything is held in Vault by ada: change freeze")
    assert "unreadable hold" in odd.says("hold")


def test_host_with_a_foreign_key(doctor: Doctor, own: Site) -> None:
    """A host that another CA has certified, and one that is down, are told apart, each with what to do; web1 is well."""
    with serving("web2") as foreign, more_hosts(own, web2=foreign.hosts["web2"].port, web3=free_port()):
        report = doctor()
        limited = doctor("--limit", "web1")
    assert report.marked("!!") == ["web2", "web3", "runner", "source alertmanager"]
    assert "prepare_hosts -l web2" in report.says("web2")
    assert "Host key verification failed" in report.says("web2")
    assert "Connection refused" in report.says("web3")
    assert report.says("web1").startswith("ok ")
    assert limited.marked("!!") == ["runner", "source alertmanager"]


def test_host_that_says_nothing(doctor: Doctor, own: Site) -> None:
    """A port where somebody listens and never speaks does not keep doctor waiting for ever."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent, more_hosts(own, web2=silent.getsockname()[1]):
        report = doctor("--limit", "web2")
    assert report.says("web2").startswith("!! ")


def test_full_and_broken_disk(doctor: Doctor, own: Site) -> None:
    """A journal on a disk without room is wrong before it is full, and one on a disk that takes no writes can't be used."""
    require_own_disk()
    with OwnDisk(own.scratch / "disk") as disk:
        change = lambda text: text.replace(str(own.place.journal), str(disk.path / "journal"))  # noqa: E731
        with edited(own.place.settings, change):
            small = doctor("--no-hosts")
            subprocess.run(["mount", "-o", "remount,ro", str(disk.path)], check=True)
            broken = doctor("--no-hosts")
    assert "MB left. When it is full nothing starts any more" in small.says("journal")
    assert broken.says("journal").startswith("!! ")


def test_logging_in(doctor: Doctor, own: Site, admin: Client) -> None:
    """A real grant logs in and is proven gone; it is recorded before it is used, and the runner brings that to the journal."""
    report = doctor("--log-in", "web-operator")
    assert "let breakglass in by a certificate" in report.says("web1")
    assert re.search(r"ok revoked, proven gone; SSH certificate \d+ for web1 expires at ", report.says("grant"))

    records = queued(own)
    assert [kind for kind, _ in records] == ["login.tried", "grant.minted", "login.ended", "grant.revoked"]
    assert records[0][1]["hosts"] == records[2][1]["hosts"] == ["web1"]
    with pytest.raises(InvalidRequest, match="invalid accessor"):
        admin.ask("auth/token/lookup-accessor", {"accessor": str(records[1][1]["accessor"])})


def test_logging_in_where_that_fails(doctor: Doctor, own: Site) -> None:
    """Hosts that do not let us in are named, the others are told as well, and the grant ends all the same."""
    with serving("web2") as foreign, more_hosts(own, web2=foreign.hosts["web2"].port):
        refused = doctor("--log-in", "web-operator", "--limit", "web2")
        vault_apply(doctor, own)
        report = doctor("--log-in", "web-operator")
    vault_apply(doctor, own)
    # Vault does not know the new host before the policy was applied.
    assert refused.says("log in").startswith("!! ")
    assert "revoked, proven gone; nothing was obtained" in refused.says("grant")
    assert "does not let breakglass in" in report.says("web2")
    assert "let breakglass in" in report.says("web1")
    assert "revoked, proven gone" in report.says("grant")
    (told,) = (body for kind, body in queued(own)[-2:] if kind == "login.ended")
    assert told["hosts"] == ["web1"]
    assert str(told["failures"]).startswith("['web2: does not let")


def test_logging_in_to_become_root(doctor: Doctor, own: Site) -> None:
    """Where the inventory says that plays become root, sudo must work: without it that is wrong."""
    if shutil.which("sudo"):
        pytest.skip("the test's host is this machine, and this machine has a sudo; the lab has hosts of its own")
    change = lambda text: text.replace("ansible_host:", "ansible_become: true\n      ansible_host:", 1)  # noqa: E731
    with edited(own.place.inventory, change):
        report = doctor("--log-in", "web-operator")
    assert "!! let breakglass in by a certificate, but sudo does not work" in report.says("web1")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--log-in", "web-operatr"), 'Did you mean "web-operator"'),
        (("--log-in", "web-operator", "--limit", "nobody"), "no host and no group"),
    ],
)
def test_logging_in_to_nothing(doctor: Doctor, words: tuple[str, ...], says: str) -> None:
    """An access and a limit that do not exist are wrong; nothing is opened for them."""
    report = doctor(*words)
    assert says in report.says("log in")
    assert "grant" not in [about for _, about, _ in report.lines]


def test_logging_in_during_a_hold(doctor: Doctor, own: Site, breakglass: Command) -> None:
    """While a hold is set nothing new starts, this neither; the hold itself is told, with how to lift it."""
    settings = ("--settings", own.place.settings)
    Database.open(f"sqlite:///{own.scratch}/breakglass.db").close()
    assert breakglass("hold", "--all", "--reason", "freeze", *settings).returncode == 0
    try:
        report = doctor("--log-in", "web-operator")
    finally:
        breakglass("hold", "lift", "--all", "--reason", "over", *settings)
    assert report.says("log in").startswith("?? a hold is set")
    assert "breakglass hold lift --all" in report.says("hold")


def test_interrupted_while_logging_in(doctor: Doctor, own: Site, admin: Client) -> None:
    """Whoever stops doctor in the middle of a login stops the grant, too: it is revoked, proven gone and recorded."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent, more_hosts(own, web2=silent.getsockname()[1]):
        vault_apply(doctor, own)
        Database.open(f"sqlite:///{own.scratch}/breakglass.db").close()
        before = len(queued(own))
        command = [sys.executable, "-m", "breakglass.cli.main", "doctor", "--settings", str(own.place.settings)]
        process = subprocess.Popen(
            [*command, "--log-in", "web-operator", "--no-hosts"],
            env=doctor.breakglass.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + LIMIT_SECONDS
        while "grant.minted" not in (kinds := [kind for kind, _ in queued(own)[before:]]):
            assert time.monotonic() < deadline, kinds
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_SECONDS) == 130
    vault_apply(doctor, own)
    records = queued(own)[before:]
    assert [kind for kind, _ in records] == ["login.tried", "grant.minted", "grant.revoked"]
    with pytest.raises(InvalidRequest, match="invalid accessor"):
        admin.ask("auth/token/lookup-accessor", {"accessor": str(records[-1][1]["accessor"])})


def test_no_session_is_left(doctor: Doctor, admin: Client) -> None:
    """Doctor's own login is ended when doctor ends."""

    def sessions() -> list[object]:
        return admin.list("auth/token/accessors")["data"]["keys"]  # type: ignore[index,no-any-return]

    before = sessions()
    assert doctor("--no-hosts").code == 1
    assert sorted(map(str, sessions())) == sorted(map(str, before))


def test_all_is_well(doctor: Doctor, own: Site) -> None:
    """With a runner at work that has heard Alertmanager everything is well, and what doctor did is in a journal that verifies."""
    with own.runner() as runner:
        own.post(runner.url, own.alert(labels={"alertname": "SomethingElse"}))
        report = doctor("--log-in", "web-operator", "--send")
    assert (report.marked("!!"), report.marked("??")) == ([], [])
    assert report.code == 0
    assert "a runner works on it (pid " in report.says("database")
    assert "taken in" in report.says("source alertmanager")
    assert own.channel.messages[-1].title == "breakglass: a test message"

    (day,) = (path for path in own.place.journal.rglob("runner.jsonl") if "INC-" not in str(path))
    kinds = [json.loads(line)["kind"] for line in day.read_text(encoding="utf-8").splitlines()]
    assert kinds.count("login.tried") == kinds.count("grant.revoked") > 1
    assert own.verify().exit_code == 0


def test_a_message_with_a_wrong_token(doctor: Doctor, own: Site) -> None:
    """A sender whose token is wrong is told to be refused, with the words of the refusal, and not to be silent."""
    token, own.token = own.token, "wrong"
    try:
        with own.runner() as runner:
            with pytest.raises(Exception, match="401"):
                own.post(runner.url, own.alert())
            report = doctor("--no-hosts")
    finally:
        own.token = token
    assert report.marked("!!") == ["source alertmanager"]
    assert "bearer token" in report.says("source alertmanager")


def vault_apply(doctor: Doctor, site: Site) -> None:
    """Bring Vault what the inventory says now."""
    done = doctor.breakglass("vault", "apply", "--settings", site.place.settings, environment=site.environment)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_journal_that_can_not_be_written(doctor: Doctor, own: Site) -> None:
    """A journal below a directory of somebody else is wrong."""
    with edited(own.place.settings, lambda text: text.replace(str(own.place.journal), "/root/journal")):
        assert "can't be made" in doctor("--no-hosts").says("journal")
