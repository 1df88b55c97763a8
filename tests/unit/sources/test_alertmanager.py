# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakglass.domain.alert import AlertStatus
from breakglass.sources import PARSERS, Delivery, Message, UnreadableMessage
from breakglass.sources.times import parse_time

HOSTILE = [
    pytest.param(entry["value"], id=entry["name"])
    for entry in json.loads((Path(__file__).parents[2] / "support" / "hostile-text.json").read_text(encoding="utf-8"))
]
ALERT = {
    "status": "firing",
    "labels": {"alertname": "ServiceDown", "name": "shop", "instance": "web1:9100"},
    "annotations": {"summary": "down"},
    "startsAt": "2026-11-22T02:51:04.123456789+01:00",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus:9090/graph",
    "fingerprint": "8c1fb3f7a9d1c1f0",
}
MESSAGE = {
    "version": "4",
    "groupKey": '{}:{alertname="ServiceDown"}',
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "breakglass",
    "groupLabels": {"alertname": "ServiceDown"},
    "commonLabels": {},
    "commonAnnotations": {},
    "externalURL": "http://alertmanager:9093",
    "alerts": [ALERT],
}


def parse(content: bytes, source: str) -> Message:
    return PARSERS["alertmanager"](Delivery(source, content))


def body(**changes: object) -> bytes:
    return json.dumps(MESSAGE | changes).encode()


def alert_body(**changes: object) -> bytes:
    return body(alerts=[{key: value for key, value in (ALERT | changes).items() if value is not ...}])


def test_a_genuine_message() -> None:
    """An Alertmanager message of version 4 gives its alerts, the group and what was left out."""
    message = PARSERS["alertmanager"](Delivery("am", body(truncatedAlerts=3, new_key={"deep": [1]})))
    (alert,) = message.alerts
    assert (message.truncated, message.group) == (3, MESSAGE["groupKey"])
    assert (alert.source, alert.fingerprint, alert.group) == ("am", ALERT["fingerprint"], message.group)
    assert alert.status is AlertStatus.FIRING
    assert alert.labels == ALERT["labels"]
    assert alert.annotations == ALERT["annotations"]
    assert alert.starts_at == datetime(2026, 11, 22, 1, 51, 4, 123456, tzinfo=UTC)
    assert alert.url == ALERT["generatorURL"]


def test_optional_keys_may_be_absent() -> None:
    """Without group key, annotations, address and truncation an alert is still one."""
    alert = {key: ALERT[key] for key in ("status", "labels", "startsAt", "fingerprint")}
    message = parse(json.dumps({"version": "4", "alerts": [alert, alert | {"status": "resolved"}]}).encode(), "am")
    assert [a.status.value for a in message.alerts] == ["firing", "resolved"]
    assert (message.group, message.truncated, message.alerts[0].annotations) == ("", 0, {})


def test_a_missing_fingerprint_comes_from_the_labels() -> None:
    """The same labels give the same fingerprint, in any order; other labels another one."""
    one = parse(alert_body(fingerprint=..., labels={"a": "1", "b": "2"}), "am").alerts[0].fingerprint
    two = parse(alert_body(fingerprint="", labels={"b": "2", "a": "1"}), "am").alerts[0].fingerprint
    three = parse(alert_body(fingerprint="", labels={"b": "2"}), "am").alerts[0].fingerprint
    assert one == two != three
    assert one


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "not an object"),
        (b"4", "not an object"),
        (b"\xef\xbb\xbf{}", "byte-order mark"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"version": "4", "version": "4"}', "stands twice"),
        (b'{"x": {"a": 1, "a": 2}}', "'a' stands twice"),
        (b'{"x": NaN}', "NaN"),
        (b'{"x": -Infinity}', "-Infinity"),
        (b'{"x": ' + b"[" * 100_000, "nested more than 64"),
        (b'{"x": ' + b'{"a":' * 65 + b"1" + b"}" * 66, "nested more than 64"),
        (b"1" * 1_000_000, "not an object"),
        (body(version="3"), 'version "4"'),
        (body(version=4), 'version "4"'),
        (body(alerts=None), "no list `alerts`"),
        (body(alerts={}), "no list `alerts`"),
        (body(alerts=["x"]), r"alerts\[0\] is not an object"),
        (body(truncatedAlerts=-1), "truncatedAlerts"),
        (body(truncatedAlerts="1"), "truncatedAlerts"),
        (body(truncatedAlerts=True), "truncatedAlerts"),
        (body(truncatedAlerts=10**30), "truncatedAlerts"),
        (body(groupKey=1), "groupKey is not text"),
        (alert_body(status="broken"), r"alerts\[0\]: status"),
        (alert_body(status=[]), "status"),
        (alert_body(labels=...), "labels is missing"),
        (alert_body(labels=[]), "labels is not an object"),
        (alert_body(labels={"a": 1}), "value of 'a' in labels is not text"),
        (alert_body(annotations={"a": None}), "value of 'a' in annotations is not text"),
        (alert_body(labels={"a": "\ud800"}), "lone surrogate"),
        (alert_body(labels={"\udfff": "a"}), "lone surrogate"),
        (alert_body(annotations={"a": "\ud800"}), "lone surrogate"),
        (alert_body(fingerprint="\ud800"), "lone surrogate"),
        (alert_body(generatorURL=1), "generatorURL is not text"),
        (alert_body(fingerprint=1), "fingerprint is not text"),
        (alert_body(startsAt=...), "startsAt is missing"),
        (alert_body(startsAt="yesterday"), "startsAt 'yesterday' is not"),
    ],
)
def test_what_is_no_message_is_refused(text: bytes, said: str) -> None:
    """Each way to be malformed gives a sentence that says which."""
    with pytest.raises(UnreadableMessage, match=said):
        parse(text, "am")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01t00:00:00z", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T00:00:00.5-05:30", datetime(2026, 1, 1, 5, 30, 0, 500_000, tzinfo=UTC)),
        ("2026-01-01T00:00:00.999999999Z", datetime(2026, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_times(text: str, moment: datetime) -> None:
    """RFC 3339 times with any offset and up to nanoseconds are UTC, cut to microseconds."""
    assert parse_time(text, "startsAt") == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+00:60",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-01:00",
        "٢٠٢٦-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z\n",
        "1767225600",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Anything else, and times that do not exist, raise UnreadableMessage."""
    with pytest.raises(UnreadableMessage):
        parse_time(text, "startsAt")


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_text_stays_text(value: object) -> None:
    """A corpus value as label name, label value, annotation, group, fingerprint and address comes out unchanged."""
    if not isinstance(value, str):
        with pytest.raises(UnreadableMessage):
            parse(alert_body(labels={"a": value}), "am")
        return
    content = body(
        groupKey=value,
        alerts=[
            ALERT
            | {"labels": {value: value}, "annotations": {value: value}, "fingerprint": value, "generatorURL": value}
        ],
    )
    (alert,) = parse(content, "am").alerts
    assert alert.labels == alert.annotations == {value: value}
    assert (alert.group, alert.url) == (value, value)
    assert alert.fingerprint == value or not value


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("4"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*MESSAGE, *ALERT, "x"]) | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=12,
)


def check(text: bytes) -> None:
    with suppress(UnreadableMessage):
        assert isinstance(parse(text, "am"), Message)


@settings(database=None, deadline=None, max_examples=300)
@given(st.binary() | JSON.map(lambda content: json.dumps(content).encode()))
def test_any_bytes_give_a_message_or_an_error(text: bytes) -> None:
    """No body makes the source fail in another way."""
    check(text)


@settings(database=None, deadline=None, max_examples=300)
@given(st.dictionaries(st.sampled_from([*MESSAGE]), JSON), st.dictionaries(st.sampled_from([*ALERT]), JSON))
def test_any_changed_message_gives_a_message_or_an_error(message: dict[str, object], alert: dict[str, object]) -> None:
    """A genuine message with any key replaced by anything is read or refused."""
    check(json.dumps(MESSAGE | {"alerts": [ALERT | alert]} | message).encode())


@settings(database=None, deadline=None, max_examples=300)
@given(st.integers(0, len(body())), st.binary(max_size=4), st.integers(0, 4))
def test_any_damaged_message_gives_a_message_or_an_error(at: int, put: bytes, drop: int) -> None:
    """A genuine message with some bytes replaced is read or refused."""
    check(body()[:at] + put + body()[at + drop :])
