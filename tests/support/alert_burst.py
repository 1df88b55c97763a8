# SPDX-License-Identifier: GPL-3.0-or-later
"""A burst of alerts from senders that try again like Alertmanager: on 5xx and lost connections, and never on anything else.

`python -m tests.support.alert_burst --url URL --token-file FILE --alerts N --groups N --senders N` posts one alert a message,
each with a fingerprint of its own, and prints one JSON object: how often each status was answered, how long answers of each
took (milliseconds), how long all of it took (seconds), and which alerts were given up.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import threading
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from breakglass.demo import alertmanager

PAUSE_SECONDS = 0.2
TRIES = 200


class Burst:
    """The alerts that are left, and what was answered."""

    def __init__(self, url: str, token: str, alerts: int, groups: int, since: datetime) -> None:
        self._address = urlsplit(url)
        self._token = token
        self._groups = groups
        self._numbers = iter(range(alerts))
        self._since = since
        self._lock = threading.Lock()
        self.answers: Counter[int] = Counter()
        self.times: dict[int, list[float]] = defaultdict(list)
        self.given_up: list[str] = []

    def send(self) -> None:
        """Post one alert after the other until none is left."""
        connection = self._connect()
        while True:
            with self._lock:
                number = next(self._numbers, None)
            if number is None:
                connection.close()
                return
            connection = self._until_taken(connection, number)

    def _until_taken(self, connection: http.client.HTTPConnection, number: int) -> http.client.HTTPConnection:
        body = self._body(number)
        for _ in range(TRIES):
            began = time.perf_counter()
            try:
                status = self._post(connection, body)
            except (OSError, http.client.HTTPException):
                connection.close()
                connection, status = self._connect(), 0
            with self._lock:
                self.answers[status] += 1
                self.times[status].append((time.perf_counter() - began) * 1000)
            if 0 < status < 500:
                return connection
            time.sleep(PAUSE_SECONDS)
        with self._lock:
            self.given_up.append(f"{number:016x}")
        return connection

    def _post(self, connection: http.client.HTTPConnection, body: bytes) -> int:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        connection.request("POST", "/webhooks/alertmanager", body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=10)

    def _body(self, number: int) -> bytes:
        body = alertmanager.webhook("firing", self._since)
        body["alerts"][0]["fingerprint"] = f"{number:016x}"  # type: ignore[index]
        return json.dumps({**body, "groupKey": f"group {number % self._groups}"}).encode()


def main() -> int:
    """Send the burst and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.alert_burst")
    parser.add_argument("--url", required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--groups", type=int, default=200)
    parser.add_argument("--senders", type=int, default=16)
    parser.add_argument(
        "--since", type=datetime.fromisoformat, help="when they began to fire; the same again repeats them"
    )
    given = parser.parse_args()
    since = given.since or datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    burst = Burst(given.url, given.token_file.read_text(encoding="ascii").strip(), given.alerts, given.groups, since)
    began = time.monotonic()
    threads = [threading.Thread(target=burst.send) for _ in range(given.senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = {status: _spread(found) for status, found in burst.times.items()}
    result = {"seconds": round(time.monotonic() - began, 1), "answers": burst.answers, "times_ms": times}
    print(json.dumps({**result, "given_up": burst.given_up}))
    return 0


def _spread(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "p50": round(statistics.median(ordered), 1),
        "p99": round(ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)], 1),
        "longest": round(ordered[-1], 1),
    }


if __name__ == "__main__":
    sys.exit(main())
