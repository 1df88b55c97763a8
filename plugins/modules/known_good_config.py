# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: known_good_config
short_description: Puts the last good version of a configuration in place of one that its validator refuses, or takes that back
description:
  - Works on the host. O(state=present) first asks the validator. A configuration that it takes is left alone.
  - Otherwise the good version is read out of a git repository, or the newest backup that validates is looked for. The validator is shown the
    new files before they are in place, in a view of the file system of its own; where that is not possible they are put in place, validated,
    and taken back when they are refused.
  - Each file is replaced in one step, and what was there stays beside it as C(.NAME.refused-TIME), C(0600). Owner, permissions and extended
    attributes (access lists, SELinux) of a file that was there are kept.
  - A repository, a backup and every directory on the way must be root's alone, and no link is followed. Of a repository only objects are
    read; hooks, filters, and what else it configures, are not run.
  - Neither what files contain nor the words of the validator are in the result.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
extends_documentation_fragment:
  - action_common_attributes
attributes:
  check_mode:
    description:
      - Says what would change. RV(proven) says whether the validator has seen and taken it; where it can't be shown new files before they
        are in place, only a real run can tell.
    support: full
  diff_mode:
    description: Shows the text of files, so it may show secrets. Turn it off on the task where nobody has asked for it.
    support: full
  platform:
    description: Runs on the host.
    platforms: posix
options:
  state:
    description:
      - V(present) makes the configuration one that validates, V(checked) only asks the validator, and V(undone) takes O(done) back.
    type: str
    choices: [present, checked, undone]
    default: present
  paths:
    description: Files, or directories with all below them, that make up the configuration. None may be within another.
    type: list
    elements: path
    required: true
  validator:
    description: What has the last word. Each is one fixed command.
    type: str
    choices: [alertmanager, apache, bind, chrony, haproxy, nginx, postfix, prometheus, rsyslog, sshd, sudoers, systemd_unit]
    required: true
  unit:
    description: The unit that V(systemd_unit) verifies.
    type: str
    default: ""
  repository:
    description: A git repository on the host. Either this or O(backup_directory).
    type: path
  revision:
    description: The branch, tag or commit that is good.
    type: str
    default: HEAD
  backup_directory:
    description: A directory with backups on the host, C(DIRECTORY/ANY-NAME/etc/nginx/nginx.conf), or for one file also C(DIRECTORY/nginx.conf.ANY-NAME).
    type: path
  unknown_files:
    description: What becomes of files below a directory that the good version does not have. V(remove) renames them as said above.
    type: str
    choices: [keep, remove]
    default: keep
  done:
    description: What O(state=present) has returned as RV(done).
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Put the last good configuration of nginx in place
  breakglass.remediation.known_good_config:
    paths: [/etc/nginx]
    validator: nginx
    repository: /etc
    revision: known-good
  diff: false
"""

RETURN = r"""
healthy:
  description: Whether the validator took the configuration as it was found.
  returned: with O(state=present) and O(state=checked)
  type: bool
refused_at:
  description: Where it stumbled, if it says so, as file and line.
  returned: with O(state=present) and O(state=checked)
  type: list
  elements: str
  sample: ["/etc/nginx/nginx.conf:85"]
source:
  description: Where the good version comes from, a backup or a commit.
  returned: with O(state=present)
  type: str
proven:
  description: Whether the validator has taken the good version.
  returned: with O(state=present)
  type: bool
changes:
  description: What was done to which file, or would be.
  returned: with O(state=present)
  type: list
  elements: str
  sample: ["replace /etc/nginx/nginx.conf"]
kept:
  description: Where the files are that were replaced or removed.
  returned: with O(state=present)
  type: list
  elements: str
done:
  description: What takes it back, for O(done).
  returned: with O(state=present)
  type: list
  elements: dict
"""

import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import config_swap
from ..module_utils.config_backups import backups
from ..module_utils.config_swap import Done
from ..module_utils.config_tree import Change, Tree, UnusableTree, changes, merged, read_tree, require_roots_alone
from ..module_utils.config_trial import try_out
from ..module_utils.config_validators import VALIDATORS, UnusableValidator, Verdict, validate
from ..module_utils.file_attributes import label_of_policy
from ..module_utils.git_reading import Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class NoGoodVersion(Exception):
    """Raised when nothing that was offered validates; everything is as it was found."""


@dataclass(frozen=True)
class Wanted:
    """What the task asks for; the fields are the module's options."""

    paths: list[str]
    validator: str
    unit: str = ""
    repository: str | None = None
    revision: str = "HEAD"
    backup_directory: str | None = None
    remove_unknown: bool = False

    def command(self) -> list[str]:
        """The validator's argument list; raises UnusableValidator."""
        return VALIDATORS[self.validator].command(self.paths, self.unit)

    @property
    def new_mode(self) -> int:
        """Permissions of a file that nobody knows those of."""
        return VALIDATORS[self.validator].mode


@dataclass(frozen=True)
class Outcome:
    """What came of it; the fields are the module's results."""

    healthy: bool
    refused_at: list[str]
    source: str = ""
    proven: bool = False
    changed: bool = False
    changes: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    done: list[dict[str, Any]] = field(default_factory=list)
    found: list[Change] = field(default_factory=list, repr=False)


def look(wanted: Wanted) -> Outcome:
    """Ask the validator; raises UnusableTree, UnusableValidator."""
    for path in wanted.paths:
        require_roots_alone(path)
        if any(path != other and path.startswith(f"{other}/") for other in wanted.paths):
            raise UnusableTree(f"{path} is within another of the paths")
    verdict = validate(wanted.command())
    return Outcome(verdict.good, list(verdict.positions))


def make_good(wanted: Wanted, label: Callable[[str, str], None], *, only_look: bool) -> Outcome:
    """Put the first version in place that validates; raises NoGoodVersion, UnusableTree, UnusableValidator, OSError."""
    before = look(wanted)
    if before.healthy:
        return before
    now = {path: read_tree(path) for path in wanted.paths}
    tried, reasons = 0, []
    for name, read in _versions(wanted):
        try:
            good = read()
            found = [change for path, tree in good.items() for change in _changes(path, now[path], tree, wanted)]
        except UnusableTree as error:
            reasons.append(str(error).rstrip("."))
            continue
        if len(good) < len(wanted.paths) or not found:
            reasons.append(f"{name} {'is what is refused' if len(good) == len(wanted.paths) else 'lacks a part of it'}")
            continue
        tried += 1
        final = {path: merged(now[path], tree, remove_unknown=wanted.remove_unknown) for path, tree in good.items()}
        verdict = try_out(final, wanted.command(), wanted.new_mode)
        if verdict is not None and not verdict.good:
            reasons.append(_refusal(name, verdict))
            continue
        result = _with(before, name, found, proven=verdict is not None)
        if only_look:
            return result
        done = config_swap.apply(found, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), wanted.new_mode, label)
        try:
            verdict = validate(wanted.command())
        except BaseException:
            config_swap.take_back(done)
            raise
        if verdict.good:
            return _with(before, name, found, proven=True, done=done)
        config_swap.take_back(done)
        reasons.append(_refusal(name, verdict))
    where = f" at {before.refused_at[0]}" if before.refused_at else ""
    said = f": {'; '.join(reasons[:3])}" if reasons else ""
    raise NoGoodVersion(
        f"{wanted.validator} refuses what is there{where}, and no good version was found, {tried} could be tried{said}. "
        "Everything is as it was found"
    )


def undo(done: list[Done]) -> bool:
    """Take it back; raises OSError."""
    config_swap.take_back(done)
    return bool(done)


def _versions(wanted: Wanted) -> Iterator[tuple[str, Callable[[], dict[str, Tree]]]]:
    if wanted.backup_directory:
        for backup in backups(wanted.backup_directory, wanted.paths):
            yield backup.name, backup.trees
        return
    repository = Repository(wanted.repository or "")
    commit = repository.commit(wanted.revision)

    def read() -> dict[str, Tree]:
        found = {path: repository.tree(commit, path) for path in wanted.paths}
        return {path: tree for path, tree in found.items() if tree}

    yield f"commit {commit[:12]} of {wanted.repository}", read


def _changes(path: str, now: Tree | None, good: Tree, wanted: Wanted) -> list[Change]:
    return changes(path, now, good, remove_unknown=wanted.remove_unknown)


def _refusal(name: str, verdict: Verdict) -> str:
    return f"{name} is refused{' at ' + verdict.positions[0] if verdict.positions else ''}"


def _with(
    before: Outcome, source: str, found: list[Change], *, proven: bool, done: list[Done] | None = None
) -> Outcome:
    made = done or []
    return Outcome(
        healthy=False,
        refused_at=before.refused_at,
        source=source,
        proven=proven,
        changed=True,
        changes=[f"{change.action} {change.path}" for change in found],
        kept=[one.kept for one in made if one.kept],
        done=[asdict(one) for one in made],
        found=found,
    )


def differences(found: list[Change]) -> list[dict[str, str]]:
    """The text of each change, as Ansible's diff mode shows it."""
    return [
        {
            "before_header": change.path,
            "after_header": change.path,
            "before": _text(change.old),
            "after": _text(change.new),
        }
        for change in found
    ]


def _text(entry: Any) -> str:
    if entry is None:
        return ""
    return f"-> {entry.target}\n" if entry.content is None else str(entry.content.decode("utf-8", "replace"))


def _wanted(given: Mapping[str, Any]) -> Wanted:
    return Wanted(
        paths=list(dict.fromkeys(given["paths"])),
        validator=given["validator"],
        unit=given["unit"],
        repository=given["repository"],
        revision=given["revision"],
        backup_directory=given["backup_directory"],
        remove_unknown=given["unknown_files"] == "remove",
    )


def _run(module: AnsibleModule) -> dict[str, Any]:
    given, wanted = module.params, _wanted(module.params)
    if given["state"] == "undone":
        done = [Done(str(one["path"]), str(one["action"]), str(one["kept"]), int(one["mode"])) for one in given["done"]]
        return {"changed": bool(done) if module.check_mode else undo(done)}
    if given["state"] == "checked":
        seen = look(wanted)
        return {"changed": False, "healthy": seen.healthy, "refused_at": seen.refused_at}

    outcome = make_good(wanted, label_of_policy(module), only_look=module.check_mode)
    result = {name: value for name, value in vars(outcome).items() if name != "found"}
    return {**result, "diff": differences(outcome.found)} if module._diff else result  # noqa: SLF001 (Ansible names it so)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"choices": ["present", "checked", "undone"], "default": "present"},
            "paths": {"type": "list", "elements": "path", "required": True},
            "validator": {"choices": sorted(VALIDATORS), "required": True},
            "unit": {"default": ""},
            "repository": {"type": "path"},
            "revision": {"default": "HEAD"},
            "backup_directory": {"type": "path"},
            "unknown_files": {"choices": ["keep", "remove"], "default": "keep"},
            "done": {"type": "list", "elements": "dict", "default": []},
        },
        supports_check_mode=True,
    )
    given = module.params
    if given["state"] == "present" and bool(given["repository"]) == bool(given["backup_directory"]):
        module.fail_json(msg="Give either repository or backup_directory.")
    try:
        module.exit_json(**_run(module))
    except (NoGoodVersion, UnusableTree, UnusableValidator) as error:
        module.fail_json(msg=f"{str(error).rstrip('.')}.")
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'A file'}: {error.strerror or error}.")


if __name__ == "__main__":
    main()
