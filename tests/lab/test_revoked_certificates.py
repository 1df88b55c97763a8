# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that fetch which certificates are to be believed no more: from when on, from when on not yet, and the way back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import yaml
from tests.lab.alerted import Watch, answering, until
from tests.lab.deploying import FORWARDER
from tests.lab.guides import commands_of, run_as_shown
from tests.lab.places import CONTROLLER
from tests.lab.test_prepare_host import DIRECTORY, DROP_IN, REFUSED, certificate, log_in, state_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.api import Lab
    from tests.lab.host import LabHost

__all__ = ["certificate"]
PORT: Final = "18443"
FETCHING: Final[dict[str, object]] = {
    "prepare_host_krl_url": f"http://{CONTROLLER}:{PORT}/krl",
    "prepare_host_krl_seconds": 3600,
}
FETCH: Final = "systemctl start breakglass-krl.service"
TIMER: Final = "systemctl is-active breakglass-krl.timer; systemctl is-enabled breakglass-krl.timer"
TRIGGER: Final[dict[str, object]] = {
    "name": "look-at-it",
    "match": {"alertname": "LookAtIt"},
    "remediation": "collect_evidence",
    "parameters": {"collect_evidence_units": ["nginx"]},
}


@pytest.fixture(scope="module")
def watch(watched: Lab) -> Iterator[Watch]:
    with answering(watched, "revoked", ["lab-operator"], [TRIGGER]) as made:
        yield made


@pytest.fixture
def web1(lab: Lab) -> Iterator[LabHost]:
    """A host that is as it was afterwards."""
    host = lab.host("web1")
    before = state_of(host)
    yield host
    assert lab.prepare_hosts(["web1"]).code == 0
    host.run(["rm", "-f", f"{DIRECTORY}/revoked.krl"])
    assert state_of(host) == before
    assert host.run(TIMER, check=False).stdout.split()[0] == "inactive"


@pytest.fixture
def forwarder(watch: Watch) -> Iterator[subprocess.Popen[bytes]]:
    """Leads hosts to the runner."""
    address, _, port = watch.runner.url.removeprefix("http://").rpartition(":")
    with subprocess.Popen([sys.executable, "-c", FORWARDER, CONTROLLER, PORT, address, port]) as process:
        yield process
        process.kill()


def steal(watch: Watch, directory: Path) -> Path:
    """The key and certificate of the play that runs, as an attacker on the runner's machine might copy them."""
    runs = Path(yaml.safe_load(watch.settings.read_text(encoding="utf-8"))["run_directory"])

    def copied() -> bool:
        for found in runs.glob("run-*/credentials/ssh"):
            try:
                files = {name: (found / name).read_bytes() for name in ("id", "id-cert.pub", "known_hosts")}
            except OSError:
                continue
            for name, content in files.items():
                (directory / name).touch(mode=0o600)
                (directory / name).write_bytes(content)
            return True
        return False

    until(copied, lambda: "no play has a certificate")
    return directory / "id"


def test_check_mode_predicts_it_and_a_second_run_changes_nothing(
    watch: Watch, web1: LabHost, forwarder: subprocess.Popen[bytes]
) -> None:
    assert forwarder.poll() is None
    predicted = watch.lab.prepare_hosts(["web1"], FETCHING, "--check", "--diff")
    done = watch.lab.prepare_hosts(["web1"], FETCHING)
    assert (done.code, done.sentence) == (0, "")
    told = ("Have sshd read it", "Fetch it again and again")
    assert [task for task in done.changed("web1") if task not in told] == predicted.changed("web1")
    assert watch.lab.prepare_hosts(["web1"], FETCHING).changed("web1") == []
    assert web1.run(TIMER).stdout.split() == ["active", "enabled"]


def test_the_commands_of_the_guide_predict_and_do_it(
    web1: LabHost, lab: Lab, forwarder: subprocess.Popen[bytes]
) -> None:
    """Those of revoked-certificates.md, as they stand there: first nothing changes, then the host fetches the list."""
    assert forwarder.poll() is None
    words = {"-l web": "-l web1", "https://breakglass.example.com/krl": str(FETCHING["prepare_host_krl_url"])}
    before = state_of(web1)
    predict, do = commands_of("docs/guides/revoked-certificates.md", "prepare_hosts")
    run_as_shown(lab, predict, words)
    assert state_of(web1) == before
    run_as_shown(lab, do, words)
    assert web1.run(TIMER).stdout.split() == ["active", "enabled"]
    assert web1.exists(f"{DIRECTORY}/revoked.krl")


def test_a_certificate_is_refused_once_the_host_has_fetched_that_its_grant_is_over(
    watch: Watch, web1: LabHost, forwarder: subprocess.Popen[bytes], certificate: Path, tmp_path: Path
) -> None:
    """Not before; others are let in; and what was fetched stays when the runner is away."""
    assert watch.lab.prepare_hosts(["web1"], FETCHING).code == 0
    (tmp_path / "stolen").mkdir()
    incident = watch.post("LookAtIt")
    stolen = steal(watch, tmp_path / "stolen")
    assert log_in(web1, stolen).returncode == 0
    watch.post("LookAtIt", "resolved")
    watch.await_event(incident, "incident.closed")
    assert log_in(web1, stolen).returncode == 0, "the host has not fetched the list yet"
    web1.run(FETCH)
    refused = log_in(web1, stolen)
    assert refused.returncode == REFUSED, web1.run("journalctl -u ssh -n 20").stdout
    assert [log_in(web1, certificate).returncode, log_in(web1, stolen).returncode] == [0, REFUSED]

    forwarder.kill()
    forwarder.wait()
    assert web1.run(FETCH, check=False).returncode != 0
    assert "The one that is there stays." in web1.run("journalctl -u breakglass-krl -n 5").stdout
    assert [log_in(web1, certificate).returncode, log_in(web1, stolen).returncode] == [0, REFUSED]


def test_a_runner_that_can_not_be_reached_leaves_the_host_as_it_was(watch: Watch, web1: LabHost) -> None:
    """Nobody is locked out by an address that is wrong."""
    before = state_of(web1)
    run = watch.lab.prepare_hosts(["web1"], {"prepare_host_krl_url": f"http://{CONTROLLER}:9/krl"})
    assert run.code != 0
    assert run.sentence.endswith("What was there before was put back.")
    assert state_of(web1) == before
    assert "RevokedKeys" not in web1.read(DROP_IN)


@pytest.mark.parametrize(
    "bad",
    [
        {"prepare_host_krl_url": "http://x/krl /etc/passwd"},
        {"prepare_host_krl_url": "file:///etc/shadow"},
        {"prepare_host_krl_url": "https://x/%i"},
        {"prepare_host_krl_ca_file": "../ca.pem"},
        {"prepare_host_krl_seconds": 5},
    ],
)
def test_bad_addresses_are_refused(lab: Lab, bad: dict[str, object]) -> None:
    run = lab.prepare_hosts(["web2"], bad)
    assert (run.code != 0, run.changed("web2")) == (True, [])
    assert next(iter(bad)) in run.sentence
