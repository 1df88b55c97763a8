# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo`: one alert repairs one host under a time-boxed credential, on real parts, told as it happens."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from breakglass.demo import alertmanager
from breakglass.demo.channel import Channel
from breakglass.demo.installation import HOST, LOGIN, Installation, write_alert, write_inventory, write_settings
from breakglass.demo.openbao import OpenBao
from breakglass.demo.parts import free_port, leave_keys, prepare_host, prepare_vault, service_answers, versions
from breakglass.demo.serving import Serving
from breakglass.demo.ssh_host import SshHost
from breakglass.demo.story import Story
from breakglass.demo.web_service import WebService
from breakglass.errors import BreakglassError
from breakglass.verification import verify_journal

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_SECONDS = 90
LOOK_EVERY_SECONDS = 0.02


class UnfinishedDemo(BreakglassError):
    """Raised when the demo falls short; says of what."""


def run_demo(directory: Path, *, as_json: bool, fails: bool) -> int:
    """Run the demo and return the exit code: 0 when everything was as it must be.

    Args:
        directory: Where settings, policy, journal and key are left for the reader.
        as_json: Print one JSON object instead of the story.
        fails: The repair does not help.
    """
    say = _silent if as_json else print
    scratch = Path(tempfile.mkdtemp(prefix="bg-"))
    try:
        story = _Demo(_fresh(directory, scratch), say, fails=fails).run()
    except BreakglassError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if as_json:
        print(json.dumps(story.as_json(), indent=2, ensure_ascii=False))
    return 0 if story.verified else 1


class _Demo:
    def __init__(self, place: Installation, say: Callable[[str], object], *, fails: bool) -> None:
        self._place = place
        self._say = say
        self._fails = fails

    def run(self) -> Story:
        """Start the parts, let the alert in, follow the incident to its end, verify the journal."""
        place = self._place
        self._say(f"  {versions()} · no root needed")
        with ExitStack() as parts:
            vault = parts.enter_context(OpenBao(place.scratch / "openbao"))
            channel = parts.enter_context(Channel())
            token = write_settings(place, vault.url, channel.url)
            broken = place.scratch / "broken"
            service = parts.enter_context(WebService(free_port(), place.scratch / "shop.pid", broken))
            port = free_port()
            write_inventory(place, port, service.restart_command, service.stop_command, service.url)
            environment = {"VAULT_ADDR": vault.url, "VAULT_TOKEN": vault.root_token}
            done = prepare_vault(place.settings, environment)
            self._say(f"  Vault     {vault.url}   {len(done) - 1} objects made from the policy's access")
            host = parts.enter_context(SshHost(prepare_host(place.scratch, environment, HOST, LOGIN), port))
            self._say(
                f"  Host      {HOST} ({host.address}:{host.port})   trusts only certificates of that CA for its name"
            )
            leave_keys(environment, place.keys)
            runner = parts.enter_context(Serving(place.settings, place.directory / "runner.log"))
            self._say(f"  {runner.line.replace('Runner ', 'Runner    ')}")
            self._say(f"\n  We kill the web service on {HOST} and let Alertmanager's message in.\n")
            if self._fails:
                broken.touch(mode=0o600)
            service.kill()
            story = self._incident(runner.url, token, service.url)
            if self._fails:
                self._show_escalation(channel, story)
            self._wait_for_seal(story)
            story.result = verify_journal(place.journal, None, environment, offline=False)
        self._finish(story)
        return story

    def _incident(self, url: str, token: str, service_url: str) -> Story:
        fired = datetime.now(UTC) - alertmanager.FIRING_SINCE
        firing = alertmanager.webhook("firing", fired)
        write_alert(self._place, firing)
        incident = alertmanager.post(url, token, firing)
        story = Story(incident, self._place.journal, self._say)
        resolved = False
        deadline = time.monotonic() + LIMIT_SECONDS
        while not story.over(escalated=self._fails):
            if time.monotonic() > deadline:
                raise UnfinishedDemo(f"{incident} did not come to its end within {LIMIT_SECONDS} s: {story.last_line}")
            story.follow()
            if not resolved and not self._fails and story.revoked and service_answers(service_url):
                alertmanager.post(url, token, alertmanager.webhook("resolved", fired))
                resolved = True
            time.sleep(LOOK_EVERY_SECONDS)
        story.check(escalated=self._fails)
        return story

    def _show_escalation(self, channel: Channel, story: Story) -> None:
        message = channel.wait_for(lambda message: story.incident in message.title, 10)
        self._say(f"\n  The channel on-call received:\n\n    {message.title}\n")
        for line in message.text.splitlines():
            self._say(f"    {line}")

    def _wait_for_seal(self, story: Story) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        while not story.sealed():
            if time.monotonic() > deadline:
                raise UnfinishedDemo("The journal was not signed; see runner.log.")
            time.sleep(LOOK_EVERY_SECONDS)

    def _finish(self, story: Story) -> None:
        result = story.result
        if result is None:
            raise UnfinishedDemo("The journal was not verified.")
        here, directory = Path.cwd(), self._place.directory
        shown = directory.relative_to(here) if directory.is_relative_to(here) else directory
        self._say(f"\n  $ breakglass audit verify {shown}/journal")
        for text in (*result.remarks, result.text()):
            self._say("  " + text.replace("\n", "\n  "))
        self._say(
            f"\n  Look at   {shown}/breakglass.yml  the policy     {shown}/settings.yml  the settings     {shown}/journal  the records"
        )
        self._say("  Try next  make demo-fails      the same, but the repair does not help" if not self._fails else "")


def _fresh(directory: Path, scratch: Path) -> Installation:
    """A place for a new demo; what an earlier one left is removed."""
    marker = directory / "settings.yml"
    if directory.exists() and any(directory.iterdir()) and not marker.exists():
        raise UnfinishedDemo(f"{directory} is not empty and not an earlier demo's. Name another with --directory.")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return Installation(directory, scratch)


def _silent(_text: str) -> None:
    return
