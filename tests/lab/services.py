# SPDX-License-Identifier: GPL-3.0-or-later
"""What watches the hosts from the controller, each service only when it is asked for: Debian's programs, our configurations."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.lab import cgroups
from tests.lab.errors import BrokenLab, MissingPart
from tests.lab.places import SITE, group_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.lab.places import Place

READY_WITHIN_SECONDS: Final = 30
BETWEEN_LOOKS_SECONDS: Final = 0.05
LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True)
class Service:
    """One program on the controller.

    Attributes:
        port: Where it listens on the loopback address.
        command: How it is started, in the controller's directory.
        files: Its configurations, from `site`.
    """

    port: int
    command: tuple[str, ...]
    files: tuple[str, ...] = ()


SERVICES: Final[dict[str, Service]] = {
    "exporter": Service(9100, ("prometheus-node-exporter", f"--web.listen-address={LOOPBACK}:9100")),
    "blackbox": Service(
        9115,
        ("prometheus-blackbox-exporter", "--config.file=blackbox.yml", f"--web.listen-address={LOOPBACK}:9115"),
        ("blackbox.yml",),
    ),
    "alertmanager": Service(
        9093,
        (
            *("prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=alertmanager"),
            *(f"--web.listen-address={LOOPBACK}:9093", "--cluster.listen-address="),
        ),
        ("alertmanager.yml",),
    ),
    "prometheus": Service(
        9090,
        (
            *("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=prometheus"),
            *("--storage.tsdb.retention.time=1d", f"--web.listen-address={LOOPBACK}:9090"),
        ),
        ("prometheus.yml", "alerts.yml"),
    ),
    "postgresql": Service(5432, ("/bin/sh", "postgresql.sh"), ("postgresql.sh",)),
    "rsyslog": Service(6514, ("rsyslogd", "-n", "-f", "rsyslog.conf", "-iNONE"), ("rsyslog.conf",)),
}


def start_services(place: Place, hosts: Mapping[str, str], names: Iterable[str]) -> None:
    """Start these, and wait until each listens; they outlive us. Called from inside of the controller's network.

    Raises:
        MissingPart: A program is not installed, or there is no such service.
        BrokenLab: One does not listen in time.
    """
    _write_targets(place, hosts)
    for name in names:
        if name not in SERVICES:
            raise MissingPart(f"There is no service {name}. There are: {', '.join(SERVICES)}.")
        _start(place, name, SERVICES[name])
        _await(place, name)


def stop_service(place: Place, name: str) -> None:
    """End one; what it has on disk stays."""
    cgroups.end(place.name, f"controller/{name}")


def _start(place: Place, name: str, service: Service) -> None:
    (place.controller / name).mkdir(exist_ok=True)
    for file in service.files:
        text = (SITE / file).read_text(encoding="utf-8").replace("DIRECTORY", str(place.controller))
        (place.controller / file).write_text(text, encoding="utf-8")
    with (place.controller / f"{name}.log").open("ab") as log:
        subprocess.run(
            cgroups.entering(place.name, f"controller/{name}", "setsid", "--fork", *service.command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={"PATH": f"{os.environ['PATH']}:/usr/sbin", "HOME": str(place.controller)},
            cwd=place.controller,
            check=True,
        )


def _await(place: Place, name: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while True:
        try:
            socket.create_connection((LOOPBACK, SERVICES[name].port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise BrokenLab(f"{name} does not listen; see {place.controller / name}.log") from None
            time.sleep(BETWEEN_LOOKS_SECONDS)
        else:
            return


def _write_targets(place: Place, hosts: Mapping[str, str]) -> None:
    """Write whom Prometheus asks, by the names of the inventory."""
    directory = place.controller / "targets"
    directory.mkdir(exist_ok=True)
    for job, port, group in (("node", 9100, ""), ("postgresql", 9187, "db"), ("tls", 443, "web")):
        chosen = {host: address for host, address in hosts.items() if group in ("", group_of(host))}
        entries = [{"targets": [f"{address}:{port}"], "labels": {"instance": host}} for host, address in chosen.items()]
        (directory / f"{job}.json").write_text(json.dumps(entries), encoding="utf-8")
