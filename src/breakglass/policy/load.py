# SPDX-License-Identifier: GPL-3.0-or-later
"""Load a policy: read, type, compile, check; every problem is found in one go, with file and line."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from .check import Checker, Surroundings
from .check_approvals import ApprovalChecker
from .check_cases import CaseChecker
from .check_drills import DrillChecker
from .check_maintenance import WindowChecker
from .check_people import PeopleChecker
from .check_previews import PreviewChecker
from .check_requests import RequestChecker
from .compile import Compiler
from .merge import read_policy_files
from .model import PolicyDocument
from .problems import FileProblems, Place, PolicyErrors, Problem
from .validation import Mismatch, validate, validate_plain
from .yaml_text import Entries, Items, Plain, Text, place_of, plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from breakglass.domain.rules import Policy
    from breakglass.remediations import Remediations

_LISTS = ("triggers", "requests", "maintenance", "drills", "tests")


class _Checker(Protocol):
    def problems(self) -> Iterable[Problem]: ...


Faults = list[tuple[tuple[int | str, ...], Problem]]


def load_policy(
    path: Path,
    *,
    channels: Collection[str] | None,
    remediations: Remediations,
    groups: Collection[str] | None,
    has_prometheus: bool = True,
    of_jobs: Collection[str] = (),
) -> Policy:
    """Load the policy of a file, or of a directory with one file per team.

    Args:
        path: The file or directory.
        channels: Names of the settings' channels; None leaves the check of them out.
        remediations: The roles that are installed.
        groups: Groups of the inventory; None leaves the check of `access.hosts` out.
        has_prometheus: Whether the settings name one; without them nobody knows, and a probe is no problem.
        of_jobs: Accesses of the settings whose plays are jobs of AWX.

    Raises:
        PolicyErrors: with every problem that was found.
    """
    try:
        root, problems = read_policy_files(path)
    except FileProblems as error:
        raise PolicyErrors(error.problems) from None
    document, kept, faults = _typed(root)
    problems.extend(problem for _, problem in faults)

    def place(where: tuple[int | str, ...]) -> Place:
        return place_of(root, where)

    def item_place(section: str, number: int, where: tuple[str, ...]) -> Place:
        return place_of(root, (section, kept[section][number], *where))

    compiler = Compiler(document, item_place)
    policy = compiler.compile(channels or ())
    around = Surroundings(
        channels=channels,
        remediations=remediations.stating(policy.behaviours),
        groups=groups,
        access=_names(root, "access"),
        escalations=_names(root, "escalations"),
        default_escalation_known=not any(where[:1] == ("defaults",) for where, _ in faults),
        triggers=_item_names(root, "triggers"),
        has_prometheus=has_prometheus,
        approvals=_names(root, "approvals"),
        of_jobs=of_jobs,
    )
    problems.extend(compiler.problems)
    checkers: tuple[_Checker, ...] = (
        Checker(policy, around, place, partial(item_place, "triggers")),
        PreviewChecker(policy, around, partial(item_place, "triggers")),
        RequestChecker(policy, around, partial(item_place, "requests")),
        ApprovalChecker(policy, around, place, partial(item_place, "triggers"), partial(item_place, "requests")),
        PeopleChecker(policy.people, place),
        DrillChecker(policy, around, partial(item_place, "drills")),
        WindowChecker(policy, around, partial(item_place, "maintenance")),
        CaseChecker(policy, around, partial(item_place, "tests")),
    )
    problems.extend(problem for checker in checkers for problem in checker.problems())
    if problems:
        raise PolicyErrors(problems)
    return policy


def _typed(root: Entries) -> tuple[PolicyDocument, dict[str, list[int]], Faults]:
    """Type the document; on faults, what is sound of it, so that the rest can be checked too.

    Gives the document, the place of each of its entries in the lists as they are written, and the faults.
    """
    try:
        document = validate(PolicyDocument, root)
    except Mismatch as error:
        sound, kept = _sound_parts(root, error.faults)
        return validate_plain(PolicyDocument, sound), kept, error.faults
    return document, {name: list(range(len(getattr(document, name)))) for name in _LISTS}, []


def _sound_parts(root: Entries, faults: Faults) -> tuple[dict[str, Plain], dict[str, list[int]]]:
    """Take out each section that is broken as a whole, each entry with a fault, and the faulty lines of `defaults`."""
    whole = {where[0] for where, _ in faults if len(where) == 1}
    entries = {where[:2] for where, _ in faults}
    sound: dict[str, Plain] = {"version": "1"}
    kept: dict[str, list[int]] = {name: [] for name in _LISTS}
    for section, (_, node) in root.children.items():
        if section in whole or section == "version":
            continue
        if isinstance(node, Items):
            kept[section] = [n for n in range(len(node.children)) if (section, n) not in entries]
            sound[section] = [plain(node.children[n]) for n in kept[section]]
        elif isinstance(node, Entries) and section != "defaults":
            sound[section] = {k: plain(v) for k, (_, v) in node.children.items() if (section, k) not in entries}
        else:
            sound[section] = _without(plain(node), [where[1:] for where, _ in faults if where[0] == section])
    return sound, kept


def _without(content: Plain, paths: list[tuple[int | str, ...]]) -> Plain:
    if not isinstance(content, dict):
        return content
    whole = {where[0] for where in paths if len(where) == 1}
    return {
        key: _without(child, [where[1:] for where in paths if where[0] == key])
        for key, child in content.items()
        if key not in whole
    }


def _names(root: Entries, section: str) -> list[str]:
    node = root.children[section][1] if section in root.children else None
    return list(node.children) if isinstance(node, Entries) else []


def _item_names(root: Entries, section: str) -> list[str]:
    node = root.children[section][1] if section in root.children else None
    items = (
        [item.children.get("name") for item in node.children if isinstance(item, Entries)]
        if isinstance(node, Items)
        else []
    )
    return [name[1].content or "" for name in items if name and isinstance(name[1], Text)]
