# SPDX-License-Identifier: GPL-3.0-or-later
"""rotate_credential on real hosts: a shop whose password is in a file, from a store; and a user of a PostgreSQL."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section
from tests.lab.vault import admin
from tests.lab.vault_pki import SECRET

from breakglass.verification import verify_journal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.api import Lab
    from tests.lab.host import LabHost
    from tests.lab.playbooks import RoleRun

ACCESS: Final = "lab-rotation"
FILE: Final = "/etc/shop/password"
DEPLOY, RESTART = f"Deploy the new secret to {FILE}", f"Restart the users of {FILE}"
PROGRAM: Final = """
import base64, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

ACCEPTED = [base64.b64encode(b"shop:" + open(path, "rb").read()).decode() for path in sys.argv[1:]]


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.headers.get("Authorization", "").removeprefix("Basic ") in ACCEPTED
        self.send_response(200 if known else 401)
        self.end_headers()

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", 8081), Shop).serve_forever()
"""
UNIT: Final = "/run/systemd/system/shop.service"
SERVICE: Final = "[Service]\nUser=daemon\nExecStart=/usr/bin/python3 /opt/shop.py"
SHOP = {
    "rotate_credential_source": "store",
    "rotate_credential_secret": SECRET,
    "rotate_credential_path": FILE,
    "rotate_credential_units": ["shop"],
    "rotate_credential_probe": "http",
    "rotate_credential_probe_username": "shop",
    "rotate_credential_probe_url": "http://127.0.0.1:8081/",
    "rotate_credential_older_than": 1,
    "rotate_credential_timeout": 5,
}


def stored(lab: Lab) -> tuple[str, int]:
    """The password that the store has, and its version."""
    found = section(admin(lab.place).get(f"kv/data/{SECRET}"), "data")
    return str(section(found, "data")["password"]), int(str(section(found, "metadata")["version"]))


def leaked(lab: Lab) -> str:
    """A new password in the store that everybody knows, older than the youngest that is rotated."""
    password = secrets.token_urlsafe(24)
    admin(lab.place).post(f"kv/data/{SECRET}", {"data": {"user": "till7", "password": password}})
    time.sleep(1.1)  # the age counts
    return password


def open_shop(host: LabHost, password: str, *more: str) -> None:
    """Let a shop run that takes the password of its file, and of the others that are named."""
    host.write("/opt/shop.py", PROGRAM)
    host.write(FILE, password, 0o600)
    host.run(f"chown daemon:adm {FILE}; chmod 640 {FILE}")
    host.write(UNIT, f"{SERVICE} {FILE} {' '.join(more)}\n")
    host.run("systemctl daemon-reload; systemctl restart shop; until curl -s 127.0.0.1:8081; do sleep 0.05; done")


@pytest.fixture
def shops(lab: Lab) -> Iterator[tuple[LabHost, LabHost, str]]:
    """Two shops with a password that is leaked."""
    hosts, password = (lab.host("web1"), lab.host("web2")), leaked(lab)
    for host in hosts:
        open_shop(host, password)
    yield (*hosts, password)
    for host in hosts:
        host.run(f"systemctl stop shop; rm -rf {UNIT} {UNIT}.d /etc/shop /opt/shop.py; systemctl daemon-reload")


def rotate(lab: Lab, hosts: tuple[str, ...] = ("web1",), *, check: bool = False, **other: object) -> RoleRun:
    parameters = {**SHOP, **{f"rotate_credential_{name}": value for name, value in other.items()}}
    return lab.run_role("rotate_credential", hosts, parameters, access=ACCESS, check=check)


def status(host: LabHost, password: str) -> str:
    """What the shop says to somebody with this password."""
    return host.run(
        ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-u", f"shop:{password}", "127.0.0.1:8081"]
    ).stdout


@pytest.mark.core
def test_a_leaked_secret_is_rotated_everywhere(lab: Lab, shops: tuple[LabHost, LabHost, str]) -> None:
    """Check mode rotates nothing and predicts what is then deployed and restarted on both hosts; the old one is refused."""
    web1, web2, old = shops
    version = stored(lab)[1]
    predicted = rotate(lab, ("web1", "web2"), check=True)
    assert (predicted.code, predicted.changed("web1"), predicted.changed("web2")) == (
        0,
        [DEPLOY, RESTART],
        [DEPLOY, RESTART],
    )
    assert (stored(lab), web1.read(FILE), status(web1, old)) == ((old, version), old, "200")
    run = rotate(lab, ("web1", "web2"))
    assert (run.code, run.changed("web1"), run.changed("web2")) == (0, [DEPLOY, RESTART], [DEPLOY, RESTART]), run.text
    new, now = stored(lab)
    assert (now, web1.read(FILE), web2.read(FILE)) == (version + 1, new, new)
    assert [status(web1, old), status(web1, new), status(web2, old), status(web2, new)] == ["401", "200"] * 2
    assert web1.run(f"stat -c '%U:%G %a' {FILE}").stdout.strip() == "daemon:adm 640"
    assert web1.run("ls -A /run | grep breakglass-rotation", check=False).stdout == ""
    verified = verify_journal(run.journal, None, lab.environment, offline=False)
    assert verified.exit_code == 0, verified.text()
    again = rotate(lab, ("web1", "web2"), older_than=3600)
    assert (again.code, again.changed("web1"), stored(lab)) == (0, [], (new, now))
    lab.record_run(role="rotate_credential", fault="leaked secret", run=run)


def test_neither_secret_is_told(lab: Lab, shops: tuple[LabHost, LabHost, str]) -> None:
    """With -vvvv and --diff neither the output nor the journal has one of them."""
    old = shops[2]
    verbose = {"ANSIBLE_VERBOSITY": "4"}
    run = lab.run_role("rotate_credential", ["web1"], SHOP, access=ACCESS, diff=True, extra_environment=verbose)
    assert run.code == 0
    told = run.text + "".join(path.read_text(encoding="utf-8") for path in run.journal.rglob("*.jsonl"))
    assert old not in told
    assert stored(lab)[0] not in told


def test_a_user_that_does_not_start_is_said_and_a_second_run_goes_on(
    lab: Lab, shops: tuple[LabHost, LabHost, str]
) -> None:
    """The sentence says who has which secret; after the mending nothing is rotated again, and the rest is done."""
    web1, _, old = shops
    web1.write(f"{UNIT}.d/broken.conf", "[Service]\nExecStartPre=/bin/false\n")
    web1.run("systemctl daemon-reload")
    run = rotate(lab)
    new, version = stored(lab)
    assert run.sentence.startswith(
        f"The secret is the new one in Vault and in {FILE}, and a user of it could not be restarted"
    )
    assert "Unable to restart service shop" in run.sentence
    assert (
        "nothing is put back, since the old secret is leaked; mend what failed and run this again within 1 s"
        in run.sentence
    )
    assert (new != old, web1.read(FILE)) == (True, new)
    web1.run(f"rm -r {UNIT}.d; systemctl daemon-reload; systemctl start shop")
    web1.run(f"touch {FILE}")  # as if it had been killed between deploying and restarting
    again = rotate(lab, older_than=3600)
    assert (again.code, again.changed("web1"), stored(lab)) == (0, [RESTART], (new, version))
    assert (status(web1, old), status(web1, new)) == ("401", "200")


def test_an_old_secret_that_is_still_accepted_is_a_failure(lab: Lab, shops: tuple[LabHost, LabHost, str]) -> None:
    """The shop keeps a copy of the old password: everything was done, and the run says that the leak is open."""
    web1, _, old = shops
    web1.run(f"cp -p {FILE} {FILE}.copy")
    open_shop(web1, old, f"{FILE}.copy")
    run = rotate(lab, timeout=1)
    assert run.code != 0
    assert run.sentence.startswith(
        "The new secret is deployed and accepted, and the OLD one is accepted too: whoever has it still comes in"
    )
    assert status(web1, stored(lab)[0]) == "200"


@pytest.mark.parametrize("units", [["shop"], []])
def test_a_new_secret_that_is_refused_is_said(lab: Lab, shops: tuple[LabHost, LabHost, str], units: list[str]) -> None:
    """The shop reads another file than the one that was named; or it is not restarted, since nobody said who reads the file."""
    web1, _, old = shops
    real = f"cp -p {FILE} {FILE}.real; sed -i 's#{FILE} #{FILE}.real#' {UNIT}; systemctl daemon-reload; systemctl restart shop"
    web1.run(f"{real}; until curl -s 127.0.0.1:8081; do sleep 0.05; done")
    run = rotate(lab, timeout=1, units=units)
    restarted = " and its users were restarted" if units else ""
    said = f"The new secret is deployed{restarted}, and it is refused by whom it is for; "
    assert run.sentence.startswith(said)
    assert status(web1, old) == "200"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"probe_url": "http://127.0.0.1:8082/"}, "Nothing was rotated: web1 can't ask who accepts the secret"),
        ({"units": ["shop", "absent"]}, "There is no unit absent that can be started (not-found)."),
        ({"path": "/etc/shop/absent"}, "/etc/shop/absent can't be looked at: No such file"),
        ({"probe_username": ""}, "The probe needs rotate_credential_probe_username"),
        ({"source": "database"}, "The source database needs rotate_credential_role"),
        ({"secret": "other/secret"}, "other/secret was not deployed, and /etc/shop/password holds what it held: "),
        ({"key": "pasword"}, "has no text 'pasword'"),
    ],
)
def test_nothing_is_rotated_that_could_not_be_finished(
    lab: Lab, shops: tuple[LabHost, LabHost, str], other: dict[str, object], said: str
) -> None:
    """No proof, no unit, no file, no sense, no right: the old secret is in force everywhere."""
    web1, _, old = shops
    before = stored(lab)
    run = rotate(lab, **other)  # type: ignore[arg-type]
    assert run.code != 0
    assert said in run.text
    assert (stored(lab), web1.read(FILE), status(web1, old)) == (before, old, "200")
    assert run.changed("web1") == []


def test_one_host_that_is_not_ready_stops_it_for_all(lab: Lab, shops: tuple[LabHost, LabHost, str]) -> None:
    """It would lose access: nothing is rotated, and the other host says why."""
    web1, web2, old = shops
    web2.run("systemctl stop shop")
    run = rotate(lab, ("web1", "web2"))
    assert run.code != 0
    assert "Nothing was rotated: web2 can't ask who accepts the secret" in run.text
    assert (stored(lab)[0], web1.read(FILE), status(web1, old)) == (old, old, "200")
    assert (run.changed("web1"), run.changed("web2")) == ([], [])


@pytest.fixture
def database(lab: Lab) -> Iterator[str]:
    """A user of db1's PostgreSQL whose password Vault keeps, and web1 has in a file; the password."""
    db1, web1, vault, password = lab.host("db1"), lab.host("web1"), admin(lab.place), secrets.token_urlsafe(24)
    sql = f"CREATE ROLE lab_vault SUPERUSER LOGIN PASSWORD '{password}'; CREATE ROLE shop_app LOGIN"
    db1.run(["runuser", "-u", "postgres", "--", "psql", "-q"], input_text=f"{sql};\n")
    vault.post("sys/mounts/lab-static", {"type": "database"})
    url = f"postgresql://{{{{username}}}}:{{{{password}}}}@{db1.address}:5432/postgres?sslmode=disable"
    connection = {"plugin_name": "postgresql-database-plugin", "connection_url": url, "allowed_roles": ["shop-app"]}
    vault.post("lab-static/config/db1", {**connection, "username": "lab_vault", "password": password})
    role = {"db_name": "db1", "username": "shop_app", "rotation_period": "24h"}
    vault.post("lab-static/static-roles/shop-app", role)
    kept = str(section(vault.get("lab-static/static-creds/shop-app"), "data")["password"])
    web1.write("/etc/shop/database", f"PASSWORD_OF='nobody'\nusername='shop_app'\npassword='{kept}'\n", 0o600)
    yield kept
    vault.delete("sys/mounts/lab-static")
    web1.run("rm -rf /etc/shop")
    db1.run(["runuser", "-u", "postgres", "--", "psql", "-q", "-c", "DROP ROLE shop_app, lab_vault"])


def test_the_password_of_a_database_user_is_rotated(lab: Lab, database: str) -> None:
    """Vault changes it in PostgreSQL; web1 gets it as an environment file; the old one is refused by the database itself."""
    web1 = lab.host("web1")
    parameters = {
        "rotate_credential_source": "database",
        "rotate_credential_mount": "lab-static",
        "rotate_credential_role": "shop-app",
        "rotate_credential_path": "/etc/shop/database",
        "rotate_credential_format": "environment",
        "rotate_credential_probe": "postgresql",
        "rotate_credential_probe_username": "shop_app",
        "rotate_credential_probe_address": lab.host("db1").address,
        "rotate_credential_older_than": 1,
    }
    time.sleep(1.1)  # the age counts
    deploy = "Deploy the new secret to /etc/shop/database"
    predicted = lab.run_role("rotate_credential", ["web1"], parameters, access=ACCESS, check=True)
    assert (predicted.code, predicted.changed("web1")) == (0, [deploy]), predicted.text
    run = lab.run_role("rotate_credential", ["web1"], parameters, access=ACCESS)
    assert (run.code, run.changed("web1")) == (0, [deploy]), run.text
    new = str(section(admin(lab.place).get("lab-static/static-creds/shop-app"), "data")["password"])
    assert new != database
    assert web1.read("/etc/shop/database") == f"username='shop_app'\npassword='{new}'\n"
    assert run.tasks["Refuses the old secret"] == "ok"
