# SPDX-License-Identifier: GPL-3.0-or-later
"""The command's end: the same buttons as `Holding`, pressed in the runner over its socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breakglass.errors import BreakglassError
from breakglass.holding import PATIENCE_SECONDS
from breakglass.local_socket.wire import Unheard, end_heard, hear, hold_heard, objects, say, text, texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from breakglass.domain.holds import Hold
    from breakglass.holding import GrantsEnd, Target
    from breakglass.local_socket.place import Place

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = PATIENCE_SECONDS + 10


class NobodyListens(BreakglassError):
    """Raised when no runner answers at the socket: none works here, or it hangs."""


class RefusedByRunner(BreakglassError):
    """Raised with the runner's own sentence, or when the machine does not let this user come near the socket."""


@dataclass(frozen=True)
class AskRunner:
    """The runner at a socket; every method raises NobodyListens, RefusedByRunner.

    Attributes:
        place: Where its socket is.
        caller: Who has called root by sudo; believed from root alone.
    """

    place: Place
    caller: str = ""

    def set(self, target: Target, reason: str) -> list[Hold]:
        """As `Holding.set`."""
        return self._holds({"verb": "hold", **_said(target), "reason": reason})

    def lift(self, target: Target, reason: str) -> list[Hold]:
        """As `Holding.lift`."""
        return self._holds({"verb": "lift", **_said(target), "reason": reason})

    def standing(self) -> list[Hold]:
        """As `Holding.standing`."""
        return self._holds({"verb": "holds"})

    def revoke(self, incident: str, reason: str) -> list[str]:
        """As `Holding.revoke`."""
        return texts(self._ask({"verb": "revoke", "incident": incident, "reason": reason}), "incidents")

    def revoke_all(self, reason: str) -> list[str]:
        """As `Holding.revoke_all`."""
        return texts(self._ask({"verb": "revoke-all", "reason": reason}), "incidents")

    def grants(self, incidents: Sequence[str]) -> list[GrantsEnd]:
        """As `Holding.grants`."""
        return [end_heard(end) for end in objects(self._ask({"verb": "grants", "incidents": [*incidents]}), "grants")]

    def _holds(self, asked: dict[str, object]) -> list[Hold]:
        return [hold_heard(hold) for hold in objects(self._ask(asked), "holds")]

    def _ask(self, asked: dict[str, object]) -> dict[str, object]:
        path = self.place.path
        try:
            with self.place.connect(CONNECT_SECONDS) as connection:
                say(connection, {**asked, "caller": self.caller}, CONNECT_SECONDS)
                answer = hear(connection, ANSWER_SECONDS)
        except PermissionError as error:
            raise RefusedByRunner(
                f"This user may not come near the runner's socket {path}. Root, the runner's own user and members of "
                "`socket.group` may; nothing was changed."
            ) from error
        except OSError as error:
            raise NobodyListens(f"No runner answers at {path} ({error.strerror or error}).") from error
        except Unheard as error:
            raise NobodyListens(f"The runner at {path} does not answer. {error}") from error
        if refused := text(answer, "refused"):
            raise RefusedByRunner(refused)
        return answer


def _said(target: Target) -> dict[str, object]:
    return {"scope": target.scope.value, "names": list(target.names)}
