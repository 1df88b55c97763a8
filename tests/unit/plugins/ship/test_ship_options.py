# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of sinks: what is right is taken, what is wrong is said in a sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.configured import (
    configured_sinks,
    make_sinks,
    read_sinks,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.options import UnusableSink
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.sinks import postgresql
from ansible_collections.breakglass.remediation.plugins.plugin_utils._ship.sinks._kinds import kind_module, known_kinds

GUIDE = Path(__file__).parents[4] / "docs" / "guides" / "siem.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
KINDS = ("file", "http", "otlp_http", "postgresql", "splunk_hec", "stdout", "syslog")


@pytest.mark.parametrize("block", BLOCKS)
def test_examples_of_the_guide(block: str) -> None:
    """Every sink in an example of the guide is good."""
    given = yaml.load(block, yaml.BaseLoader)
    if sinks := given["journal"].get("sinks") if "journal" in given else given:
        assert make_sinks(sinks, Path("/etc/breakglass")).keys() == sinks.keys()


def test_guide_shows_every_kind() -> None:
    """The guide has an example of each kind, and the table that PostgreSQL needs is the one that is written to."""
    assert known_kinds() == KINDS
    assert all(f"kind: {kind}" in GUIDE.read_text(encoding="utf-8") for kind in KINDS)
    assert postgresql.TABLE.format(table="breakglass_journal") in GUIDE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["_sink", "__init__", "..", "os", "../courier", "file.py", "", "FILE"])
def test_only_files_of_the_folder_are_kinds(name: str) -> None:
    """A kind can't name a module from elsewhere, or a private one."""
    assert kind_module(name) is None


WRONG = [
    ([], "mapping"),
    ({}, "at least one"),
    ({"a b": {"kind": "stdout"}}, "can't be the name of a sink"),
    ({"a": "stdout"}, "must be a mapping"),
    ({"a": {}}, "needs the option kind"),
    ({"a": {"kind": "pigeon"}}, "file, http, otlp_http"),
    ({"a": {"kind": "stdout", "path": "x"}}, "no option 'path'"),
    ({"a": {"kind": "file"}}, "needs the option path"),
    ({"a": {"kind": "file", "pth": "x", "path": "y"}}, 'Did you mean "path"'),
    ({"a": {"kind": "file", "path": ["x"]}}, "text of one line"),
    ({"a": {"kind": "http", "url": "ftp://x"}}, "https://host"),
    ({"a": {"kind": "http", "url": "https://u:p@x"}}, "does not belong into an address"),
    ({"a": {"kind": "http", "url": "https://x?token=1"}}, "https://host"),
    ({"a": {"kind": "http", "url": "http://siem.example.com"}}, "clear text"),
    ({"a": {"kind": "http", "url": "https://[x"}}, "https://host"),
    ({"a": {"kind": "http", "url": "https://x", "client_cert": "c"}}, "client_key"),
    ({"a": {"kind": "http", "url": "https://x", "format": "xml"}}, "cloudevents, json_lines"),
    ({"a": {"kind": "http", "url": "https://x", "batch": "0"}}, "whole number"),
    ({"a": {"kind": "http", "url": "https://x", "timeout": "5"}}, "duration"),
    ({"a": {"kind": "http", "url": "https://x", "timeout": "2h"}}, "at most 1h"),
    ({"a": {"kind": "splunk_hec", "url": "https://x"}}, "token_file"),
    ({"a": {"kind": "splunk_hec", "url": "https://x", "token_file": "t", "acknowledge": "maybe"}}, "true, false"),
    ({"a": {"kind": "otlp_http", "url": "https://x", "key_header": "a\tb"}}, "key_header"),
    ({"a": {"kind": "otlp_http", "url": "https://x", "key_header": "a: b"}}, "HTTP header"),
    ({"a": {"kind": "syslog", "address": "siem:99999"}}, "host:port"),
    ({"a": {"kind": "syslog", "address": "siem", "transport": "tcp"}}, "clear text"),
    ({"a": {"kind": "syslog", "address": "siem", "facility": "kern"}}, "audit"),
    ({"a": {"kind": "syslog", "address": "::1", "transport": "udp"}}, "host:port"),
    ({"a": {"kind": "syslog", "address": "localhost", "transport": "udp", "largest_message": "70000"}}, "datagram"),
    ({"a": {"kind": "syslog", "address": "siem", "client_key": "k"}}, "client_cert"),
    ({"a": {"kind": "postgresql", "address": "db", "database": "d", "user": "u", "tls": "disable"}}, "clear text"),
    ({"a": {"kind": "postgresql", "address": "db", "database": "d", "user": "u", "table": "a;b"}}, "name of a table"),
]


@pytest.mark.parametrize(("given", "sentence"), WRONG)
def test_what_is_wrong_is_said(given: object, sentence: str) -> None:
    """A mistake is named in a sentence."""
    with pytest.raises(UnusableSink, match=re.escape(sentence)):
        make_sinks(given, Path("/"))


def test_paths_start_from_the_file(tmp_path: Path) -> None:
    """A relative path starts from the directory of the file that names it."""
    path = tmp_path / "sinks.yml"
    path.write_text("out: {kind: file, path: here/out.jsonl}\n")
    (sink,) = read_sinks(path).values()
    assert vars(sink)["path"] == tmp_path / "here" / "out.jsonl"
    assert configured_sinks({"BREAKGLASS_SINKS": str(path)}).keys() == {"out"}
    assert configured_sinks({}) == {}


@pytest.mark.parametrize("text", ["{", "a: [", "\t", "&a [*a]", "x: !!python/object:os.system {}"])
def test_file_that_is_no_mapping_of_sinks(tmp_path: Path, text: str) -> None:
    """Whatever the file holds, the answer is a sentence."""
    path = tmp_path / "sinks.yml"
    path.write_text(text)
    with pytest.raises(UnusableSink):
        read_sinks(path)


def test_file_that_others_can_change(tmp_path: Path) -> None:
    """A file of sinks that others can change is refused: they could send the journal elsewhere."""
    path = tmp_path / "sinks.yml"
    path.write_text("out: {kind: stdout}\n")
    path.chmod(0o620)
    with pytest.raises(UnusableSink, match="chmod go-w"):
        read_sinks(path)
    with pytest.raises(UnusableSink, match="can't be read"):
        read_sinks(tmp_path / "missing.yml")
