# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: account_lock
short_description: Locks an account with all its ways in, and gives exactly that back
description:
  - Works on the host, on accounts of C(/etc/passwd). What it takes away is first written to
    C(/var/lib/breakglass/undo/lock_account-NAME.json), which only root can read.
  - Files in directories of the user are taken away without following a link of theirs; processes are ended by descriptors, so that no other
    process is hit.
  - Root, the user whom this run came in as, and C(breakglass) are refused, and accounts below 1000 unless O(system_accounts) says so.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
extends_documentation_fragment:
  - action_common_attributes
attributes:
  check_mode:
    description: Says C(changed) exactly when something would be changed.
    support: full
  diff_mode:
    support: none
  platform:
    description: Runs on the host.
    platforms: posix
options:
  name:
    description: The account.
    type: str
    required: true
  state:
    description:
      - V(locked) locks it and ends all that it runs.
      - V(proven) changes nothing, and fails unless the account is locked and nothing of it runs.
      - V(restored) gives back what V(locked) has taken.
    type: str
    choices: [locked, proven, restored]
    default: locked
  groups:
    description: The groups that the account is taken out of.
    type: list
    elements: str
    default: [adm, admin, docker, lxd, sudo, wheel]
  system_accounts:
    description: Whether an account with a number below 1000 may be locked.
    type: bool
    default: false
  within:
    description: How many seconds its processes may take to end.
    type: int
    default: 20
"""

EXAMPLES = r"""
- name: Lock an account
  breakglass.remediation.account_lock:
    name: mallory
"""

RETURN = r"""
taken:
  description: What was taken away, or in check mode would be, or given back; kinds of things with their number, never their content.
  returned: success
  type: list
  elements: str
  sample: [password 1, expiry 1, groups 2, keys 1, sudo 1, processes 4]
told:
  description: Files that name the user beside others, which were left as they are.
  returned: success
  type: list
  elements: str
  sample: [/etc/sudoers]
undo_path:
  description: The undo file on the host; empty when there is none.
  returned: success
  type: str
"""

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import account_files, undo_file, untrusted_paths, user_processes
from ..module_utils.ssh_origin import login_user
from ..module_utils.untrusted_paths import UnsafePath

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ..module_utils.account_files import Account

Plan = dict[str, Any]

LEAST_OF_PEOPLE = 1000
OURS = "breakglass"
SUDOERS = Path("/etc/sudoers.d")
CRONTABS = ("/var/spool/cron/crontabs", "/var/spool/cron")
AT_JOBS = ("/var/spool/cron/atjobs", "/var/spool/at")
SYSTEM_CRON = Path("/etc/cron.d")
LINGER = Path("/var/lib/systemd/linger")
FILES = ("keys", "sudo", "cron", "at")
STILL = "the account stays locked, as far as that was done"


class Shortfall(Exception):
    """Raised when something is not as it must be; its text is the sentence for people."""


@dataclass(frozen=True)
class Work:
    """One account on this host, and what may be done to it.

    Attributes:
        who: The account.
        groups: The groups that it is taken out of.
        run: Runs a command and gives its return code, output and errors.
    """

    who: Account
    groups: list[str]
    run: Callable[..., tuple[int, str, str]]

    @property
    def record(self) -> str:
        return f"lock_account-{self.who.name}"

    def must(self, *command: str) -> str:
        code, out, err = self.run(list(command))
        if code:
            raise Shortfall(f"{' '.join(command[:2])} failed: {(err or out).strip()[:300]}")
        return out


def account_of(name: str, uid_of_run: int | None, *, system: bool) -> Account:
    """The account, if it may be locked; raises Shortfall."""
    who = account_files.account(_read("/etc/passwd"), name)
    if who is None:
        raise Shortfall(
            "This host has no account of this name in /etc/passwd; one of a directory (LDAP, SSSD) is locked there."
        )
    if who.uid == 0 or name == "root":
        raise Shortfall("This account is root, which is never locked.")
    if name == OURS or who.uid in (uid_of_run, int(os.environ.get("SUDO_UID") or -1)):
        raise Shortfall("This is the account that the run itself comes in as: it would lock itself out.")
    if who.uid < LEAST_OF_PEOPLE and not system:
        raise Shortfall(
            "This is an account of the system, below 1000: say lock_account_system_accounts=true if it is really meant."
        )
    return who


def plan(work: Work) -> Plan:
    """Everything that there is to take away; of each thing what is needed to give it back."""
    shadow, group = _read("/etc/shadow"), _read("/etc/group")
    name = work.who.name
    state, expires = account_files.password_state(shadow, name), account_files.expiry(shadow, name)
    found: Plan = {
        "password": [] if state == "locked" else [state],
        "expiry": [] if expires == account_files.LONG_AGO else [expires],
        "groups": [],
        "linger": [name] if (LINGER / name).exists() else [],
    }
    for one in work.groups:
        if name in (there := account_files.members(group, one) or []):
            found["groups"].append([one, there.index(name)])
    own, _shared = account_files.key_files(_sshd(work), work.who)
    found["keys"] = _looked(path for path in own if _is_of_user(path, work.who))
    found["sudo"] = _looked(str(path) for path in _sudoers() if _is_their_sudo(path, work.who))
    found["cron"] = _looked(f"{directory}/{name}" for directory in CRONTABS)
    found["at"] = _at_jobs(work.who.uid)
    found["processes"] = len(user_processes.belonging(work.who.uid))
    return found


def told(work: Work) -> list[str]:
    """Files that name the user beside others: left as they are, for people to look at."""
    sudo = [path for path in (Path("/etc/sudoers"), *_sudoers()) if not _is_their_sudo(path, work.who)]
    named = [str(path) for path in sudo if account_files.mentions(_read(path), work.who)]
    crons = [Path("/etc/crontab"), *(SYSTEM_CRON.iterdir() if SYSTEM_CRON.is_dir() else [])]
    named += [str(path) for path in crons if path.is_file() and account_files.mentions(_read(path), work.who)]
    _own, shared = account_files.key_files(_sshd(work), work.who)
    return sorted([*named, *(path for path in shared if Path(path).is_file())])


def lock(work: Work, found: Plan, within: float) -> None:
    """Take it all away: first what lets in and starts things, then what runs, then what was made anew meanwhile."""
    _remember(work, found)
    name = work.who.name
    if found["password"]:
        work.must("usermod", "--lock", name)
    if found["expiry"]:
        work.must("chage", "--expiredate", account_files.LONG_AGO, name)
    if found["linger"]:
        work.must("loginctl", "disable-linger", name)
    for one, _place in found["groups"]:
        work.must("gpasswd", "--delete", name, one)
    _take_sudo(work, found["sudo"])
    _take(found["cron"] + found["at"])
    work.run(["loginctl", "terminate-user", name])
    left = user_processes.end(work.who.uid, within)
    _take(found["keys"])
    again = plan(work)
    if any(again[kind] for kind in FILES):
        _remember(work, again)
        _take_sudo(work, again["sudo"])
        _take(again["cron"] + again["at"] + again["keys"])
    if left:
        raise Shortfall(f"{len(left)} of its processes could not be ended within {within:g} s; {STILL}")


def prove(work: Work) -> None:
    """Raise Shortfall unless nothing is left to be taken."""
    if left := _counted(plan(work)):
        raise Shortfall(f"there is still something of it ({', '.join(left)}); {STILL}")


def restore(work: Work, record: Plan) -> None:
    """Give back what was taken; the way in comes last, so that a failure on the way leaves the account locked."""
    name = work.who.name
    if record["uid"] != work.who.uid:
        raise Shortfall("The account is another one than the one that was locked: its number has changed")
    was_sound = _sudoers_sound(work)
    for kind in FILES:
        for one in record[kind]:
            untrusted_paths.put_back(one)
    if was_sound and not _sudoers_sound(work):
        _take(record["sudo"])
        raise Shortfall("visudo does not take the sudoers files that would be given back; they were not")
    for one, place in record["groups"]:
        there = account_files.members(_read("/etc/group"), one)
        if there is not None and name not in there:
            there.insert(place, name)
            work.must("gpasswd", "--members", ",".join(there), one)
    if record["linger"]:
        work.must("loginctl", "enable-linger", name)
    shadow = _read("/etc/shadow")
    if record["expiry"] and account_files.expiry(shadow, name) != record["expiry"][0]:
        work.must("chage", "--expiredate", record["expiry"][0] or "-1", name)
    if record["password"] and account_files.password_state(shadow, name) == "locked":
        work.must(*(("usermod", "--unlock", name) if record["password"] == ["set"] else ("passwd", "--delete", name)))
    undo_file.remove(work.record)


def _sshd(work: Work) -> str:
    """What sshd says of the user; where it does not answer, what it does by default."""
    code, out, _err = work.run(["sshd", "-T", "-C", f"user={work.who.name},host=localhost,addr=127.0.0.1"])
    return "authorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2" if code else out


def _remember(work: Work, found: Plan) -> None:
    """Write down what is about to be taken. Given back is what was there at first; what came later is only kept beside it."""
    found = {kind: value for kind, value in found.items() if kind != "processes"}
    record = undo_file.read(work.record)
    if record is None or _reopened(record, found):
        record = {**found, "uid": work.who.uid, "later": [record] if record else []}
    else:
        record["later"] += [{kind: value for kind, value in found.items() if value}]
    undo_file.write(work.record, record)


def _reopened(record: Plan, found: Plan) -> bool:
    """Whether somebody has given the account back by hand, so that it is now locked anew."""
    doors = [kind for kind in ("password", "expiry") if record[kind]]
    return bool(doors) and all(found[kind] for kind in doors)


def _take(found: Iterable[Mapping[str, Any]]) -> None:
    for one in found:
        place = untrusted_paths.reach(one["path"])
        if place is not None:
            with closing(place):
                if untrusted_paths.look(place) is not None:
                    untrusted_paths.take(place)


def _take_sudo(work: Work, found: list[dict[str, Any]]) -> None:
    was_sound = _sudoers_sound(work)
    _take(found)
    if found and was_sound and not _sudoers_sound(work):
        for one in found:
            untrusted_paths.put_back(one)
        raise Shortfall("visudo does not take the sudoers files without the user's own; these were put back")


def _sudoers_sound(work: Work) -> bool:
    return work.run(["visudo", "-c", "-q"])[0] == 0


def _sudoers() -> list[Path]:
    """The files that sudo reads there: none with a dot, or a tilde at its end."""
    names = sorted(SUDOERS.iterdir()) if SUDOERS.is_dir() else []
    return [
        path
        for path in names
        if "." not in path.name and not path.name.endswith("~") and path.is_file() and not path.is_symlink()
    ]


def _is_their_sudo(path: Path, who: Account) -> bool:
    return path.parent == SUDOERS and not path.is_symlink() and account_files.names_only(_read(path), who)


def _looked(paths: Iterable[str]) -> list[dict[str, Any]]:
    """What is at these paths, each once: a link of the user's on the way to two of them is one thing."""
    found: dict[str, dict[str, Any]] = {}
    for path in paths:
        place = untrusted_paths.reach(path)
        if place is not None:
            with closing(place):
                if (one := untrusted_paths.look(place)) is not None:
                    found[place.path] = one
    return list(found.values())


def _is_of_user(path: str, who: Account) -> bool:
    """A file of keys in the home of somebody else, as of an account whose home is another's, is not theirs to lose."""
    if not path.startswith(who.home.rstrip("/") + "/"):
        return True
    try:
        return Path(who.home).stat().st_uid == who.uid
    except OSError:
        return False


def _at_jobs(uid: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for directory in filter(os.path.isdir, AT_JOBS):
        with os.scandir(directory) as entries:
            names = sorted(
                entry.name for entry in entries if entry.is_file(follow_symlinks=False) and entry.name != ".SEQ"
            )
        found += [one for one in _looked(f"{directory}/{name}" for name in names) if one["uid"] == uid]
    return found


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return ""


def _counted(found: Plan) -> list[str]:
    """Each kind of thing that there is, with its number."""
    counts = {
        kind: value if isinstance(value, int) else len(value)
        for kind, value in found.items()
        if kind not in ("uid", "later")
    }
    return [f"{kind} {count}" for kind, count in counts.items() if count]


def _result(work: Work, state: str, within: float, *, check: bool) -> dict[str, Any]:
    if state == "restored":
        record = undo_file.read(work.record)
        if record and not check:
            restore(work, record)
        taken = _counted(record or {})
        changed = record is not None
    else:
        found = plan(work)
        taken = _counted(found)
        changed = bool(taken) and state == "locked"
        if changed and not check:
            lock(work, found, within)
        if state == "proven" and not check:
            prove(work)
    path = undo_file.DIRECTORY / f"{work.record}.json"
    return {"changed": changed, "taken": taken, "told": told(work), "undo_path": str(path) if path.exists() else ""}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["locked", "proven", "restored"], "default": "locked"},
            "groups": {
                "type": "list",
                "elements": "str",
                "default": ["adm", "admin", "docker", "lxd", "sudo", "wheel"],
            },
            "system_accounts": {"type": "bool", "default": False},
            "within": {"type": "int", "default": 20},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        who = account_of(given["name"], login_user(os.getpid()), system=given["system_accounts"])
        work = Work(who, given["groups"], module.run_command)
        result = _result(work, given["state"], given["within"], check=module.check_mode)
    except (Shortfall, UnsafePath, undo_file.UntrustedFile) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'The host'}: {error.strerror or error}; {STILL}")
    else:
        module.exit_json(**result)


if __name__ == "__main__":
    main()
