# SPDX-License-Identifier: GPL-3.0-or-later
"""A client certificate of the CA that the listener trusts, for one of the names that the settings list."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


def refusal(names: frozenset[str], wanted: Collection[str]) -> str:
    """Why the names of the certificate do not prove it; empty if one does."""
    if names.isdisjoint(wanted):
        return "There is no client certificate, or it is for none of this source's names (client_certificates)."
    return ""
