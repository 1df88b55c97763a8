# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast alerts are taken in for good, on SQLite and PostgreSQL: `python -m benchmarks.acknowledgements [--alerts N] [--storm N]`.

For each database: acknowledgements a second directly on the store (one writer, and eight), for alerts that are new and for repeated ones; through the
real endpoint, a storm of new alerts of two hundred groups from sixteen senders (with the 50th and 99th percentile of the time to the 202), and the
same once more, repeated; and what 500 incidents that wait cost the runner's processor. Everything that is said to be taken in is synced to the
disk: PostgreSQL runs with fsync here, as it does in life. Writes benchmarks/results/acknowledgements.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from benchmarks import machine
from tests.support.incidents import make_alert, make_course
from tests.support.postgresql import SETTINGS, PostgreSQL, programs_or_skip
from tests.support.site import Site
from tests.support.traces import wait_until

from breakglass.demo.alertmanager import RefusedWebhook
from breakglass.store.database import Database
from breakglass.store.inbox import Arrival
from breakglass.store.incidents import Incidents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from breakglass.demo.serving import Serving

    Place = tuple[str, Path | None]

RESULT = Path(__file__).parent / "results" / "acknowledgements.json"
IN_LIFE = {
    **SETTINGS,
    "fsync": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",
    "autovacuum": "on",
    "log_connections": "off",
}
ALERTS, STORM = 2000, 10_000
WRITERS = 8
GROUPS, SENDERS = 200, 16
WAITING = 500
IDLE_SECONDS, LOOK_SECONDS = 15, 30
SETTLED_WITHIN_SECONDS = 600
START_LIMIT_SECONDS = 180  # it is not the start that is measured
LIMITS = {"firing_for": "0s", "cooldown": "0s", "repairs_per_day": "100000"}


def main() -> int:
    """Measure both, and write the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.acknowledgements", description=__doc__)
    parser.add_argument("--alerts", type=int, default=ALERTS, help="by each way to the store")
    parser.add_argument(
        "--storm", type=int, default=STORM, help="through the endpoint, new ones and then the same again"
    )
    given = parser.parse_args()
    result: dict[str, object] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.describe()}
    with Site() as site, PostgreSQL(site.scratch / "postgresql", programs_or_skip(), IN_LIFE) as server:
        _prepare(site, server)
        result["one_synced_append_ms"] = _sync_ms(site.scratch)
        for name, place in _places(site, server).items():
            result[name] = _measure(site, name, place, given)
            result["load_average_1m_at_the_end"] = os.getloadavg()[0]
            RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))
    return 0


def _measure(site: Site, name: str, place: Place, given: argparse.Namespace) -> dict[str, object]:
    directly = _directly(place, given.alerts)
    with _runner(site, name, place) as runner:
        endpoint = _storm(site, runner, given.storm)
        print(name, json.dumps({"directly": directly, "endpoint": endpoint}), flush=True)
        waiting = _waiting(site, runner)
    return {"directly_on_the_store": directly, "through_the_endpoint": endpoint, "500_waiting_incidents": waiting}


def _directly(place: Place, alerts: int) -> dict[str, object]:
    """Acknowledgements a second, each its own transaction."""
    database = Database.open(place[0], "bench" if place[1] else "", place[1])
    incidents = Incidents(database)
    arrivals = [
        Arrival(make_alert(fingerprint=f"{number:x}", group=f"{number % GROUPS}"), make_course(), f"BENCH-{number}")
        for number in range(alerts)
    ]
    more = [
        replace(one, alert=replace(one.alert, fingerprint=f"m{one.alert.fingerprint}"), incident=f"M{one.incident}")
        for one in arrivals
    ]

    def take(arrival: Arrival) -> None:
        incidents.accept([arrival])

    def at_once(those: list[Arrival]) -> None:
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(lambda one: _insist(lambda: take(one)), those))

    try:
        return {
            "new_per_second_one_writer": _rate(alerts, lambda: [take(one) for one in arrivals]),
            "repeated_per_second_one_writer": _rate(alerts, lambda: [take(one) for one in arrivals]),
            "new_per_second_eight_writers": _rate(alerts, lambda: at_once(more)),
            "repeated_per_second_eight_writers": _rate(alerts, lambda: at_once(more)),
        }
    finally:
        with database.transaction() as connection:
            for table in ("inbox", "incident"):
                connection.exec_driver_sql(f"DELETE FROM {table}")
        database.close()


def _insist(take: Callable[[], object]) -> None:
    """As a sender does: it is told that the database is busy, and comes again."""
    from breakglass.store.errors import DatabaseUnavailable  # noqa: PLC0415

    while True:
        try:
            take()
        except DatabaseUnavailable:
            continue
        return


def _rate(alerts: int, work: Callable[[], object]) -> int:
    began = time.perf_counter()
    work()
    return round(alerts / (time.perf_counter() - began))


def _storm(site: Site, runner: Serving, alerts: int) -> dict[str, object]:
    since = (datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)).isoformat()
    new, repeated = (_burst(site, runner, since, alerts) for _ in range(2))
    return {"alerts": alerts, "groups": GROUPS, "senders": SENDERS, "new": new, "repeated": repeated}


def _burst(site: Site, runner: Serving, since: str, alerts: int) -> dict[str, object]:
    """One burst, and the runner let come to rest after it."""
    command = [sys.executable, "-m", "tests.support.alert_burst", "--url", runner.url, "--since", since]
    command += ["--token-file", str(site.place.secret("alertmanager"))]
    command += ["--alerts", str(alerts), "--groups", str(GROUPS), "--senders", str(SENDERS)]
    sent = json.loads(subprocess.run(command, capture_output=True, check=True, cwd=Path(__file__).parents[1]).stdout)
    assert sent["given_up"] == []
    wait_until(lambda: set(_states(runner)) <= {"escalated"}, SETTLED_WITHIN_SECONDS, "it does not come to rest")
    return {
        "acknowledged_per_second": round(alerts / sent["seconds"]),
        "answers": sent["answers"],
        "times_of_202_ms": sent["times_ms"]["202"],
        "times_of_503_ms": sent["times_ms"].get("503"),
    }


def _waiting(site: Site, runner: Serving) -> dict[str, object]:
    """The share of one core that the runner takes: while it writes and seals what the storm has left, and with so many that wait."""
    idle = _share(runner.pid, IDLE_SECONDS)

    def post(number: int) -> None:
        body = site.alert(labels={"alertname": "Young"}, fingerprint=f"w{number:x}")
        while True:  # as a sender does that is told that the runner is busy
            with suppress(RefusedWebhook):
                site.post(runner.url, {**body, "groupKey": f"w{number}"})
                return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(post, range(WAITING)))
    wait_until(lambda: _states(runner).get("waiting") == WAITING, SETTLED_WITHIN_SECONDS, lambda: str(_states(runner)))
    time.sleep(IDLE_SECONDS)
    return {"percent_of_one_core_after_the_storm": idle, "percent_of_one_core": _share(runner.pid, LOOK_SECONDS)}


def _states(runner: Serving) -> dict[str, int]:
    """How many incidents stand in each state, by the page of numbers; the closed ones are not there."""
    import urllib.request  # noqa: PLC0415

    with urllib.request.urlopen(f"{runner.url}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    found = {
        line.split('"')[1]: int(float(line.rpartition(" ")[2]))
        for line in lines
        if line.startswith("breakglass_incidents{")
    }
    return {state: count for state, count in found.items() if count}


def _share(pid: int, seconds: float) -> float:
    def ticks() -> int:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before, began = ticks(), time.monotonic()
    time.sleep(seconds)
    return round(100 * (ticks() - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - began), 2)


def _sync_ms(directory: Path) -> dict[str, float]:
    """What the disk takes for one append of a record and its sync: the floor of all that is here."""
    times = []
    with (directory / "synced").open("ab", buffering=0) as file:
        for _ in range(200):
            began = time.perf_counter()
            file.write(b"x" * 1500)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    times.sort()
    return {"p50": round(times[100], 2), "p99": round(times[197], 2)}


def _prepare(site: Site, server: PostgreSQL) -> None:
    """One trigger that observes, and one whose alerts are always too young; the password of PostgreSQL in a file."""
    policy = yaml.load(site.place.policy.read_text(encoding="utf-8"), yaml.BaseLoader)
    first = policy["triggers"][0]
    first.pop("mode")
    young = {"name": "young", "match": {"alertname": "Young", "name": "shop"}, "limits": {**LIMITS, "firing_for": "1h"}}
    policy["triggers"] = [first | {"limits": dict(LIMITS)}, first | young]
    plain = json.loads(json.dumps(policy))
    site.place.policy.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    password = site.place.secret("database")
    password.touch(mode=0o600)
    password.write_text(server.password, encoding="ascii")


def _places(site: Site, server: PostgreSQL) -> dict[str, Place]:
    on_server = f"postgresql://postgres@127.0.0.1:{server.port}/postgres"
    return {
        "sqlite": (f"sqlite:///{site.scratch}/bench.db", None),
        "postgresql": (on_server, site.place.secret("database")),
    }


@contextmanager
def _runner(site: Site, name: str, place: Place) -> Iterator[Serving]:
    """The runner with this database, and a journal of its own."""
    settings = yaml.safe_load(site.place.settings.read_text(encoding="utf-8"))
    settings |= {"database_url": place[0], "journal": {"directory": str(site.scratch / name / "journal")}}
    settings |= {"name": "bench", "database_password_file": str(place[1])} if place[1] else {}
    site.place.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")
    serving = site.runner()
    serving.start_limit = START_LIMIT_SECONDS
    with serving as runner:
        yield runner


if __name__ == "__main__":
    sys.exit(main())
