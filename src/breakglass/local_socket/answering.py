# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of the runner at its socket, and what it answers. Who asks is known; what is asked is checked like any input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.holding import Target
from breakglass.local_socket.wire import Unheard, hold_said, scope, text, texts
from breakglass.people import user_named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from breakglass.holding import Holding

    Asked = Mapping[str, object]


def answer(holding: Holding, user: int, asked: Asked) -> dict[str, object]:
    """Do what is asked as this user; raises BreakglassError, and nothing was changed then."""
    verb = _VERBS.get(text(asked, "verb"))
    if verb is None:
        raise Unheard("This runner does not know that word: the command is of another version. Use the runner's own.")
    return verb(holding, user_named(user, text(asked, "caller")), asked)


def _hold(holding: Holding, person: str, asked: Asked) -> dict[str, object]:
    return {"holds": [hold_said(hold) for hold in holding.set(_target(asked), text(asked, "reason"), person)]}


def _lift(holding: Holding, person: str, asked: Asked) -> dict[str, object]:
    return {"holds": [hold_said(hold) for hold in holding.lift(_target(asked), text(asked, "reason"), person)]}


def _holds(holding: Holding, _person: str, _asked: Asked) -> dict[str, object]:
    return {"holds": [hold_said(hold) for hold in holding.standing()]}


def _revoke(holding: Holding, person: str, asked: Asked) -> dict[str, object]:
    return {"incidents": holding.revoke(text(asked, "incident"), text(asked, "reason"), person)}


def _revoke_all(holding: Holding, person: str, asked: Asked) -> dict[str, object]:
    return {"incidents": holding.revoke_all(text(asked, "reason"), person)}


def _grants(holding: Holding, _person: str, asked: Asked) -> dict[str, object]:
    return {"grants": [end._asdict() for end in holding.grants(texts(asked, "incidents"))]}


def _target(asked: Asked) -> Target:
    names = tuple(texts(asked, "names"))
    everything = scope(asked).value == "all"
    if not names or everything != (names == ("",)) or (not everything and not all(names)):
        raise Unheard("names do not fit their scope.")
    return Target(scope(asked), names)


_VERBS: dict[str, Callable[[Holding, str, Asked], dict[str, object]]] = {
    "hold": _hold,
    "lift": _lift,
    "holds": _holds,
    "revoke": _revoke,
    "revoke-all": _revoke_all,
    "grants": _grants,
}
