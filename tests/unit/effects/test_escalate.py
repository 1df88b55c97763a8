# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.incidents import NOW, make_course, make_incident

from breakglass.demo.channel import Channel
from breakglass.domain.incident import Escalation, Fault, Incident
from breakglass.domain.messages import Delivered, NotDelivered
from breakglass.domain.rules import Ladder, Rung
from breakglass.effects.escalate import Escalate
from breakglass.effects.escalation_text import escalation_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "s3cr3t-t0ken"
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise imports it


@pytest.fixture
def channel() -> Iterator[Channel]:
    with Channel() as channel:
        yield channel


def secret(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    path.chmod(0o600)
    return path


def calling(*channels: str, name: str = "ServiceDown") -> Incident:
    course = make_course(ladder=Ladder("on-call", (Rung(channels, None),)))
    fault = Fault("f1", name, firing=True, starts_at=NOW)
    return replace(make_incident(course), faults=(fault,), escalation=Escalation("it failed", 0, NOW))


def test_the_message_arrives(channel: Channel, tmp_path: Path) -> None:
    """The channel receives subject and body as they were written, with nothing in them interpreted."""
    incident = calling("chat", name="<b>x</b> [ok](javascript:alert(1)) {0} %s \\n **bold**")
    outcome = Escalate({"chat": secret(tmp_path / "chat", channel.url)}).run(incident)
    assert outcome.channels == ("chat",)
    (message,) = channel.messages
    text = escalation_text(incident)
    assert (message.title, message.text) == (text.subject, text.body)


def test_one_channel_is_enough(channel: Channel, tmp_path: Path) -> None:
    """A rung is told when one of its channels took the message; those that did not are named with their reasons."""
    channels = {
        "down": secret(tmp_path / "down", "json://127.0.0.1:9/"),
        "chat": secret(tmp_path / "chat", channel.url),
        "no-url": secret(tmp_path / "no-url", f"nonsense {SECRET}"),
        "no-file": tmp_path / "absent",
    }
    outcome = Escalate(channels).run(calling("down", "no-url", "no-file", "unknown", "chat"))
    assert isinstance(outcome, Delivered)
    assert outcome.channels == ("chat",)
    assert [why.partition(":")[0] for why in outcome.failed] == ["down", "no-url", "no-file", "unknown"]
    assert SECRET not in "".join(outcome.failed)


def test_nobody_took_it(tmp_path: Path) -> None:
    """When no channel took the message each is named with its reason, and no secret of an address is in it."""
    open_to_all = secret(tmp_path / "open", f"json://user:{SECRET}@127.0.0.1:9/")
    open_to_all.chmod(0o644)
    channels = {
        "down": secret(tmp_path / "down", f"json://user:{SECRET}@127.0.0.1:9/"),
        "no-url": secret(tmp_path / "no-url", f"nonsense {SECRET}"),
        "no-file": tmp_path / "absent",
        "open": open_to_all,
    }
    outcome = Escalate(channels).run(calling(*channels, "unknown"))
    assert isinstance(outcome, NotDelivered)
    for words in ("down: it did not take", "no-url: its file", "no-file: ", "open: ", "unknown: the settings"):
        assert words in outcome.why
    assert SECRET not in outcome.why


def test_an_address_can_be_changed(channel: Channel, tmp_path: Path) -> None:
    """The file of a channel is read for each message, so that its address can be changed while the runner works."""
    file = secret(tmp_path / "chat", "json://127.0.0.1:9/")
    escalate = Escalate({"chat": file})
    assert isinstance(escalate.run(calling("chat")), NotDelivered)
    secret(file, channel.url)
    assert escalate.run(calling("chat")).channels == ("chat",)


def test_nothing_to_tell() -> None:
    """An incident that called nobody tells nothing."""
    assert isinstance(Escalate({}).run(make_incident()), NotDelivered)
