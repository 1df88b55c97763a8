# SPDX-License-Identifier: GPL-3.0-or-later
"""A real browser, the size of a phone: Debian's Chromium, driven by its own driver over WebDriver (W3C), without any further library."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
WIDTH, HEIGHT = 390, 844
PATIENCE_SECONDS = 60
Value = TypeVar("Value")
QUIET = (
    "headless=new",
    "no-sandbox",
    "disable-gpu",
    "disable-dev-shm-usage",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "no-first-run",
    f"window-size={WIDTH},{HEIGHT}",
)


@dataclass(frozen=True)
class Browser:
    """One window.

    Attributes:
        session: Address of its WebDriver session.
        calls: Where calls go out.
    """

    session: str
    calls: requests.Session

    def open(self, url: str) -> None:
        """Go there, and wait until it has loaded."""
        self._call("post", "/url", {"url": url})

    @property
    def url(self) -> str:
        """Where it is now."""
        return str(self._call("get", "/url"))

    @property
    def source(self) -> str:
        """The page's HTML as it stands now."""
        return str(self._call("get", "/source"))

    def text(self, selector: str = "body") -> str:
        """What of an element can be seen, in one line."""
        return " ".join(str(self._call("get", f"/element/{self.find(selector)}/text")).split())

    def sees(self, words: str, selector: str = "body") -> str:
        """Wait until an element shows these words; all that it shows."""
        return self.wait_for(lambda: self.text(selector) if words in self.text(selector) else "", f"“{words}”")

    def find(self, selector: str) -> str:
        """The first element that there is, waiting for one."""
        return self.wait_for(lambda: (self.all(selector) or [""])[0], selector)

    def all(self, selector: str) -> list[str]:
        """Every element that there is now."""
        found = self._call("post", "/elements", {"using": "css selector", "value": selector})
        return [one[ELEMENT] for one in found] if isinstance(found, list) else []

    def property(self, selector: str, name: str) -> object:
        """A property of an element, as scripts see it."""
        return self._call("get", f"/element/{self.find(selector)}/property/{name}")

    def type(self, selector: str, text: str) -> None:
        """Type into a field."""
        self._call("post", f"/element/{self.find(selector)}/value", {"text": text})

    def click(self, selector: str) -> None:
        """Press something."""
        self._call("post", f"/element/{self.find(selector)}/click", {})

    def run(self, script: str) -> object:
        """What a script returns that the driver runs; our pages themselves let none run."""
        return self._call("post", "/execute/sync", {"script": script, "args": []})

    def framed(self) -> str:
        """Where the first frame of the page is."""
        self._call("post", "/frame", {"id": 0})
        found = str(self.run("return location.href"))
        self._call("post", "/frame", {"id": None})
        return found

    def cookies(self) -> list[dict[str, object]]:
        """Every cookie for where it is."""
        found = self._call("get", "/cookie")
        return found if isinstance(found, list) else []

    def dark(self, scheme: str) -> None:
        """Prefer `dark` or `light`."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._call("post", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}})

    def picture(self, path: Path) -> None:
        """Save what the window shows as PNG."""
        path.write_bytes(base64.b64decode(str(self._call("get", "/screenshot"))))

    def wait_for(self, look: Callable[[], Value], what: str) -> Value:
        """Wait until something is there."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                if found := look():
                    return found
            except Vanished:
                pass
            time.sleep(0.1)
        raise AssertionError(f"no {what} within {PATIENCE_SECONDS} s; at {self.url}: {self.text()[:2000]}")

    def _call(self, method: str, path: str, body: object = None) -> object:
        answer = self.calls.request(method, self.session + path, json=body, timeout=PATIENCE_SECONDS * 2)
        value = answer.json()["value"]
        if answer.ok:
            return value
        message = str(value["message"])
        in_between = value["error"] in ("stale element reference", "no such element") or "inspector error" in message
        if in_between:  # the page was left while it was looked at
            raise Vanished(path)
        raise AssertionError(f"{method} {path}: {value['error']}: {message[:1000]}")


class Vanished(Exception):
    """Raised when an element is of a page that has gone."""


@contextmanager
def open_browser(profile: Path) -> Iterator[Browser]:
    """A window of a browser that knows nothing yet, for this block."""
    chromium, program = _programs()
    driver = subprocess.Popen(
        [program, "--port=0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with driver, requests.Session() as calls:
        try:
            calls.trust_env = False
            options = {
                "binary": chromium,
                "args": [*(f"--{word}" for word in QUIET), f"--user-data-dir={profile}"],
                "mobileEmulation": {"deviceMetrics": {"width": WIDTH, "height": HEIGHT, "pixelRatio": 2.0}},
            }
            wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
            address = f"http://127.0.0.1:{_port(driver)}/session"
            made = calls.post(address, json=wanted, timeout=PATIENCE_SECONDS * 2).json()["value"]
            session = f"{address}/{made['sessionId']}"
            try:
                yield Browser(session, calls)
            finally:
                calls.delete(session, timeout=PATIENCE_SECONDS)
        finally:
            driver.terminate()


def _programs() -> tuple[str, str]:
    """Chromium and its driver; without them the test is skipped by name, and fails where CI runs."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium and driver:
        return chromium, driver
    missing = "Chromium and its driver are not here, so nobody has looked at the pages: make packages installs them"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


def _port(driver: subprocess.Popen[str]) -> int:
    assert driver.stdout
    for line in driver.stdout:
        if found := re.search(r"started successfully on port (\d+)", line):
            return int(found[1])
    raise AssertionError("chromedriver did not start")
