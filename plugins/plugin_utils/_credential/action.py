# SPDX-License-Identifier: GPL-3.0-or-later
"""What every action of a credential module does: check options, obtain or find, return paths and facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._run import live
from .._run.duration import duration
from .obtaining import obtain
from .order import UnusableOrder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from .._run.live import Live
    from .order import Order
    from .wallet import Credential

LONGEST_NAME = 32
NAME_FORM = "a-z, 0-9, dash and underscore, at most 32 of them, a letter first"


def handed_out(order: Order, running: Live | None = None) -> dict[str, object]:
    """Obtain or find what is ordered, as the result of a task: paths and facts, nothing secret.

    Raises:
        BreakglassError: It can't be had, and why.
    """
    run = running or live.current()
    credential, changed = obtain(run, order)
    return {"changed": changed, **described(run, credential)}


def described(run: Live, credential: Credential) -> dict[str, object]:
    """What a task is told of a credential."""
    directory = run.run.credential(credential.name)
    return {
        **{name: value for name, value in credential.facts.items() if name != "public_key"},
        "name": credential.name,
        "kind": credential.kind,
        "expires_at": credential.expires_at,
        "latest_end": credential.latest_end,
        "lease_id": credential.lease_id,
        "files": {name: str(directory / name) for name in credential.files},
    }


def credential_name(options: Mapping[str, object]) -> str:
    """The option `name`, which becomes the name of a directory; raises UnusableOrder."""
    name = str(options["name"])
    plain = name.isascii() and name.replace("-", "").replace("_", "").isalnum() and name == name.lower()
    if not (plain and name[:1].isalpha() and len(name) <= LONGEST_NAME) or name == "ssh":
        raise UnusableOrder(
            f"A credential must be named with {NAME_FORM}; ssh is the name of the run's SSH certificate."
        )
    return name


def longest(options: Mapping[str, object]) -> timedelta | None:
    """The option `ttl`; None when it is not given. Raises UnreadableDuration."""
    given = options.get("ttl")
    return duration(str(given)) if given else None


def texts(options: Mapping[str, object], name: str) -> tuple[str, ...]:
    """An option that is a list of texts."""
    values = options.get(name) or []
    return tuple(str(value) for value in values) if isinstance(values, list) else ()
