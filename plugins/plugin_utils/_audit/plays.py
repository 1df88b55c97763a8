# SPDX-License-Identifier: GPL-3.0-or-later
"""What is recorded of a play, of an include and of a handler that is told: an allow-list."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .fields import TEXT_LIMIT, plain
from .tasks import hosts_of, role_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._journal.redaction import Redactor


def play_fields(play: object, batch: int, redactor: Redactor) -> dict[str, object]:
    """Its name, its hosts, and how it goes through them; `batch` counts the serial batches of one play from 1."""
    fields: dict[str, object] = {
        "play": redactor.field(plain(play.get_name()).strip(), TEXT_LIMIT),  # type: ignore[attr-defined]
        "batch": batch,
    }
    if identity := getattr(play, "_uuid", None):
        fields["id"] = plain(identity)
    if isinstance(strategy := getattr(play, "strategy", None), str):
        fields["strategy"] = redactor.field(plain(strategy), TEXT_LIMIT)
    if serial := getattr(play, "serial", None):
        fields["serial"] = [plain(one) for one in serial] if isinstance(serial, (list, tuple)) else [plain(serial)]
    for name in ("check_mode", "become"):
        if getattr(play, name, None) is True:
            fields[name] = True
    with suppress(Exception):  # inventories are plugins of other people; the intents name each host
        fields |= hosts_of(_hosts(play), redactor)
    return fields


def include_fields(included: object, redactor: Redactor) -> dict[str, object]:
    """Which file or role was included for which hosts, and by which task."""
    task = getattr(included, "_task", None)
    fields: dict[str, object] = {}
    if identity := getattr(task, "_uuid", None):
        fields["task"] = plain(identity)
    if not getattr(task, "no_log", False):
        what = str(getattr(included, "_filename", "") or "")
        if getattr(included, "_is_role", False):
            fields["role"] = redactor.field(what, TEXT_LIMIT)
        else:
            fields["file"] = redactor.field(Path(what).name, TEXT_LIMIT)
    hosts: Iterable[object] = getattr(included, "_hosts", None) or ()
    return {**fields, **hosts_of([str(host) for host in hosts], redactor)}


def role_fields(role: object, redactor: Redactor) -> dict[str, object]:
    """A role whose first task starts: its name and the digest of what is in it, or why there is none."""
    from .contents import role_digest  # noqa: PLC0415 (needed once a role)

    fields: dict[str, object] = {"role": redactor.field(role_name(role), TEXT_LIMIT)}
    try:
        fields["digest"] = role_digest(Path(str(role._role_path)))  # type: ignore[attr-defined]  # noqa: SLF001
    except (OSError, AttributeError) as error:
        fields["unreadable"] = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
    return fields


def _hosts(play: object) -> list[str]:
    """The hosts of this batch: Ansible's inventory is restricted to them when the play starts."""
    variables = play.get_variable_manager()  # type: ignore[attr-defined]
    inventory = getattr(variables, "_inventory", None)
    return [plain(host.get_name()) for host in inventory.get_hosts(play.hosts)]  # type: ignore[union-attr,attr-defined]
