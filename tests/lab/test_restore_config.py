# SPDX-License-Identifier: GPL-3.0-or-later
"""restore_config on real hosts: broken nginx, sshd and sudoers, good versions from git and from backups, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.lab.api import Lab
    from tests.lab.host import LabHost
    from tests.lab.playbooks import RoleRun

MAIN = "/etc/nginx/nginx.conf"
GIT = "git -c user.name=lab -c user.email=lab@example.com -c safe.directory=* -C"
KEEPER = "/srv/configurations"
BACKUPS = "/srv/backups"
PUT = "Put the good version in place"
ACTIVATE = "Activate the good version in nginx"
NGINX: dict[str, object] = {
    "restore_config_paths": ["/etc/nginx"],
    "restore_config_validator": "nginx",
    "restore_config_unit": "nginx",
    "restore_config_repository": KEEPER,
    "restore_config_revision": "known-good",
}


@pytest.fixture
def web1(lab: Lab) -> Iterator[LabHost]:
    """A host that keeps its good configurations in git; whatever a test does to them is taken back."""
    host = lab.host("web1")
    host.run(
        f"rm -rf {KEEPER} {BACKUPS} /srv/found; mkdir -p {KEEPER}/etc/ssh {BACKUPS} /srv/found; cp -a /etc/nginx /etc/ssh /etc/sudoers.d /srv/found; "
        f"cp -a /etc/nginx {KEEPER}/etc; cp -a /etc/ssh/sshd_config {KEEPER}/etc/ssh; cp -a /etc/sudoers.d {KEEPER}/etc; "
        f"git init -q {KEEPER}; {GIT} {KEEPER} add .; {GIT} {KEEPER} commit -qm good; {GIT} {KEEPER} tag known-good"
    )
    yield host
    host.run(
        "for name in nginx sudoers.d; do rm -rf /etc/$name; cp -a /srv/found/$name /etc; done; cp -a /srv/found/ssh/sshd_config /etc/ssh; "
        f"rm -rf {KEEPER} {BACKUPS} /srv/found /etc/ssh/.sshd_config.refused-* /run/systemd/system/nginx.service.d; "
        "systemctl daemon-reload; systemctl reset-failed nginx ssh; systemctl reload-or-restart nginx ssh"
    )


def _restore(lab: Lab, given: Mapping[str, object], *, check: bool = False, diff: bool = False) -> RoleRun:
    return lab.run_role("restore_config", ["web1"], given, check=check, diff=diff)


def _kept(host: LabHost, directory: str) -> list[str]:
    return host.run(f"find {directory} -name '.*.refused-*' -printf '%f %m %U\\n' | sort").stdout.splitlines()


def _fields(run: RoleRun, name: str) -> object:
    """A field of the module's, as the journal has it of the change."""
    return next(body[name] for body in run.bodies("task.result") if body.get(name))


@pytest.mark.core
def test_a_broken_nginx_is_restored_from_git(lab: Lab, web1: LabHost) -> None:
    """Check mode predicts it; the repair keeps the bad one for root's eyes, starts nginx, and a second run changes nothing."""
    lab.break_("bad-nginx-config", "web1")
    web1.run("systemctl stop nginx; systemctl start nginx", check=False)
    predicted = _restore(lab, NGINX, check=True)
    assert (web1.active("nginx"), _kept(web1, "/etc/nginx")) == ("failed", [])
    assert _fields(predicted, "changes") == [f"replace {MAIN}"]
    repaired = _restore(lab, NGINX)
    assert repaired.code == 0, repaired.text
    assert repaired.changed("web1") == predicted.changed("web1") == [PUT, ACTIVATE]
    assert (web1.active("nginx"), web1.run("nginx -t").returncode) == ("active", 0)
    assert [line.split()[1:] for line in _kept(web1, "/etc/nginx")] == [["600", "0"]]
    assert "nonsense" in web1.run("cat /etc/nginx/.nginx.conf.refused-*").stdout
    assert _fields(repaired, "refused_at") != []
    assert web1.run("stat -c %a /var/lib/breakglass/evidence/*-restore_config-*").stdout.split()[-1] == "600"
    assert "nonsense" not in repaired.text
    assert _restore(lab, NGINX).changed("web1") == []
    lab.record_run(role="restore_config", fault="bad-nginx-config", run=repaired)


def test_owner_mode_and_access_list_of_a_file_stay(lab: Lab, web1: LabHost) -> None:
    """What git does not know is kept from the file that was there, and on the one that was put aside."""
    lab.break_("bad-nginx-config", "web1")
    web1.run(f"chown www-data:adm {MAIN}; chmod 640 {MAIN}; setfacl -m u:nobody:r {MAIN}")
    before = web1.run(f"getfacl -n {MAIN}").stdout
    assert _restore(lab, NGINX).code == 0
    assert web1.run(f"getfacl -n {MAIN}").stdout == before
    assert web1.run("stat -c %U:%G /etc/nginx/.nginx.conf.refused-*").stdout == "www-data:adm\n"


def test_a_file_too_many_is_put_aside_when_that_is_wanted(lab: Lab, web1: LabHost) -> None:
    """By default what git does not know stays, and the sentence says that the good version is refused, too."""
    web1.write("/etc/nginx/conf.d/bad.conf", "nonsense;\n")
    web1.write("/etc/nginx/shop.key", "a secret that is not in git\n")
    refused = _restore(lab, NGINX)
    assert refused.sentence.endswith("Everything is as it was found; nothing was changed.")
    assert "is what is refused" in refused.sentence
    assert web1.read("/etc/nginx/conf.d/bad.conf") == "nonsense;\n"
    repaired = _restore(
        lab, {**NGINX, "restore_config_paths": ["/etc/nginx/conf.d"], "restore_config_unknown_files": "remove"}
    )
    assert repaired.code != 0, "an empty directory is not in git"
    web1.write(f"{KEEPER}/etc/nginx/conf.d/good.conf", "# nothing\n")
    web1.run(f"{GIT} {KEEPER} add .; {GIT} {KEEPER} commit -qm more; {GIT} {KEEPER} tag -f known-good")
    wanted = {**NGINX, "restore_config_paths": ["/etc/nginx/conf.d"], "restore_config_unknown_files": "remove"}
    repaired = _restore(lab, wanted)
    assert repaired.code == 0, repaired.text
    assert _fields(repaired, "changes") == ["remove /etc/nginx/conf.d/bad.conf", "create /etc/nginx/conf.d/good.conf"]
    assert web1.exists("/etc/nginx/shop.key")


def test_sshd_is_restored_from_the_newest_backup_that_validates(lab: Lab, web1: LabHost) -> None:
    """The newest of three is broken, too, so the second is taken; the session that repairs goes on."""
    web1.run(
        f"for day in 25 26 27; do cp -p /etc/ssh/sshd_config {BACKUPS}/sshd_config.2026-11-$day; touch -d 2026-11-$day {BACKUPS}/sshd_config.*$day; done; "
        f"echo '# the day before' >> {BACKUPS}/sshd_config.2026-11-26; touch -d 2026-11-26 {BACKUPS}/sshd_config.2026-11-26; "
        f"echo 'Nonsense too' >> {BACKUPS}/sshd_config.2026-11-27; touch -d 2026-11-27 {BACKUPS}/sshd_config.2026-11-27"
    )
    lab.break_("bad-sshd-config", "web1")
    given = {
        "restore_config_paths": ["/etc/ssh/sshd_config"],
        "restore_config_validator": "sshd",
        "restore_config_unit": "ssh",
        "restore_config_backup_directory": BACKUPS,
    }
    predicted = _restore(lab, given, check=True)
    repaired = _restore(lab, given)
    assert repaired.code == 0, repaired.text
    assert repaired.changed("web1") == predicted.changed("web1") == [PUT, "Activate the good version in ssh"]
    assert _fields(repaired, "source") == f"{BACKUPS}/sshd_config.2026-11-26"
    assert web1.read("/etc/ssh/sshd_config").endswith("# the day before\n")
    assert _restore(lab, given).changed("web1") == []
    web1.run("rm -f /etc/ssh/sshd_config.breakglass-lab")


def test_sudoers_are_restored_without_a_unit(lab: Lab, web1: LabHost) -> None:
    """A broken fragment is replaced, mode 0440 kept; one that is missing gets it."""
    web1.run("printf 'shop ALL=(ALL\\n' >> /etc/sudoers.d/README")
    given: dict[str, object] = {
        "restore_config_paths": ["/etc/sudoers.d"],
        "restore_config_validator": "sudoers",
        "restore_config_repository": KEEPER,
    }
    mode = web1.run("stat -c %a /etc/sudoers.d/README").stdout
    repaired = _restore(lab, given)
    assert repaired.code == 0, repaired.text
    assert repaired.changed("web1") == [PUT]
    assert web1.run("visudo -c", check=False).returncode == 0
    assert web1.run("stat -c %a /etc/sudoers.d/README").stdout == mode


def test_what_does_not_help_is_undone(lab: Lab, web1: LabHost) -> None:
    """A unit that does not start with the good version either: the bad one is back, the very file, and nginx is stopped as found."""
    lab.break_("bad-nginx-config", "web1")
    web1.run("systemctl stop nginx")
    web1.write("/run/systemd/system/nginx.service.d/lab.conf", "[Service]\nExecStartPre=/bin/false\nRestart=no\n")
    web1.run("systemctl daemon-reload")
    before = web1.run(f"stat -c '%i %a %u %Y' {MAIN}; cat {MAIN}").stdout
    run = _restore(lab, NGINX)
    assert run.code != 0
    assert run.sentence.startswith("nginx could not be reloaded with the good version (commit ")
    assert run.sentence.endswith("undone, what was there is back and nginx is stopped, as found.")
    assert web1.run(f"stat -c '%i %a %u %Y' {MAIN}; cat {MAIN}").stdout == before
    assert _kept(web1, "/etc/nginx") == []
    assert web1.active("nginx") != "active"


def test_a_good_version_that_is_refused_changes_nothing(lab: Lab, web1: LabHost) -> None:
    """Its validator has seen it before it was in place, so nobody else ever did."""
    lab.break_("bad-nginx-config", "web1")
    web1.run(f"echo 'worse;' > {KEEPER}{MAIN}; {GIT} {KEEPER} commit -qam worse")
    before = web1.run("stat -c '%i %Z' /etc/nginx /etc/nginx/nginx.conf").stdout
    run = _restore(lab, {**NGINX, "restore_config_revision": "HEAD"})
    assert "no good version was found, 1 could be tried" in run.sentence
    assert "worse" not in run.sentence
    assert run.changed("web1") == []
    assert web1.run("stat -c '%i %Z' /etc/nginx /etc/nginx/nginx.conf").stdout == before
    assert web1.run("ls /run | grep -c breakglass-trial", check=False).stdout == "0\n"


def test_a_file_that_is_gone_comes_back(lab: Lab, web1: LabHost) -> None:
    """Nothing can be mounted over it, so a version is tried in place: a worse one is gone again at once, a good one stays."""
    web1.run(f"systemctl stop nginx; rm {MAIN}; echo 'worse;' > {KEEPER}{MAIN}; {GIT} {KEEPER} commit -qam worse")
    given = {**NGINX, "restore_config_paths": [MAIN]}
    refused = _restore(lab, {**given, "restore_config_revision": "HEAD"})
    assert "no good version was found, 1 could be tried" in refused.sentence
    assert not web1.exists(MAIN)
    predicted = _restore(lab, given, check=True)
    repaired = _restore(lab, given)
    assert repaired.code == 0, repaired.text
    assert repaired.changed("web1") == predicted.changed("web1") == [PUT, ACTIVATE]
    assert _fields(repaired, "changes") == [f"create {MAIN}"]
    assert web1.run(f"stat -c '%a %U' {MAIN}").stdout == "644 root\n"
    assert web1.active("nginx") == "active"


def test_a_unit_that_systemd_refuses_is_restored(lab: Lab, web1: LabHost) -> None:
    """From a backup of its file, with systemd told to read it again."""
    unit = "/etc/systemd/system/shop.service"
    web1.write(f"{BACKUPS}/shop.service.1", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n")
    web1.write(unit, "[Service]\nType=oneshot\n")
    given = {
        "restore_config_paths": [unit],
        "restore_config_validator": "systemd_unit",
        "restore_config_unit": "shop.service",
        "restore_config_activation": "restarted",
        "restore_config_backup_directory": BACKUPS,
    }
    try:
        repaired = _restore(lab, given)
        assert repaired.code == 0, repaired.text
        assert web1.active("shop.service") == "active"
        assert _restore(lab, given).changed("web1") == []
    finally:
        web1.run(
            f"systemctl stop shop.service; rm -f {unit} /etc/systemd/system/.shop.service.refused-*; systemctl daemon-reload"
        )


def test_what_others_could_have_written_is_not_put_in_place(lab: Lab, web1: LabHost) -> None:
    """A repository of somebody else, and a backup that others may write to."""
    lab.break_("bad-nginx-config", "web1")
    web1.run(f"chown -R nobody {KEEPER}; cp {KEEPER}{MAIN} {BACKUPS}/nginx.conf.1; chmod 666 {BACKUPS}/nginx.conf.1")
    assert f"{KEEPER} is not root's alone" in _restore(lab, NGINX).sentence
    backup = {
        **NGINX,
        "restore_config_paths": [MAIN],
        "restore_config_repository": "",
        "restore_config_backup_directory": BACKUPS,
    }
    assert f"{BACKUPS}/nginx.conf.1 is not root's alone" in _restore(lab, backup).sentence
    assert "nonsense" in web1.read(MAIN)


def test_a_difference_is_shown_only_when_it_is_asked_for_twice(lab: Lab, web1: LabHost) -> None:
    """Configurations hold secrets: --diff alone shows nothing of them."""
    lab.break_("bad-nginx-config", "web1")
    assert "nonsense" not in _restore(lab, NGINX, check=True, diff=True).text
    assert "-nonsense;" in _restore(lab, {**NGINX, "restore_config_show_diff": True}, check=True, diff=True).text


@pytest.mark.parametrize(
    ("unit", "said"),
    [("cron", "cron can't reload, so nothing was replaced."), ("shop", "There is no unit shop on this host")],
)
def test_a_unit_that_could_not_take_it_is_refused_before_anything_is_replaced(
    lab: Lab, web1: LabHost, unit: str, said: str
) -> None:
    """In check mode as well; it is said how a unit that can't reload may take it."""
    lab.break_("bad-nginx-config", "web1")
    before = web1.run(f"stat -c '%i %Z' {MAIN}").stdout
    for check in (True, False):
        run = _restore(lab, {**NGINX, "restore_config_unit": unit}, check=check)
        assert (run.code != 0, run.sentence.startswith(said)) == (True, True), run.sentence
    assert (web1.run(f"stat -c '%i %Z' {MAIN}").stdout, _kept(web1, "/etc/nginx")) == (before, [])


def test_what_makes_no_sense_is_refused(lab: Lab, web1: LabHost) -> None:
    """No source, two sources, a validator that nobody knows, or one that the host has not."""
    assert "comes from one place" in _restore(lab, {**NGINX, "restore_config_repository": ""}).sentence
    assert "comes from one place" in _restore(lab, {**NGINX, "restore_config_backup_directory": BACKUPS}).sentence
    assert "must be one of" in _restore(lab, {**NGINX, "restore_config_validator": "caddy"}).text
    assert "haproxy is not on this host" in _restore(lab, {**NGINX, "restore_config_validator": "haproxy"}).sentence
    assert web1.active("nginx") == "active"
