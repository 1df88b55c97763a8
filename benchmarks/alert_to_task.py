# SPDX-License-Identifier: GPL-3.0-or-later
"""From an alert to the first finished task, on a local connection: our runner, and ansible-rulebook in the same run.

ansible-rulebook has an environment of its own (tests/support/rulebook.py), with Java 17; where that can't be had, the
result says so. Its rule runs a playbook with one command task. Ours does everything: store, limits, grant, certificate,
journal; so the play's very first task, the remediation's first task and the first task that runs a module on the host are given.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import yaml
from tests.support import rulebook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.site import Site

ROUNDS = 7
LIMIT_SECONDS = 30
PAUSE_SECONDS = 2.0  # between alerts, as in life; the next play process gets warm meanwhile


def measure(site: Site) -> dict[str, object]:
    """Seconds, median and all, for both."""
    ours = _ours(site)
    return {"breakglass": ours, "ansible_rulebook": _rulebook(site.scratch / "rulebook")}


def make_local(site: Site) -> None:
    """Let the host be reached by a local connection, and limit nothing."""
    inventory = yaml.safe_load(site.place.inventory.read_text())
    host = inventory["web"]["hosts"][site.host_name]
    host["ansible_connection"] = "local"
    site.place.inventory.write_text(yaml.safe_dump(inventory))
    site.change_policy(
        lambda trigger: trigger.update(limits={"cooldown": "1s", "repairs_per_day": "1000", "firing_for": "1s"})
    )


def _ours(site: Site) -> dict[str, object]:
    first, remediation, on_host = [], [], []
    with site.runner() as runner:
        for number in range(ROUNDS):
            time.sleep(PAUSE_SECONDS)
            site.service.kill()
            fingerprint = f"{number:016x}"
            posted = time.time()
            incident = site.post(runner.url, site.alert(fingerprint=fingerprint))
            site.wait_for(incident, "grant.revoked")
            results = [event for event in site.events(incident) if event.kind == "task.result"]
            certified = next(event.at for event in results if event.body.get("serial"))
            first.append(results[0].at.timestamp() - posted)
            remediation.append(next(event for event in results if event.at > certified).at.timestamp() - posted)
            probe = next(
                event.body["task"] for event in site.events(incident) if str(event.body.get("action")).endswith("uri")
            )
            on_host.append(next(event for event in results if event.body["task"] == probe).at.timestamp() - posted)
            site.post(runner.url, site.alert("resolved", fingerprint=fingerprint))
            site.wait_for(incident, "incident.closed")
    return {
        "first_task": _summary(first),
        "first_task_of_the_remediation": _summary(remediation),
        "first_module_on_the_host": _summary(on_host),
    }


def _rulebook(directory: Path) -> dict[str, object] | str:
    program = _install_rulebook()
    if program is None:
        return "not measured: ansible-rulebook or Java 17 can't be installed here"
    directory.mkdir()
    marker, port = directory / "done", _free_port()
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (directory / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": {"web1": host}}}))
    task = {"ansible.builtin.command": {"argv": ["touch", str(marker)]}, "name": "First task"}
    (directory / "play.yml").write_text(yaml.safe_dump([{"hosts": "web1", "gather_facts": False, "tasks": [task]}]))
    rule = {
        "name": "alert",
        "condition": 'event.payload.status == "firing"',
        "action": {"run_playbook": {"name": str(directory / "play.yml")}},
    }
    source = {"eda.builtin.webhook": {"host": "127.0.0.1", "port": port}}
    rulebook = [{"name": "bench", "hosts": "all", "sources": [source], "rules": [rule]}]
    (directory / "rules.yml").write_text(yaml.safe_dump(rulebook))
    times = []
    with _running(program, directory, port):
        for _ in range(ROUNDS):
            time.sleep(PAUSE_SECONDS)
            marker.unlink(missing_ok=True)
            posted = time.time()
            _post(port)
            while not marker.exists() and time.time() - posted < LIMIT_SECONDS:
                time.sleep(0.002)
            times.append(marker.stat().st_mtime - posted)
    return {"version": _version(), "first_task": _summary(times)}


def _install_rulebook() -> Path | None:
    try:
        rulebook.make()
    except subprocess.CalledProcessError:
        return None
    program = rulebook.PROGRAMS / "ansible-rulebook"
    works = subprocess.run([str(program), "--version"], check=False, capture_output=True).returncode == 0
    return program if works else None


@contextmanager
def _running(program: Path, directory: Path, port: int) -> Iterator[None]:
    command = [str(program), "--rulebook", str(directory / "rules.yml"), "-i", str(directory / "inventory.yml")]
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    try:
        deadline = time.time() + 60
        while time.time() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _version() -> str:
    lines = rulebook.REQUIREMENTS.read_text(encoding="ascii").splitlines()
    return next(line.split("==")[1].split(" ")[0] for line in lines if line.startswith("ansible-rulebook=="))


def _post(port: int) -> None:
    body = json.dumps({"status": "firing", "alertname": "ServiceDown"}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/alerts", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10):
        return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _summary(seconds: list[float]) -> dict[str, object]:
    return {"median_s": round(statistics.median(seconds), 3), "all_s": [round(one, 3) for one in seconds]}
