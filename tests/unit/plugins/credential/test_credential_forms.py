# SPDX-License-Identifier: GPL-3.0-or-later
"""Values come out of each form as they went in, or are refused; read here by the rules of those that read them."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential import forms
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.forms import UnwritableForm
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.corpus import HOSTILE, with_canary

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ANY_SERVER = {"host": "*", "port": "*", "database": "*"}
TEXTS = [(name, value) for name, value in HOSTILE if isinstance(value, str)]
ONE_LINE = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]))
VALUE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def libpq_password(line: str, wanted: tuple[str, ...]) -> str | None:
    """Read a line as passwordFromFile() and pwdfMatchesString() of libpq's fe-connect.c do."""
    if line.startswith("#"):
        return None
    rest: str | None = line.removesuffix("\n")
    for token in wanted:
        rest = libpq_field(rest, token) if rest is not None else None
    if rest is None:
        return None
    password, position = "", 0
    while position < len(rest) and rest[position] != ":":
        if rest[position] == "\\" and position + 1 < len(rest):
            position += 1
        password += rest[position]
        position += 1
    return password


def libpq_field(rest: str, token: str) -> str | None:
    if rest.startswith("*:"):
        return rest[2:]
    read, position = 0, 0
    while position < len(rest):
        if rest[position] == ":" and read == len(token):
            return rest[position + 1 :]
        if rest[position] == "\\":
            position += 1
        if read == len(token) or position >= len(rest) or rest[position] != token[read]:
            return None
        position, read = position + 1, read + 1
    return None


@given(host=ONE_LINE, port=ONE_LINE, database=ONE_LINE, user=ONE_LINE, password=ONE_LINE)
def test_libpq_reads_what_was_written(host: str, port: str, database: str, user: str, password: str) -> None:
    """Colons, backslashes and number signs in any field reach libpq as they are."""
    line = forms.pgpass({"host": host, "port": port, "database": database}, user, password)
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert libpq_password(line, (host, port, database, user)) == password


def test_a_password_file_escapes_colon_and_backslash() -> None:
    """The two characters that mean something stand behind a backslash, and a star stays a star."""
    assert forms.pgpass({**ANY_SERVER, "host": "db:1"}, "v-1", "a:b\\c") == "db\\:1:*:*:v-1:a\\:b\\\\c\n"


def test_a_line_is_never_a_comment() -> None:
    """A host that begins with a number sign would hide the line from libpq."""
    line = forms.pgpass({**ANY_SERVER, "host": "#1"}, "v-1", "secret")
    assert libpq_password(line, ("#1", "5432", "shop", "v-1")) == "secret"


def test_another_servers_password_is_not_found() -> None:
    """A line for one server serves no other."""
    line = forms.pgpass({"host": "db1", "port": "5432", "database": "shop"}, "v-1", "secret")
    assert libpq_password(line, ("db2", "5432", "shop", "v-1")) is None
    assert libpq_password(line, ("db1", "5432", "shop", "v-1")) == "secret"


def test_a_service_file_names_only_what_is_known() -> None:
    """What is empty or a star is left to the program that connects."""
    server = {"host": "db1", "port": "", "database": "*"}
    assert forms.pg_service(server, "v-1", "/run/pgpass") == "[breakglass]\nhost=db1\nuser=v-1\npassfile=/run/pgpass\n"


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\0b", "\n", "a\n[client]\nuser=root"])
def test_no_value_begins_a_line_of_its_own(bad: str) -> None:
    """A line break in a value is refused by every form that is read line by line."""
    with pytest.raises(UnwritableForm, match="line break"):
        forms.pgpass(ANY_SERVER, "v-1", bad)
    with pytest.raises(UnwritableForm, match="line break"):
        forms.pg_service({**ANY_SERVER, "host": bad}, "v-1", "/p")
    with pytest.raises(UnwritableForm, match="line break"):
        forms.my_cnf(ANY_SERVER, "v-1", bad)


def mysql_value(line: str) -> str:
    """Read a quoted value as my_search_option_files() of MySQL's my_default.cc does."""
    value = line.partition("=")[2].strip()
    if value[:1] in "\"'" and value[:1] == value[-1:]:
        value = value[1:-1]
    known = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "s": " ", '"': '"', "'": "'", "\\": "\\"}
    found, position = "", 0
    while position < len(value):
        if value[position] == "\\" and position + 1 < len(value):
            position += 1
            found += known.get(value[position], "\\" + value[position])
        else:
            found += value[position]
        position += 1
    return found


@given(password=ONE_LINE)
def test_mysql_reads_what_was_written(password: str) -> None:
    """Quotes, backslashes, number signs and spaces reach MySQL's clients as they are."""
    text = forms.my_cnf({**ANY_SERVER, "host": "db1"}, "v-1", password)
    header, host, user, secret, end = text.split("\n")
    assert (header, host, user, end) == ("[client]", 'host = "db1"', 'user = "v-1"', "")
    assert mysql_value(secret) == password


def sourced(text: str, names: list[str], directory: Path) -> dict[str, str]:
    """What a POSIX shell has in its variables after it sourced the text; nothing is inherited."""
    file = directory / "environment"
    file.write_bytes(text.encode())
    show = "; ".join(f'printf "%s\\0" "${{{name}-unset}}"' for name in names)
    done = subprocess.run(
        ["/bin/sh", "-c", f". ./environment; {show}"],
        cwd=directory,
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=True,
        timeout=20,
    )
    assert done.stderr == b""
    return dict(zip(names, done.stdout.decode().split("\0")[:-1], strict=True))


def test_a_shell_sources_hostile_values_as_they_are(tmp_path: Path) -> None:
    """No value of the corpus is run, expanded, split or lost by /bin/sh; the canary is not made."""
    canary = tmp_path / "canary"
    values = {f"V{n}": str(with_canary(value, canary)) for n, (_, value) in enumerate(TEXTS)}
    writable = {name: value for name, value in values.items() if "\0" not in value and value.isprintable() is not None}
    writable = {name: value for name, value in writable.items() if value.encode("utf-8", "ignore").decode() == value}
    assert len(writable) > len(values) / 2
    assert sourced(forms.environment(writable), list(writable), tmp_path) == writable
    assert not canary.exists()


def systemd_value(line: str) -> str:
    """Read a value as parse_env_file_internal() of systemd's env-file.c does, as far as quotes and backslashes go."""
    found, state = "", "pre"
    for character in line.partition("=")[2]:
        if state == "pre":
            state = {"'": "single", '"': "double", "\\": "escape"}.get(character, "value")
            found += character if state == "value" else ""
        elif state == "single":
            state, found = ("pre", found) if character == "'" else (state, found + character)
        elif state == "double":
            state = {'"': "pre", "\\": "double-escape"}.get(character, state)
            found += character if state == "double" else ""
        elif state == "double-escape":
            found += character if character in '"\\`$' else "" if character == "\n" else "\\" + character
            state = "double"
        elif state == "escape":
            found, state = found + character, "value"
        else:
            state, found = ("escape", found) if character == "\\" else (state, found + character)
    return found


@given(value=VALUE)
def test_systemd_reads_what_was_written(value: str) -> None:
    """Every value reaches a unit's environment as it is, with quotes and line breaks."""
    assert systemd_value(forms.environment({"NAME": value}).removesuffix("\n")) == value


@settings(max_examples=40, deadline=None)
@given(value=VALUE)
def test_a_shell_reads_what_was_written(value: str) -> None:
    """Every value reaches /bin/sh as it is."""
    script = forms.environment({"NAME": value}) + 'printf "%s" "$NAME"'
    done = subprocess.run(["/bin/sh", "-s"], input=script.encode(), capture_output=True, check=True, timeout=20)
    assert done.stdout == value.encode()


@pytest.mark.parametrize(
    "name", ["", "1A", "A B", "A=B", "A\n", "Ä", "A-B", "$(id)", "A;id", "BASH_FUNC_x%%", "٣", "a.b", "A'", "{{ A }}"]
)
def test_a_name_that_is_no_variable_is_refused(name: str) -> None:
    """A key of a secret that could be more than a name does not reach the file."""
    with pytest.raises(UnwritableForm, match="environment variable"):
        forms.environment({"GOOD": "1", name: "x"})


@pytest.mark.parametrize("name", [name for name, _ in [*HOSTILE]])
def test_no_hostile_value_raises_anything_else(name: str) -> None:
    """Each form writes a value of the corpus, or says in a sentence that it can't."""
    value = dict(HOSTILE)[name]
    for write in (
        lambda: forms.environment({"NAME": value}).encode(),
        lambda: forms.json_text({"NAME": value}).encode(),
        lambda: forms.plain({"NAME": value}, "NAME").encode(),
        lambda: forms.pgpass(ANY_SERVER, "v-1", str(value)).encode(),
        lambda: forms.my_cnf(ANY_SERVER, "v-1", str(value)).encode(),
        lambda: forms.pg_service({**ANY_SERVER, "host": str(value)}, "v-1", "/p").encode(),
    ):
        with suppress(UnwritableForm):
            assert isinstance(write(), bytes)


@pytest.mark.parametrize(
    "write",
    [
        lambda v: forms.plain({"a": v}, "a"),
        lambda v: forms.pgpass(ANY_SERVER, "u", v),
        lambda v: forms.environment({"A": v}),
    ],
)
def test_half_a_character_is_refused(write: object) -> None:
    """A lone surrogate has no UTF-8, so it is refused in a sentence instead of failing at the file."""
    with pytest.raises(UnwritableForm, match="half of a character"):
        write("a\ud800b")


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)))
def test_json_holds_everything(values: Mapping[str, object]) -> None:
    """What is written as JSON is read as the same."""
    assert json.loads(forms.json_text(values)) == values


@pytest.mark.parametrize(
    ("value", "written"),
    [("a\nb ", "a\nb "), ("", ""), (7, "7"), (1.5, "1.5"), (True, "true"), (False, "false"), (None, "")],
)
def test_a_plain_value_is_exact(value: object, written: str) -> None:
    """One value, without a newline of ours at its end."""
    assert forms.plain({"key": value, "other": "x"}, "key") == written


def test_a_missing_key_is_told_with_those_that_are_there() -> None:
    """The sentence names what there is, by name only."""
    with pytest.raises(UnwritableForm, match="It has: password, user") as refused:
        forms.plain({"user": "canary-1", "password": "canary-2"}, "pasword")
    assert "canary" not in str(refused.value)
    with pytest.raises(UnwritableForm, match="nothing"):
        forms.plain({}, "x")


@pytest.mark.parametrize("value", [[], ["canary"], {"a": "canary"}])
def test_what_is_no_text_needs_json(value: object) -> None:
    """A list or a mapping is refused where only a text fits, without being shown."""
    for write in (lambda: forms.plain({"a": value}, "a"), lambda: forms.environment({"a": value})):
        with pytest.raises(UnwritableForm, match="format: json") as refused:
            write()
        assert "canary" not in str(refused.value)
