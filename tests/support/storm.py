# SPDX-License-Identifier: GPL-3.0-or-later
"""Many alerts, one after the other, and what the runner answered to each."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Self

from tests.support.site import as_json
from tests.support.traces import all_events

if TYPE_CHECKING:
    from tests.support.crash_site import CrashSite


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

    def recorded(self) -> list[str]:
        """Those of them that the journal tells of, as often as it does."""
        unmatched = [event.body for event in all_events(self._site) if event.kind == "alert.unmatched"]
        return sorted(str(body["fingerprint"]) for body in unmatched if body["fingerprint"] in self.kept())

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
