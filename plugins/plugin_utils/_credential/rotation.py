# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret that is made anew where it comes from, and its new value in a file of this run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, ClassVar

from .._vault.errors import UnexpectedAnswer, VaultError
from . import forms
from .holding import Fate
from .order import Obtained, UnusableOrder

if TYPE_CHECKING:
    from .._journal.canonical import JsonValue
    from .._vault.client import Client
    from .._vault.rotation import Rotatable, Value

SHORTEST = 4
"""Characters: what is shorter is a word that texts need."""
FILES = {"environment": "environment", "json": "secret.json", "plain": "secret"}


class HalfRotation(UnexpectedAnswer):
    """Raised when the old secret may be gone and the new one was not seen."""


@dataclass(frozen=True)
class RotationOrder:
    """A new value of a secret, unless the one that is there is new enough.

    Attributes:
        name: What the run calls it.
        source: What is made anew.
        older_than: A value that is younger stays.
        form: One of FILES.
        key: The one value that `plain` writes.
        only_look: Whether nothing is made anew: check mode.
    """

    kind: ClassVar[str] = "rotation"
    name: str
    source: Rotatable
    older_than: timedelta
    form: str
    key: str
    only_look: bool

    def __post_init__(self) -> None:
        """Check what does not go together."""
        if self.form == "plain" and not self.key:
            raise UnusableOrder("format: plain writes one value of the secret, named by key.")

    @property
    def what(self) -> str:
        """What is asked for, in words."""
        return f"{'' if self.only_look else 'a new value of '}the secret {self.source.path}"

    def identity(self) -> dict[str, JsonValue]:
        """What makes it another order."""
        return {
            "path": self.source.path,
            "older_than": int(self.older_than.total_seconds()),
            "form": self.form,
            "key": self.key,
            "only_look": self.only_look,
        }

    def obtain(self, client: Client, left: timedelta) -> Obtained:  # noqa: ARG002 (a secret does not end with the grant)
        """Read it, have it made anew when it is due, and read it again.

        Raises:
            HalfRotation: It may have been made anew, and nobody has seen the new value.
            VaultError: Vault refuses or can't be asked; the value is the old one.
        """
        value = self.source.read(client)
        due = datetime.now(tz=timezone.utc) - value.since >= self.older_than
        if due and not self.only_look:
            value = self._rotated(client, value)
        number = f" (version {value.version})" if value.version else ""
        return Obtained(
            what=f"the secret {self.source.path}{number}",
            fate=Fate.READ,
            expires_at=None,
            facts={
                "rotated": due,
                "since": f"{value.since:%Y-%m-%dT%H:%M:%SZ}",
                "version": value.version,
                "key_names": sorted(value.values),
            },
            files={FILES[self.form]: self._content(value)},
            secrets=_masked(value),
        )

    def _rotated(self, client: Client, old: Value) -> Value:
        self._content(old)  # what can't be written must be known while the old value is still good
        try:
            self.source.rotate(client, old)
        except VaultError as error:
            if error.outcome_unknown:
                raise HalfRotation(
                    f"Nobody knows whether {self.source.path} was rotated: {error} Run it again: what is new is kept.",
                    error.failure,
                ) from None
            raise
        try:
            new = self.source.read(client)
        except VaultError as error:
            raise HalfRotation(
                f"{self.source.path} was rotated, the old value is gone, and the new one can't be read: {error} Run it "
                "again: what is new is kept.",
                error.failure,
            ) from None
        if new.values == old.values:
            raise HalfRotation(f"{self.source.path} is the same after its rotation. Look at its engine in Vault.")
        return new

    def _content(self, value: Value) -> bytes:
        if self.form == "environment":
            return forms.environment(value.values).encode()
        if self.form == "json":
            return forms.json_text(value.values).encode()
        return forms.plain(value.values, self.key).encode()


def _masked(value: Value) -> tuple[str, ...]:
    hidden = (text for name, text in value.values.items() if name not in value.public)
    return tuple(text for text in hidden if isinstance(text, str) and len(text) >= SHORTEST)
