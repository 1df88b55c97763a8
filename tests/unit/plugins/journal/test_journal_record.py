# SPDX-License-Identifier: GPL-3.0-or-later
"""Records and their canonical lines."""

from __future__ import annotations

import json
from collections import UserDict
from datetime import datetime, timedelta, timezone
from types import MappingProxyType

import pytest
import rfc8785
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.canonical import JsonValue, canonical
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import (
    GENESIS,
    BrokenRecord,
    Form,
    Record,
    UnrecordableValue,
    digest,
    line_of,
    parse,
    timestamp,
)
from hypothesis import given
from hypothesis import strategies as st
from tests.support.corpus import HOSTILE

NOW = datetime(2026, 11, 22, 2, 52, 4, 123456, tzinfo=timezone.utc)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-(2**52), 2**52, allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4))
bodies = st.dictionaries(keys, values, max_size=5)


def record(**changes: object) -> Record:
    fields = {
        "origin": "breakglass/INC-1/play-1",
        "seq": 1,
        "id": "breakglass/INC-1/play-1#1",
        "at": "2026-11-22T02:52:04.000000Z",
        "kind": "task.result",
        "body": {"host": "web1"},
        "previous": GENESIS,
    }
    return Record(**{**fields, **changes})


def corpus() -> list[object]:
    return [value for _, value in HOSTILE]


@given(values)
def test_both_ways_of_writing_canonical_json_agree(value):
    """The fast encoder is used only where it writes the bytes that RFC 8785's library writes."""
    assert canonical(value) == rfc8785.dumps(value)


def test_known_rfc_8785_bytes():
    """Keys are sorted by UTF-16 code units, and text is escaped as little as JSON allows."""
    value = {"\u20ac": "Euro", "\r": "CR", "\U0001f600": "smile", "\ufb33": "dalet", "1": "one", "\x80": 'a"\\/\x0f'}
    expected = '{"\\r":"CR","1":"one","\x80":"a\\"\\\\/\\u000f","\u20ac":"Euro","\U0001f600":"smile","\ufb33":"dalet"}'
    assert canonical(value) == expected.encode()


@given(bodies)
def test_what_is_written_is_read_back(body):
    """A line gives back the record that it was made of."""
    written = record(body=body)
    assert parse(line_of(written)) == written


@pytest.mark.parametrize("value", corpus())
def test_hostile_text_is_recorded_as_the_text_that_it_is(value):
    """Outside text of any kind goes into a record's body and comes back unchanged, on one line."""
    line = line_of(record(body={"label": value, "list": [value]}))
    assert b"\n" not in line
    assert parse(line).body["label"] == value


def deep(levels: int) -> object:
    value: object = "bottom"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        2**53,
        -(2**53),
        2.0**53,
        "\ud800",
        {"\udc00": 1},
        {1: "x"},
        b"bytes",
        {1, 2},
        object(),
        deep(40),
        deep(100_000),
        "x" * 5_000_000,
    ],
    ids=lambda value: str(type(value)),
)
def test_what_has_no_canonical_form_is_refused(value):
    """NaN, numbers beyond 2^53, lone surrogates, other keys and types, depth and length are refused with our error."""
    with pytest.raises(UnrecordableValue):
        line_of(record(body={"value": value}))


def test_a_circle_is_refused():
    """A value that contains itself ends in our error, not in endless work."""
    circle: list[object] = []
    circle.append(circle)
    with pytest.raises(UnrecordableValue):
        line_of(record(body={"value": circle}))


def test_an_error_does_not_repeat_the_value():
    """A refused value stays out of the error's text and of what it was raised from."""
    with pytest.raises(UnrecordableValue) as caught:
        line_of(record(body={"value": "hunter2\ud800"}))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("mapping", [MappingProxyType({"a": 1}), UserDict({"a": 1})])
def test_any_mapping_may_be_a_body(mapping):
    """A read-only view or another mapping is recorded like a dictionary."""
    assert parse(line_of(record(body=mapping))).body == {"a": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"seq": 0},
        {"seq": True},
        {"seq": "1"},
        {"origin": ""},
        {"origin": "two words"},
        {"origin": "line\nbreak"},
        {"id": ""},
        {"id": "x\u202ey"},
        {"kind": "Task.Result"},
        {"kind": "task result"},
        {"at": "2026-11-22T02:52:04Z"},
        {"at": "2026-13-22T02:52:04.000000Z"},
        {"at": 7},
        {"previous": "0" * 63},
        {"previous": "G" * 64},
        {"body": []},
        {"body": None},
    ],
    ids=str,
)
def test_a_field_that_is_not_of_its_shape_is_refused(changes):
    """Neither writing nor reading lets a malformed field through."""
    with pytest.raises(UnrecordableValue):
        line_of(record(**changes))
    fields = {**json.loads(line_of(record())), **changes}
    with pytest.raises(BrokenRecord):
        parse(rfc8785.dumps(fields))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda line: line.replace(b'"at":', b'"at": '),
        lambda line: b" " + line,
        lambda line: line + b"\n",
        lambda line: line.replace(b'{"at"', b'{"at":"x","at"'),
        lambda line: line.replace(b'"host":"web1"', b'"host":"a","host":"web1"'),
        lambda line: line.replace(b"web1", b"\\u0077eb1"),
        lambda line: line.replace(b'"web1"', b"1.0"),
        lambda line: line.replace(b'"web1"', b"NaN"),
        lambda line: line.replace(b'"web1"', b'"\\ud800"'),
        lambda line: line.replace(b'"web1"', b"9" * 5000),
        lambda line: line.replace(b'"web1"', b"[" * 100_000),
        lambda line: line.replace(b'"web1"', b"[" * 50 + b"]" * 50),
        lambda line: line.replace(b'"seq"', b'"extra":1,"seq"'),
        lambda line: line.replace(b',"seq":1', b""),
        lambda line: line.replace(b"web1", b"\xff"),
        lambda _: b"",
        lambda _: b"[]",
        lambda _: b"null",
        lambda _: b"\x00" * 100,
        lambda _: b"x" * 5_000_000,
    ],
)
def test_a_line_that_is_not_canonical_is_refused(spoil):
    """White space, other escapes and numbers, repeated, missing and unknown fields, depth, garbage: not a record."""
    line = spoil(line_of(record()))
    with pytest.raises(BrokenRecord):
        parse(line)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_record_or_refused(line):
    """Reading outside bytes ends in a record or in our error."""
    with pytest.raises(BrokenRecord):
        parse(line)


def test_a_moment_is_written_in_utc():
    """Moments come out in UTC with six digits, whatever zone they had."""
    moment = datetime(2026, 11, 22, 3, 52, 4, 5, tzinfo=timezone(timedelta(hours=1)))
    assert timestamp(moment) == "2026-11-22T02:52:04.000005Z"
    assert timestamp(datetime(1, 1, 1, tzinfo=timezone.utc)) == "0001-01-01T00:00:00.000000Z"


def test_a_moment_without_a_zone_is_refused():
    """A local time without its zone says nothing."""
    with pytest.raises(UnrecordableValue):
        timestamp(datetime(2026, 11, 22))  # noqa: DTZ001 (the point of the test)


def test_a_digest_is_the_sha256_of_the_line():
    """The link of the chain can be recomputed with sha256sum."""
    assert digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@given(body=bodies, seq=st.integers(1, 2**40))
def test_the_quick_way_writes_the_same_line(body: dict[str, JsonValue], seq: int) -> None:
    """A stream's own form gives, byte for byte, the line of the record."""
    origin = "2026/\xe9/play-1"
    made = record(origin=origin, seq=seq, id=f"{origin}#{seq}", at=timestamp(NOW), body=body)
    assert Form(origin).line(seq, NOW, "task.result", body, GENESIS) == line_of(made)


def test_the_quick_way_refuses_what_is_no_record() -> None:
    """A kind, a body, a value, a depth, a length or an id that no record may have is refused there too."""
    deep: JsonValue = 1
    for _ in range(30):
        deep = [deep]
    form = Form("breakglass/x")
    assert parse(form.line(1, NOW, "task.result", {"value": deep}, GENESIS)).seq == 1
    for kind, body in (
        ("Task", {}),
        ("task result", {}),
        ("task.result", [1]),
        ("task.result", {"value": [deep]}),
        ("task.result", {"value": "hunter2\ud800"}),
        ("task.result", {"value": "x" * (4 * 1024 * 1024)}),
    ):
        with pytest.raises(UnrecordableValue) as refused:
            form.line(1, NOW, kind, body, GENESIS)
        assert "hunter2" not in str(refused.value)
    with pytest.raises(UnrecordableValue):
        Form("x" * 498).line(10, NOW, "task.result", {}, GENESIS)
    with pytest.raises(UnrecordableValue):
        form.line(1, NOW.replace(tzinfo=None), "task.result", {}, GENESIS)
