# SPDX-License-Identifier: GPL-3.0-or-later
"""restore_config with the validators of servers that the base does not have: a lab of one host, with Debian's packages of them above the base.

The host of this lab has more packages than others (`layers/servers.txt`); the first run builds them, one or two minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.lab import lab as labs
from tests.lab import network
from tests.lab.api import Lab
from tests.lab.places import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.host import LabHost
    from tests.lab.playbooks import RoleRun

pytestmark = pytest.mark.timeout(600)  # the first to come builds the packages
REPOSITORY = Path(__file__).parents[2]
KEEPER = "/srv/configurations"
GIT = f"git -c user.name=lab -c user.email=lab@example.com -c safe.directory=* -C {KEEPER}"
FOUND = "/srv/found"
PUT = "Put the good version in place"
LISTENS = "timeout 20 sh -c 'until ss -Hltn sport = :{port} | grep -q .; do sleep 0.1; done'"


@dataclass(frozen=True)
class Server:
    """A service whose configuration a real program validates.

    Attributes:
        validator: Whose check has the last word.
        unit: The unit.
        paths: What is asked to be restored.
        spoiled: The file that is broken.
        bad: What is written at its end.
        line: Whether the validator says where it stumbled.
        good: What a host needs before its configuration is good, as a command.
        well: What shows that it serves, as a command.
        activation: How it takes a configuration.
    """

    validator: str
    unit: str
    paths: tuple[str, ...]
    spoiled: str
    bad: str
    well: str
    good: str = "true"
    line: bool = True
    activation: str = "reloaded"

    @property
    def parameters(self) -> dict[str, object]:
        """What the role is given."""
        return {
            "restore_config_paths": list(self.paths),
            "restore_config_validator": self.validator,
            "restore_config_unit": self.unit,
            "restore_config_activation": self.activation,
            "restore_config_repository": KEEPER,
            "restore_config_revision": "known-good",
        }


CHRONY_IN_A_CONTAINER = (  # the clock is the machine's, so it may run, and set nothing
    "mkdir -p /etc/systemd/system/chrony.service.d; printf '[Unit]\\nConditionCapability=\\n' > /etc/systemd/system/chrony.service.d/lab.conf; "
    "echo 'DAEMON_OPTS=\"-F 0 -x\"' > /etc/default/chrony; systemctl daemon-reload"
)
SERVERS = (
    Server(
        "apache",
        "apache2",
        ("/etc/apache2",),
        "/etc/apache2/apache2.conf",
        "Nonsense on",
        good="sed -i 's/^Listen 80$/Listen 8080/' /etc/apache2/ports.conf; sed -i 's/:80>/:8080>/' /etc/apache2/sites-available/000-default.conf",
        well="curl -sf http://127.0.0.1:8080/ > /dev/null",
    ),
    Server(
        "haproxy",
        "haproxy",
        ("/etc/haproxy/haproxy.cfg",),
        "/etc/haproxy/haproxy.cfg",
        "nonsense",
        good="printf 'frontend lab\\n  bind 127.0.0.1:8081\\n  http-request return status 200\\n' >> /etc/haproxy/haproxy.cfg",
        well="curl -sf http://127.0.0.1:8081/ > /dev/null",
    ),
    Server(
        "postfix",
        "postfix@-",
        ("/etc/postfix",),
        "/etc/postfix/main.cf",
        "nonsense",
        good="postconf -e inet_interfaces=loopback-only; newaliases",
        well=LISTENS.format(port=25),
        line=False,  # what it has to say goes to syslog
    ),
    Server(
        "postfix",
        "postfix@-",
        ("/etc/postfix/master.cf",),
        "/etc/postfix/master.cf",
        "nonsense",
        good="postconf -e inet_interfaces=loopback-only; newaliases",
        well=LISTENS.format(port=25),
    ),
    Server(
        "chrony",
        "chrony",
        ("/etc/chrony",),
        "/etc/chrony/conf.d/shop.conf",
        "nonsense",
        good=f"{CHRONY_IN_A_CONTAINER}; echo 'maxupdateskew 90' > /etc/chrony/conf.d/shop.conf",
        well="chronyc -n tracking > /dev/null",
        activation="restarted",
    ),
    Server(
        "prometheus",
        "prometheus",
        ("/etc/prometheus",),
        "/etc/prometheus/prometheus.yml",
        "nonsense: true",
        line=False,  # it names the line, and not beside the file
        well=LISTENS.format(port=9090),
    ),
    Server(
        "prometheus",
        "prometheus",
        ("/etc/prometheus/prometheus.yml", "/etc/prometheus/rules"),
        "/etc/prometheus/rules/shop.yml",
        "- {name: more, rules: [{alert: Down, expr: 'up =='}]}",
        good="mkdir -p /etc/prometheus/rules; printf 'groups:\\n- {name: shop, rules: [{alert: Down, expr: up == 0}]}\\n' > /etc/prometheus/rules/shop.yml; "
        "sed -i 's|^rule_files:.*|rule_files: [rules/*.yml]|' /etc/prometheus/prometheus.yml",
        well=LISTENS.format(port=9090),
    ),
    Server(
        "alertmanager",
        "prometheus-alertmanager",
        ("/etc/prometheus/alertmanager.yml",),
        "/etc/prometheus/alertmanager.yml",
        "nonsense: true",
        good="echo 'ARGS=\"--cluster.listen-address=\"' > /etc/default/prometheus-alertmanager",
        well=LISTENS.format(port=9093),
        line=False,
    ),
    Server(
        "bind",
        "named",
        ("/etc/bind",),
        "/etc/bind/named.conf.options",
        "nonsense;",
        well="rndc status > /dev/null",
    ),
    Server(
        "bind",
        "named",
        ("/etc/bind",),
        "/etc/bind/db.shop",
        "nonsense here",
        good="cp /etc/bind/db.local /etc/bind/db.shop; "
        'echo \'zone "shop.example" { type master; file "/etc/bind/db.shop"; };\' >> /etc/bind/named.conf.local',
        well="rndc zonestatus shop.example > /dev/null",
    ),
    Server(
        "rsyslog",
        "rsyslog",
        ("/etc/rsyslog.conf", "/etc/rsyslog.d"),
        "/etc/rsyslog.conf",
        "action(",
        good="echo '# of the shop' > /etc/rsyslog.d/shop.conf",
        well="logger --socket-errors=on well",
        activation="restarted",
    ),
)


@pytest.fixture(scope="module")
def servers() -> Iterator[Lab]:
    """A lab of one host that has all these servers; then this process is back where it was."""
    place = Place(f"servers{os.getpid()}")
    command = [sys.executable, "-m", "tests.lab", "--name", place.name, "up", "--hosts", "1", "--layers", "servers"]
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    try:
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        with network.visiting(place):
            yield Lab(place)
    finally:
        labs.down(place)


@pytest.fixture
def case(servers: Lab, request: pytest.FixtureRequest) -> Iterator[tuple[Server, LabHost]]:
    """A server that serves, with its good configuration in git; afterwards it is as the package has it."""
    server, host = request.param, servers.host("web1")
    kept = " ".join(
        dict.fromkeys(
            str(Path(path).parent if Path(path).suffix else path)
            for path in server.paths
            if path.count("/") > 2 or not Path(path).suffix
        )
    )
    host.run(
        f"rm -rf {KEEPER} {FOUND}; mkdir -p {KEEPER} {FOUND}; cp -a --parents /etc/default {kept} {FOUND}; {server.good}"
    )
    host.run(
        f"cp -a --parents {' '.join(server.paths)} {KEEPER}; git init -q {KEEPER}; {GIT} add .; {GIT} commit -qm good; {GIT} tag known-good; "
        f"systemctl restart {server.unit}; {server.well}"
    )
    yield server, host
    host.run(
        f"systemctl stop {server.unit}; rm -rf {kept}; cp -a {FOUND}/etc/. /etc; rm -rf {KEEPER} {FOUND}; "
        f"systemctl reset-failed {server.unit}",
        check=False,
    )


def _restore(lab: Lab, given: dict[str, object], *, check: bool = False) -> RoleRun:
    return lab.run_role("restore_config", ["web1"], given, check=check)


def _listing(host: LabHost, server: Server) -> str:
    return host.run(f"find {' '.join(server.paths)} -type f -printf '%p %i %m %U %G %T@ %C@\\n' | sort").stdout


def _field(run: RoleRun, name: str) -> object:
    return next(body[name] for body in run.bodies("task.result") if name in body)


@pytest.mark.parametrize("case", SERVERS, ids=lambda one: f"{one.validator} {Path(one.spoiled).name}", indirect=True)
def test_what_a_real_validator_refuses_is_restored(servers: Lab, case: tuple[Server, LabHost]) -> None:
    """A service that does not start with a bad one is not given a worse one, but the good one, as predicted, and serves; a good one is left alone."""
    server, host = case
    activate = f"Activate the good version in {server.unit}"
    host.run(["/bin/sh", "-c", 'printf "%s\\n" "$2" >> "$1"', "sh", server.spoiled, server.bad])
    host.run(f"systemctl stop {server.unit}; systemctl start {server.unit}", check=False)
    spoiled = _listing(host, server)
    host.run(f"echo '{server.bad} worse' >> {KEEPER}{server.spoiled}; {GIT} commit -qam worse; {GIT} tag worse")
    refused = _restore(servers, {**server.parameters, "restore_config_revision": "worse"})
    assert f"{server.validator} refuses what is there" in refused.sentence
    assert "no good version was found, 1 could be tried: commit" in refused.sentence
    assert (refused.changed("web1"), _listing(host, server)) == ([], spoiled)

    predicted = _restore(servers, server.parameters, check=True)
    assert _field(predicted, "changes") == [f"replace {server.spoiled}"]
    assert _listing(host, server) == spoiled
    repaired = _restore(servers, server.parameters)
    assert repaired.code == 0, repaired.text
    assert repaired.changed("web1") == predicted.changed("web1") == [PUT, activate]
    assert any(server.spoiled in str(at) for at in _field(repaired, "refused_at")) is server.line  # type: ignore[attr-defined]
    assert host.active(server.unit) == "active"
    host.run(server.well)
    assert host.run(f"tail -n 1 {server.spoiled}").stdout != f"{server.bad}\n"
    good = _listing(host, server)
    again = _restore(servers, server.parameters)
    assert (again.code, again.changed("web1"), _listing(host, server)) == (0, [], good), again.text
    servers.record_run(
        role="restore_config", fault=f"bad configuration of {server.validator}, {server.spoiled}", run=repaired
    )
