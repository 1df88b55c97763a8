# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds a secret stays in this process: it shows none in its repr and can't be pickled."""

from __future__ import annotations

from .errors import UnusableRequest


class KeptInProcess:
    """Base of values with a secret inside. Their secret fields are `field(repr=False)`; pickling is refused here."""

    def __reduce__(self) -> str:
        """Refuse to be pickled: the secret would leave the process that way."""
        raise UnusableRequest(f"A {type(self).__name__} can't be pickled, because the secret in it would be.")
