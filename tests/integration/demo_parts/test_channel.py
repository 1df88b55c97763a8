# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's channel receives what Apprise really sends."""

from __future__ import annotations

import urllib.error
import urllib.request

import apprise
import pytest

from breakglass.demo.channel import Channel, Message, MissingMessage


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise imports it
def test_apprise_message() -> None:
    """A notification sent by Apprise is kept with its title, text and kind, and can be waited for."""
    with Channel() as channel:
        sender = apprise.Apprise()
        assert sender.add(channel.url)
        assert sender.notify(title="web1 STILL DOWN", body="You are needed.", notify_type="failure")
        wanted = channel.wait_for(lambda message: "STILL DOWN" in message.title, seconds=5)
        assert wanted == Message("web1 STILL DOWN", "You are needed.", "failure")
        assert channel.messages == (wanted,)


def test_missing_message() -> None:
    """Waiting in vain ends with a sentence."""
    with Channel() as channel, pytest.raises(MissingMessage, match=r"within 0\.05 s; 0 others did"):
        channel.wait_for(lambda _: True, seconds=0.05)


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff"])
def test_strange_body(body: bytes) -> None:
    """What is not a JSON object is answered with 400 and not kept."""
    with Channel() as channel:
        request = urllib.request.Request(channel.url.replace("json:", "http:"), data=body)
        with pytest.raises(urllib.error.HTTPError, match="400") as caught:
            urllib.request.urlopen(request, timeout=5)
        caught.value.close()
        assert channel.messages == ()
