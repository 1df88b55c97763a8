# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes along with a session: database users of its own, in files on its host, renewed while it lasts, dropped at its end.

Only what dies with the grant goes along: a secret that is read lives on, and a terminal shows it to everybody who may read the record.
A database that can't be had is no reason to keep anybody from the host: it may be what they come to mend.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.database import (
    CLIENTS,
    DatabaseOrder,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.renewal import is_due
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.wallet import moment_of

from breakglass.credential_files import ANYWHERE, name_of, variable, variables
from breakglass.errors import BreakglassError
from breakglass.sessions.on_host import AT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.wallet import Credential

    from breakglass.domain.incident import Incident
    from breakglass.domain.rules import VaultCredential
    from breakglass.sessions.purse import Purse

DATABASE: Final = "database"


@dataclass
class Along:
    """Database users of one session under one grant.

    Attributes:
        purse: Where the grant is.
        incident: Of the grant.
        ends: When the grant is over.
        users: What is held of them; renewed ones take the place of those before.
        files: Their files by path, below a directory that the host chooses and that is called AT in them.
        untold: What the person is to be told of them.
    """

    purse: Purse
    incident: str
    ends: datetime | None = None
    users: list[Credential] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict, repr=False)
    untold: list[str] = field(default_factory=list)
    _not_renewed: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, purse: Purse, incident: Incident, opens: Iterable[VaultCredential]) -> Along:
        """Have one made for each database role that the access opens. What can't be made is told, and left out."""
        made = cls(purse, incident.id, incident.attempt.expires_at)
        names: list[str] = []
        for one in opens:
            if one.kind == DATABASE:
                names.append(name_of(one.name, one.kind, names))
                made._add(names[-1], one)
        return made

    @property
    def for_keeper(self) -> dict[str, object]:
        """For the program on the host: files, and the variables that name them, below AT."""
        files = [(name, file) for name, _, file in (path.partition("/") for path in self.files)]
        return {"files": self.files, "variables": variables(AT, files)} if self.files else {}

    def renew(self, now: datetime) -> None:
        """Renew what is due; what can't be is told once, and tried again. Never raises."""
        for number, user in enumerate(self.users):
            if self.ends is None or not is_due(user, self.ends, now):
                continue
            try:
                self.users[number] = self.purse.renew(self.incident, user)
                self._not_renewed.discard(user.id)
            except BreakglassError as error:
                if user.id not in self._not_renewed:
                    self._not_renewed.add(user.id)
                    until = f"{moment_of(user.expires_at):%H:%M:%S} UTC"
                    self.untold.append(f"{user.what} can't be renewed, and is dropped at {until}: {error}")

    def drop(self) -> list[str]:
        """Have them dropped now; the names of those that are. Closing the grant drops the others. Never raises."""
        dropped = []
        for user in self.users:
            try:
                self.purse.drop(self.incident, user)
            except BreakglassError:
                continue
            dropped.append(str(user.facts["username"]))
        self.users.clear()
        return dropped

    def _add(self, name: str, wanted: VaultCredential) -> None:
        order = DatabaseOrder(name, wanted.mount, wanted.name, CLIENTS, Path(AT, name), ANYWHERE)
        role = f"{wanted.mount}/{wanted.name}"
        try:
            user, files = self.purse.obtain(self.incident, order)
        except BreakglassError as error:
            self.untold.append(f"no database user of {role}: {error} The session goes on without it.")
            return
        self.users.append(user)
        self.files |= {f"{name}/{file}": content.decode() for file, content in files.items()}
        self.untold.append(f"you hold {user.what} ({role}); {_how(name)}. It is dropped when this session ends.")


def _how(name: str) -> str:
    """By which variables it is found."""
    return f"its files: ${variable(name, 'pgpass')}, ${variable(name, 'my.cnf')}"
