# SPDX-License-Identifier: GPL-3.0-or-later
"""The key that signs the journal: there, and of the kind that it must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import DeniedByVault, MissingPath
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import JOURNAL_KEY, JOURNAL_KEY_PATH
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.wanted import desired

from breakglass.doctor.findings import Finding, ok, wrong
from breakglass.doctor.known import SESSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.doctor.known import Known

ABOUT = "signing key"


def look(known: Known) -> Iterator[Finding]:
    """Read what it is, which is nothing secret."""
    try:
        fields = section(known[SESSION].get(JOURNAL_KEY_PATH), "data")
    except (MissingPath, DeniedByVault) as error:
        yield wrong(ABOUT, f"{error} Without it the journal is not signed: breakglass vault apply")
        return
    (key,) = (one for one in desired([]) if one.path == JOURNAL_KEY_PATH)
    other = [name for name, value in key.must_be if fields.get(name) != value]
    if other:
        yield wrong(
            ABOUT,
            f"{JOURNAL_KEY_PATH} is another kind of key: {', '.join(other)}. Move it away, then breakglass vault apply",
        )
    else:
        yield ok(ABOUT, f"{JOURNAL_KEY} v{fields.get('latest_version')}, Ed25519, can't be exported")
