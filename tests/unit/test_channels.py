# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from breakglass.channels import NO_URL, NOT_TAKEN, is_channel, send
from breakglass.demo.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "s3cr3t-t0ken"
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise imports it


@pytest.fixture
def channel() -> Iterator[Channel]:
    with Channel() as channel:
        yield channel


def test_a_message(channel: Channel) -> None:
    """A message arrives as it was written: no escape is interpreted, no form is guessed."""
    assert is_channel(channel.url)
    assert channel.messages == ()
    assert send(channel.url, "a <b>subject</b>", r"a \n body *as it is*") == ""
    (message,) = channel.messages
    assert (message.title, message.text) == ("a <b>subject</b>", r"a \n body *as it is*")


@pytest.mark.parametrize(
    "url", ["", "hello", f"nonsense://user:{SECRET}@host", f"http://example.com/{SECRET}", "slack://"]
)
def test_no_address(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What is no Apprise URL is said to be none, and shown nowhere."""
    assert not is_channel(url)
    assert send(url, "a", "b") == NO_URL
    assert SECRET not in "".join(capfd.readouterr())


def test_nobody_takes_it(capfd: pytest.CaptureFixture[str]) -> None:
    """A channel that does not take the message is said not to have taken it, without its address."""
    assert send(f"json://user:{SECRET}@127.0.0.1:9/", "a", "b") == NOT_TAKEN
    assert SECRET not in "".join(capfd.readouterr())
