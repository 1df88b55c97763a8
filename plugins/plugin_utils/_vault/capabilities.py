# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rights a token has, asked instead of tried, and which rights a text of a policy gives.

Source: https://openbao.org/api-docs/system/capabilities-self/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from .answer import section, texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .client import Client

DENY: Final = frozenset({"deny"})
_RULE: Final = re.compile(r'^path "([^"]+)"\s*\{\s*capabilities\s*=\s*\[([^\]]*)\]', re.MULTILINE)
_WORD: Final = re.compile(r'"([a-z]+)"')
_SAMPLE: Final = "breakglass-doctor"


def capabilities(client: Client, paths: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return what the client's own token may do at each path; `deny` alone is nothing.

    Parameters that a policy requires or forbids are not told.

    Raises:
        DeniedByVault: The token may not ask, or is dead.
        VaultError: Vault can't be asked.
    """
    wanted = list(dict.fromkeys(paths))
    found = section(client.ask("sys/capabilities-self", {"paths": wanted}), "data")
    return {path: frozenset(texts(found, path)) or DENY for path in wanted}


def rights_of(policy: str) -> Mapping[str, frozenset[str]]:
    """Return the paths of one of our own policies (`policies.py`) with their capabilities; a pattern gives a sample of it."""
    return {path.replace("*", _SAMPLE): frozenset(_WORD.findall(words)) for path, words in _RULE.findall(policy)}
