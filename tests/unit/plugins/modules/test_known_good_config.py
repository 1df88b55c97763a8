# SPDX-License-Identifier: GPL-3.0-or-later
"""Good versions of a configuration: read as data, compared, put in place in one step each, and taken back exactly."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
from ansible_collections.breakglass.remediation.plugins.module_utils import config_swap
from ansible_collections.breakglass.remediation.plugins.module_utils.config_backups import backups
from ansible_collections.breakglass.remediation.plugins.module_utils.config_tree import (
    Change,
    Entry,
    UnusableTree,
    changes,
    merged,
    read_tree,
)
from ansible_collections.breakglass.remediation.plugins.module_utils.config_validators import (
    VALIDATORS,
    UnusableValidator,
    Validator,
    positions,
    validate,
)
from ansible_collections.breakglass.remediation.plugins.module_utils.git_reading import Repository
from ansible_collections.breakglass.remediation.plugins.modules.known_good_config import differences

STAMP = "20261127T120000Z"
SAID = [
    ('nginx: [emerg] unknown directive "hunter2" in /etc/nginx/nginx.conf:85', ("/etc/nginx/nginx.conf:85",)),
    ("/etc/ssh/sshd_config: line 124: Bad configuration option: hunter2", ("/etc/ssh/sshd_config:124",)),
    ("/etc/ssh/sshd_config line 7: Directive 'hunter2' is not allowed", ("/etc/ssh/sshd_config:7",)),
    ("/etc/sudoers.d/shop:3:9: syntax error\nhunter2 ALL\n        ^", ("/etc/sudoers.d/shop:3",)),
    ("AH00526: Syntax error on line 5 of /etc/apache2/apache2.conf:\nhunter2", ("/etc/apache2/apache2.conf:5",)),
    ("Fatal error : Invalid directive at line 48 in file /etc/chrony/chrony.conf", ("/etc/chrony/chrony.conf:48",)),
    ("rsyslogd: error during parsing file /etc/rsyslog.conf, on or before line 71: hunter2", ("/etc/rsyslog.conf:71",)),
    (
        "[ALERT] (7) : config : parsing [/etc/haproxy/haproxy.cfg:36] : unknown 'hunter2'",
        ("/etc/haproxy/haproxy.cfg:36",),
    ),
    ('/etc/prometheus/rules.yml: 5:11: group "a", rule 1, "hunter2"', ("/etc/prometheus/rules.yml:5",)),
    ("/etc/bind/db.shop:1: unknown RR type 'hunter2'\n/etc/bind/db.shop:1: again", ("/etc/bind/db.shop:1",)),
    ("/etc/shop.conf: 3 hunter2", ()),
    ("hunter2", ()),
]


def _nothing(file: str, place: str) -> None:
    """There is no SELinux here."""


def _git(directory: Path, *words: str) -> str:
    author = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *author, "-C", str(directory), *words],
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository that keeps `/etc/shop` under its whole path, and has a newer, worse commit."""
    directory = tmp_path / "repository"
    shop = directory / "etc/shop"
    shop.mkdir(parents=True)
    (shop / "shop.conf").write_text("good\n")
    (shop / "bytes").write_bytes(b"\xff\x00\n\n")
    (shop / "enabled").symlink_to("shop.conf")
    _git(directory, "init", "-q", "-b", "main")
    _git(directory, "add", ".")
    _git(directory, "commit", "-qm", "good")
    _git(directory, "tag", "known-good")
    (shop / "shop.conf").write_text("worse\n")
    _git(directory, "commit", "-qam", "worse")
    return directory


@pytest.mark.parametrize(("said", "found"), SAID)
def test_of_what_a_validator_says_only_positions_are_kept(said: str, found: tuple[str, ...]) -> None:
    """Its words quote the configuration, which may hold secrets."""
    assert positions(said) == found


def test_each_validator_is_one_fixed_command() -> None:
    """A path or unit that is added is a word of its own."""
    assert {name for name, one in VALIDATORS.items() if not one.commands} == set()
    shown = Validator((("true", "-x"),), before_each_path=("-f",), takes_unit=True).command(["/a", "/b"], "u")
    assert shown[1:] == ["-x", "-f", "/a", "-f", "/b", "u"]


def test_a_program_that_reads_the_others_itself_is_given_the_first_path_alone(tmp_path: Path) -> None:
    """Rules are no configuration of Prometheus, but what its configuration names; of a directory it is the file of its usual name."""
    validator = Validator((("true",),), before_each_path=(), reads="prometheus.yml")
    assert validator.command(["/a.yml", str(tmp_path)], "")[1:] == ["/a.yml"]
    assert validator.command([str(tmp_path), "/a.yml"], "")[1:] == [f"{tmp_path}/prometheus.yml"]


def test_a_validator_that_is_not_there_is_named() -> None:
    """Nothing is put in place that nobody can validate."""
    with pytest.raises(UnusableValidator, match="no-such-program is not on this host"):
        Validator((("no-such-program",),)).command([], "")


def test_a_verdict_is_the_return_code() -> None:
    """Zero is good, everything else is not."""
    assert validate(["/bin/true"]).good
    assert not validate(["/bin/false"]).good


def test_a_repository_is_read_at_a_revision(repository: Path) -> None:
    """Files byte for byte, links as links, of the revision that was asked for; what is not in it is None."""
    opened = Repository(str(repository))
    tree = opened.tree(opened.commit("known-good"), "/etc/shop")
    assert tree == {
        "shop.conf": Entry(b"good\n"),
        "bytes": Entry(b"\xff\x00\n\n"),
        "enabled": Entry(None, "shop.conf"),
    }
    assert opened.tree(opened.commit("main"), "/etc/shop/shop.conf") == {"": Entry(b"worse\n")}
    assert opened.tree(opened.commit("main"), "/etc/other") is None


def test_a_repository_that_holds_the_path_is_asked_below_itself(repository: Path) -> None:
    """`/etc` as a repository keeps `/etc/shop` as `shop`."""
    opened = Repository(str(repository))
    assert opened.tree(opened.commit("known-good"), f"{repository}/etc/shop/shop.conf") == {"": Entry(b"good\n")}


@pytest.mark.parametrize("revision", ["no-such", "main..known-good", "HEAD:etc", "--all"])
def test_a_revision_that_is_no_commit(repository: Path, revision: str) -> None:
    """Ranges, files and options are none."""
    with pytest.raises(UnusableTree, match="has no commit of that name"):
        Repository(str(repository)).commit(revision)


def test_nothing_of_a_repository_is_run(repository: Path, tmp_path: Path) -> None:
    """Hooks, filters, textconv, monitors, aliases, pagers, and the commands of a partial clone that lacks an object."""
    ran = tmp_path / "ran"
    program = repository / "program"
    program.write_text(f"#!/bin/sh\necho run >> {ran}\ncat\n")
    program.chmod(0o755)
    hooks = repository / ".git/hooks"
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        (hooks / name).write_text(program.read_text())
        (hooks / name).chmod(0o755)
    (repository / ".git/info").mkdir(exist_ok=True)
    (repository / ".git/info/attributes").write_text("* filter=evil diff=evil text=auto eol=crlf\n")
    commit = _git(repository, "rev-parse", "known-good")
    lost = _git(repository, "rev-parse", "known-good:etc/shop/bytes")
    settings = {
        **{f"filter.evil.{name}": str(program) for name in ("smudge", "clean", "process")},
        "filter.evil.required": "true",
        "diff.evil.textconv": str(program),
        "core.fsmonitor": str(program),
        "core.pager": str(program),
        "core.sshCommand": str(program),
        "alias.cat-file": f"!{program}",
        "extensions.partialClone": "origin",
        "remote.origin.url": f"ext::{program}",
        "remote.origin.promisor": "true",
        "remote.origin.uploadpack": str(program),
        "protocol.allow": "always",
        "protocol.ext.allow": "always",
        "core.repositoryFormatVersion": "1",
    }
    with (repository / ".git/config").open("a") as file:
        for name, value in settings.items():
            section, _, key = name.rpartition(".")
            outer, _, inner = section.partition(".")
            file.write(f'[{outer}{f" {chr(34)}{inner}{chr(34)}" if inner else ""}]\n\t{key} = "{value}"\n')
    opened = Repository(str(repository))
    assert opened.commit("known-good") == commit
    assert opened.tree(commit, "/etc/shop/shop.conf") == {"": Entry(b"good\n")}
    (repository / ".git/objects" / lost[:2] / lost[2:]).unlink()
    with pytest.raises(UnusableTree):
        opened.tree(commit, "/etc/shop")
    assert not ran.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("part", ["", ".git", ".git/HEAD", ".git/objects", "../"])
def test_a_repository_of_somebody_else_is_not_believed(repository: Path, part: str) -> None:
    """Who can write to it would choose what root puts in place."""
    os.chown(repository / part, 65534, 65534)
    with pytest.raises(UnusableTree, match="is not root's alone"):
        Repository(str(repository))


def test_a_directory_on_the_way_that_others_may_write_to(repository: Path) -> None:
    """It could be swapped for another one."""
    repository.parent.chmod(0o777)
    with pytest.raises(UnusableTree, match="is not root's alone"):
        Repository(str(repository))


def test_the_newest_backup_comes_first(tmp_path: Path) -> None:
    """Copies of one file by their own time, and snapshots by that of their directory; other names are none."""
    names = ["shop.conf.1", "shop.conf~", "shop.conf-20261126", "shop.confx", "myshop.conf"]
    for age, name in enumerate(names):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    snapshot = tmp_path / "2026-11-27/etc/shop/shop.conf"
    snapshot.parent.mkdir(parents=True)
    snapshot.write_text("snapshot")
    os.utime(tmp_path / "2026-11-27", (999, 999))
    found = [Path(one.name).name for one in backups(str(tmp_path), ["/etc/shop/shop.conf"])]
    assert found == ["shop.conf.1", "shop.conf~", "2026-11-27", "shop.conf-20261126"]
    assert [Path(one.name).name for one in backups(str(tmp_path), ["/etc/shop/shop.conf", "/etc/none"])] == []


def test_a_backup_that_others_may_write_to_is_not_believed(tmp_path: Path) -> None:
    """It says who could have written it."""
    copy = tmp_path / "shop.conf.1"
    copy.write_text("evil")
    copy.chmod(0o666)
    (backup,) = backups(str(tmp_path), ["/etc/shop/shop.conf"])
    with pytest.raises(UnusableTree, match="is not root's alone"):
        backup.trees()


def test_what_differs_is_changed_and_nothing_else() -> None:
    """Same bytes are the same whatever their permissions; what the good version does not know stays unless it is to go."""
    now = {"a": Entry(b"1", mode=0o600), "b": Entry(b"2"), "key": Entry(b"secret"), "l": Entry(None, "a")}
    good = {"a": Entry(b"1"), "b": Entry(b"3"), "c": Entry(b"4"), "l": Entry(None, "b")}
    kept = changes("/e", now, good, remove_unknown=False)
    assert [(one.path, one.action) for one in kept] == [("/e/b", "replace"), ("/e/c", "create"), ("/e/l", "replace")]
    assert [one.path for one in changes("/e", now, good, remove_unknown=True) if one.action == "remove"] == ["/e/key"]
    assert merged(now, good, remove_unknown=False).keys() == {"a", "b", "c", "key", "l"}
    assert merged(now, good, remove_unknown=True).keys() == good.keys()


@pytest.mark.parametrize(
    ("now", "good"),
    [
        ({"": Entry(b"1")}, {"a": Entry(b"1")}),
        ({"a": Entry(b"1")}, {"": Entry(b"1")}),
        ({"a": Entry(b"1")}, {"a/b": Entry(b"1")}),
        ({"a/b": Entry(b"1")}, {"a": Entry(b"1")}),
    ],
)
def test_a_file_is_not_exchanged_for_a_directory(now: dict[str, Entry], good: dict[str, Entry]) -> None:
    """That is no repair of a text, so it is refused before anything is done."""
    with pytest.raises(UnusableTree):
        changes("/e", now, good, remove_unknown=False)


def test_files_are_replaced_with_their_owner_and_come_back_as_they_were(tmp_path: Path) -> None:
    """The one that was there is kept for root's eyes; taking back gives the same file, and removes what was made."""
    root = tmp_path / "etc"
    (root / "sub").mkdir(parents=True)
    (root / "a").write_text("bad\n")
    (root / "a").chmod(0o640)
    (root / "extra").write_text("extra\n")
    (root / "l").symlink_to("a")
    before, number = read_tree(str(root)), (root / "a").stat().st_ino
    good = {"a": Entry(b"good\n", mode=0o777), "sub/new/c": Entry(b"new\n"), "l": Entry(None, "extra")}
    found = changes(str(root), before, good, remove_unknown=True)
    done = config_swap.apply(found, STAMP, 0o440, _nothing)
    assert read_tree(str(root)) == {
        "a": Entry(b"good\n", "", 0o640, os.geteuid(), os.getegid()),
        "sub/new/c": Entry(b"new\n", "", 0o440, os.geteuid(), os.getegid()),
        "l": Entry(None, "extra", None, os.geteuid(), os.getegid()),
    }
    kept = root / f".a.refused-{STAMP}"
    assert (kept.read_text(), stat.S_IMODE(kept.stat().st_mode)) == ("bad\n", 0o600)
    assert sorted(one.kept for one in done) == [
        "",
        str(kept),
        str(root / f".extra.refused-{STAMP}"),
        str(root / f".l.refused-{STAMP}"),
    ]
    config_swap.take_back(done)
    assert (read_tree(str(root)), (root / "a").stat().st_ino) == (before, number)
    assert not kept.exists()


def test_a_change_that_can_t_be_made_takes_those_before_it_back(tmp_path: Path) -> None:
    """All or nothing, also when the last one fails."""
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    before = read_tree(str(tmp_path))
    assert before is not None
    found = [Change(str(tmp_path / name), Entry(b"new"), before[name]) for name in ("a", "b")]

    def fail(file: str, place: str) -> None:
        raise PermissionError(1, "no label", file)

    found.append(Change(str(tmp_path / "c"), Entry(b"new"), None))
    with pytest.raises(PermissionError):
        config_swap.apply(found, STAMP, 0o644, fail)
    assert read_tree(str(tmp_path)) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_file_with_several_names_is_refused_unless_one_is_ours(tmp_path: Path) -> None:
    """A run that was killed between keeping and replacing leaves a second name, which is no obstacle."""
    (tmp_path / "a").write_text("1")
    (tmp_path / f".a.refused-{STAMP}").hardlink_to(tmp_path / "a")
    change = Change(str(tmp_path / "a"), Entry(b"new"), Entry(b"1"))
    config_swap.take_back(config_swap.apply([change], STAMP, 0o644, _nothing))
    (tmp_path / "other").hardlink_to(tmp_path / "a")
    with pytest.raises(UnusableTree, match="several names"):
        config_swap.apply([change], STAMP, 0o644, _nothing)


def test_a_link_is_not_a_configuration(tmp_path: Path) -> None:
    """What it points to is named instead."""
    (tmp_path / "l").symlink_to("/etc/hostname")
    with pytest.raises(UnusableTree, match="name what it points to"):
        read_tree(str(tmp_path / "l"))
    assert read_tree(str(tmp_path / "none")) is None


def test_differences_show_both_sides() -> None:
    """Only diff mode asks for them."""
    assert differences([Change("/e/a", Entry(b"new"), None)]) == [
        {"before_header": "/e/a", "after_header": "/e/a", "before": "", "after": "new"}
    ]
