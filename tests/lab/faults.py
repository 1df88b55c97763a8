# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the lab injects into its hosts, and takes back: one function strikes, one mends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.lab import booting, cgroups, clock, network
from tests.lab.errors import UnknownFault
from tests.lab.places import group_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.host import LabHost

FILL: Final = "/var/log/shop.log.1"  # a rotated log, which a repair may remove
KEPT: Final = ".breakglass-lab"
TLS: Final = "/etc/nginx/breakglass-lab"
TLS_SITE: Final = "/etc/nginx/conf.d/breakglass-lab.conf"
ALL: Final = ("web", "db", "app")
HOG_BYTES: Final = 300_000_000
SHOP: Final = "dbname=postgres user=shop password=shop host=127.0.0.1"
SHOP_SQL: Final = """
SELECT 'CREATE ROLE shop LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'shop') \\gexec
ALTER ROLE shop PASSWORD 'shop';
CREATE TABLE IF NOT EXISTS stuck (id int);
GRANT ALL ON stuck TO shop;
"""
IDLE: Final = f"""
import psycopg2, time
session = psycopg2.connect("{SHOP}")
session.cursor().execute("LOCK TABLE stuck")
time.sleep(36000)
"""
RUNAWAY: Final = f"""
import psycopg2, time
try:
    psycopg2.connect("{SHOP}").cursor().execute("SELECT pg_sleep(36000)")
except psycopg2.Error:
    time.sleep(36000)
"""
# It leaks until there is nothing left, also of what others have given back meanwhile; it does not notice when one is taken from it.
MANY: Final = f"""
import psycopg2, time
sessions, full = [], 0
while full < 3:
    try:
        sessions.append(psycopg2.connect("{SHOP}"))
        full = 0
    except psycopg2.OperationalError:
        full += 1
        time.sleep(0.5)
time.sleep(36000)
"""


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        what: What is then wrong with the host.
        strike: Makes it happen.
        mend: Takes it back; also after a repair, and where it has not happened.
        groups: The groups of hosts that it can happen to.
    """

    what: str
    strike: Callable[[LabHost], object]
    mend: Callable[[LabHost], object]
    groups: tuple[str, ...] = ALL


def service_of(host: LabHost) -> str:
    """The unit of a host that users need."""
    return {"web": "nginx.service", "db": "postgresql@15-main.service"}.get(group_of(host.name), "cron.service")


def break_host(kind: str, host: LabHost) -> None:
    """Let a fault of this kind happen to a host; raises UnknownFault."""
    _fault(kind, host).strike(host)


def mend_host(kind: str, host: LabHost) -> None:
    """Take it back; raises UnknownFault."""
    _fault(kind, host).mend(host)


def _fault(kind: str, host: LabHost) -> Fault:
    fault = FAULTS.get(kind)
    if fault is None:
        raise UnknownFault(f"There is no fault {kind}. There are: {', '.join(FAULTS)}.")
    if group_of(host.name) not in fault.groups:
        raise UnknownFault(f"{kind} can't happen to {host.name}, only to hosts of {' and '.join(fault.groups)}.")
    return fault


def _start(host: LabHost) -> None:
    host.run(f"systemctl reset-failed {service_of(host)}; systemctl restart {service_of(host)}")


def _fail(host: LabHost) -> None:
    host.run(f"systemctl kill --signal=KILL {service_of(host)}; systemctl stop {service_of(host)}")


def _spoil_unit(host: LabHost) -> None:
    unit = service_of(host)
    host.write(f"/run/systemd/system/{unit}.d/breakglass-lab.conf", "[Service]\nExecStartPre=/bin/false\nRestart=no\n")
    host.run(f"systemctl daemon-reload; systemctl kill --signal=KILL {unit}; systemctl restart {unit}", check=False)


def _heal_unit(host: LabHost) -> None:
    host.run(f"rm -rf /run/systemd/system/{service_of(host)}.d && systemctl daemon-reload")
    _start(host)


def _signal(host: LabHost, name: str) -> None:
    host.run(f"systemctl kill --signal={name} {service_of(host)}")


def _wake(host: LabHost) -> None:
    host.run(f"systemctl kill --signal=CONT {service_of(host)}", check=False)


def _fill(host: LabHost) -> None:
    free = 1024 * int(host.run("df --output=avail / | tail -1").stdout)
    host.run(f"fallocate -l {free} {FILL}")


def _spoil(host: LabHost, path: str, text: str) -> None:
    host.run(["cp", "-p", "--no-clobber", path, path + KEPT])
    host.run(["/bin/sh", "-c", 'printf %s "$2" >> "$1"', "sh", path, text])


def _restore(host: LabHost, path: str, unit: str) -> None:
    if host.exists(path + KEPT):
        host.run(["mv", "-f", path + KEPT, path])
    host.run(f"systemctl reset-failed {unit}; systemctl reload-or-restart {unit}")


def _expire(host: LabHost) -> None:
    request = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN={host.name}"
    host.run(f"mkdir -p {TLS}; faketime '60 days ago' {request} -keyout {TLS}/key.pem -out {TLS}/certificate.pem")
    files = f"ssl_certificate {TLS}/certificate.pem; ssl_certificate_key {TLS}/key.pem;"
    host.write(TLS_SITE, f"server {{ listen 443 ssl; {files} root /var/www/html; }}\n")
    host.run("nginx -t && systemctl reload nginx")


def _forget_tls(host: LabHost) -> None:
    host.run(f"rm -rf {TLS} {TLS_SITE} && systemctl reload-or-restart nginx")


def _in_unit(host: LabHost, name: str, user: str, program: str) -> None:
    unit = ("systemd-run", "--quiet", f"--unit={name}", f"--uid={user}", "--working-directory=/", "--collect")
    host.run([*unit, "python3", "-c", program])


def _stop_unit(host: LabHost, name: str) -> None:
    host.run(f"systemctl stop {name}", check=False)


def _as_shop(host: LabHost, name: str, program: str) -> None:
    psql = ["runuser", "-u", "postgres", "--", "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-f", "-"]
    host.run(psql, input_text=SHOP_SQL)
    _in_unit(host, name, "postgres", program)


def _end_runaway(host: LabHost) -> None:
    """A server that works does not notice that its client is gone."""
    _stop_unit(host, "lab-runaway")
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop' AND query LIKE '%pg_sleep%'"
    host.run(["runuser", "-u", "postgres", "--", "psql", "-qXAtc", query], check=False)


def _boot_again(host: LabHost) -> None:
    if not host.runs:
        booting.shut_down(host.place, host.name)
        booting.boot(host.place, host.name)
        booting.await_boot(host)


FAULTS: Final[dict[str, Fault]] = {
    "service-stopped": Fault(
        "somebody has stopped its service", lambda host: host.run(f"systemctl stop {service_of(host)}"), _start
    ),
    "service-failed": Fault("its service was killed, and does not run", _fail, _start),
    "service-broken": Fault("its service fails at every start", _spoil_unit, _heal_unit),
    "service-hung": Fault("its service runs and does not answer", lambda host: _signal(host, "STOP"), _wake),
    "disk-full": Fault("a rotated log fills its root file system", _fill, lambda host: host.run(["rm", "-f", FILL])),
    "bad-nginx-config": Fault(
        "nginx refuses its configuration",
        lambda host: _spoil(host, "/etc/nginx/nginx.conf", "nonsense;\n"),
        lambda host: _restore(host, "/etc/nginx/nginx.conf", "nginx"),
        ("web",),
    ),
    "bad-sshd-config": Fault(
        "sshd refuses its configuration; the running one goes on",
        lambda host: _spoil(host, "/etc/ssh/sshd_config", "Nonsense yes\n"),
        lambda host: _restore(host, "/etc/ssh/sshd_config", "ssh"),
    ),
    "clock-behind": Fault(
        "the clock of its sshd is an hour behind", lambda host: clock.set_wrong(host, -clock.AN_HOUR), clock.set_right
    ),
    "clock-ahead": Fault(
        "the clock of its sshd is an hour ahead", lambda host: clock.set_wrong(host, clock.AN_HOUR), clock.set_right
    ),
    "expired-certificate": Fault("its TLS certificate expired 30 days ago", _expire, _forget_tls, ("web",)),
    "database-connections": Fault(
        "an application holds every connection of its database",
        lambda host: _as_shop(host, "lab-connections", MANY),
        lambda host: _stop_unit(host, "lab-connections"),
        ("db",),
    ),
    "database-idle-in-transaction": Fault(
        "a session holds a lock and does nothing",
        lambda host: _as_shop(host, "lab-idle", IDLE),
        lambda host: _stop_unit(host, "lab-idle"),
        ("db",),
    ),
    "database-runaway-query": Fault(
        "a query does not come to its end",
        lambda host: _as_shop(host, "lab-runaway", RUNAWAY),
        _end_runaway,
        ("db",),
    ),
    "memory-hog": Fault(
        "a process holds 300 MB",
        lambda host: _in_unit(host, "lab-hog", "nobody", f"import time; x = b'x' * {HOG_BYTES}; time.sleep(36000)"),
        lambda host: _stop_unit(host, "lab-hog"),
    ),
    "freeze": Fault(
        "every process stands still; its connections stay open",
        lambda host: cgroups.freeze(host.place.name, host.name),
        lambda host: cgroups.thaw(host.place.name, host.name),
    ),
    "network-cut": Fault(
        "nobody reaches it",
        lambda host: network.set_link(host.place, host.name, "down"),
        lambda host: network.set_link(host.place, host.name, "up"),
    ),
    "host-down": Fault("its plug is pulled", lambda host: booting.shut_down(host.place, host.name), _boot_again),
}
