# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGTERM: the runner claims nothing new, ends its play through the guard, revokes, and goes; its successor goes on."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Self

import pytest
from tests.support.crash_site import CrashSite
from tests.support.site import as_json
from tests.support.traces import all_events, is_gone, living_tokens, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def site() -> Iterator[CrashSite]:
    """One installation for all of these."""
    with CrashSite() as made:
        yield made


class Storm:
    """Alertmanager in a hurry: alerts that match no trigger, one after the other, until the runner refuses them.

    Attributes:
        answers: Fingerprint to what the runner answered: a status, or 0 when there was no connection or no answer.
    """

    def __init__(self, site: CrashSite) -> None:
        self._site = site
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._post_all)
        self.answers: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def kept(self) -> list[str]:
        """Alerts that the runner said it has."""
        return [fingerprint for fingerprint, answer in self.answers.items() if answer == 202]

    def _post_all(self) -> None:
        while not self._over.is_set():
            fingerprint = f"5{len(self.answers):015x}"
            self.answers[fingerprint] = self._post(self._site.alert(labels={"name": "mail"}, fingerprint=fingerprint))

    def _post(self, body: dict[str, object]) -> int:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._site.token}"}
        request = urllib.request.Request(f"{self._url}/webhooks/alertmanager", as_json(body), headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    @property
    def _url(self) -> str:
        return self._site.serving.url


def test_a_drained_runner_leaves_no_play_and_no_grant_and_its_successor_repairs(site: CrashSite) -> None:
    """SIGTERM while a play is at work: play ended, grant gone, exit 0; no acknowledged alert is lost; then it goes on."""
    site.start_runner()
    site.gate.touch()
    pager = site.break_service()
    wait_until(lambda: pager.look() or site.times("begun") == 1, 30, site.report)
    accessor = str(site.wait_for(pager.alert.incident, "grant.minted")[0].body["accessor"])

    with Storm(site) as storm:
        wait_until(lambda: len(storm.kept()) >= 3, 10, "the runner does not answer")
        assert site.serving.drain() == 0
        wait_until(lambda: 0 in storm.answers.values(), 10, "the runner still answers")

    assert set(storm.answers.values()) <= {202, 503, 0}
    assert site.processes_of_runs() == {}
    assert site.directories() == []
    assert is_gone(site, accessor)
    assert living_tokens(site) == {}
    assert site.states()[pager.alert.incident] == "waiting"
    site.start_runner()
    site.gate.unlink()
    pager.see_through()
    site.check(pager)
    assert (site.times("started"), pager.repaired_by_hand) == (1, False)
    recorded = [event.body["fingerprint"] for event in all_events(site) if event.kind == "alert.unmatched"]
    assert sorted(fingerprint for fingerprint in recorded if fingerprint in storm.kept()) == sorted(storm.kept())
    site.check_end()


def test_a_runner_drains_at_once_when_it_has_nothing_to_do(site: CrashSite) -> None:
    """SIGTERM to an idle runner: exit 0, its own session in Vault is gone, nothing of it is left."""
    site.start_runner()

    assert site.serving.drain() == 0

    assert living_tokens(site) == {}
    assert site.processes_of_runs() == {}
    assert site.directories() == []
