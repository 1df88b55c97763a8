# SPDX-License-Identifier: GPL-3.0-or-later
"""What a case says of grants and credentials: what was opened, what was obtained, and the end of each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.holding import Fate, holdings
from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal_forms.about import plain

from breakglass.report.case import Case, CredentialLife, Grant
from breakglass.telling import remains

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.holding import Holding
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._journal.record import Record

    from breakglass.timeline import Event


def grant_minted(case: Case, event: Event) -> None:
    """Take a grant that was minted or opened."""
    body = event.body
    grant = Grant(plain(body.get("accessor")), event.at, plain(body.get("expires_at")), plain(body.get("access")))
    case.grants.append(grant)
    case.access = case.access or grant.access
    take_why(case, body)
    identity = [text for name in ("vault_entity", "vault_login") if (text := plain(body.get(name)))]
    if identity:
        case.facts["Vault identity"] = ", ".join(identity)


def grant_not_minted(case: Case, event: Event) -> None:
    """Take a grant that Vault did not give."""
    case.refusals.append(f"no grant: {plain(event.body.get('why'))}")


def _grant_of(case: Case, event: Event) -> Grant:
    """The grant that a record of its end is about; one that nobody saw being opened counts, too."""
    accessor = plain(event.body.get("accessor"))
    known = next((grant for grant in reversed(case.grants) if grant.accessor == accessor), None)
    if known is None:
        known = Grant(accessor, event.at, "")
        case.grants.append(known)
    return known


def grant_revoked(case: Case, event: Event) -> None:
    """Take the proof that a grant is gone."""
    grant = _grant_of(case, event)
    if event.body.get("proven") is True:
        grant.proven_at, grant.remains = event.at, remains(dict(event.body))
    else:
        grant.why = plain(event.body.get("why")) or "its revocation was not proven"


def grant_not_proven_gone(case: Case, event: Event) -> None:
    """Take why a grant is not proven gone."""
    _grant_of(case, event).why = plain(event.body.get("why"))


def take_why(case: Case, said: Mapping[str, object]) -> None:
    """Take the reason and the ticket that somebody gave."""
    for name in ("reason", "ticket"):
        if text := plain(said.get(name)):
            case.facts[name] = text


def credential_refused(case: Case, event: Event) -> None:
    """Take a credential that Vault did not give."""
    case.refusals.append(f"credential {plain(event.body.get('credential'))}: {plain(event.body.get('why'))}")


def take_credentials(case: Case, records: Sequence[Record], now: datetime) -> None:
    """Take the credentials and their ends, as of `now`; the grants are taken already."""
    streams: dict[str, list[Record]] = {}
    for record in records:
        if record.kind.startswith("credential."):
            streams.setdefault(record.origin, []).append(record)
    for stream in streams.values():
        asked = {str(record.body.get("credential")): record for record in reversed(stream)}  # as `holdings` does
        for held in holdings(stream):
            at = datetime.fromisoformat(asked[held.id].at).astimezone(UTC)
            until = held.latest_end if _may_live(held, case) else ""
            case.credentials.append(CredentialLife(held.what, held.kind, at, _end(held, case, now), until))


def _may_live(held: Holding, case: Case) -> bool:
    """Whether nothing has ended it, as far as anybody knows; what was only read has no life."""
    if held.fate is Fate.READ:
        return False
    return held.fate is not Fate.REVOKED or not case.grants or any(grant.proven_at is None for grant in case.grants)


def _end(held: Holding, case: Case, now: datetime) -> str:
    """What became of a credential, in a sentence; what hangs on a grant is as gone as the grant is."""
    until = held.latest_end
    lives = "lives" if until > f"{now:%Y-%m-%dT%H:%M:%SZ}" else "lived"
    if held.fate is None:
        return f"nobody knows whether it was made; if it was, it {lives} until {until} at most"
    if held.fate is Fate.LIVES:
        return f"{lives} until {until}; nothing could take it back"
    if held.fate is Fate.READ:
        return "was read, which nothing undoes"
    proven = [grant.proven_at for grant in case.grants if grant.proven_at]
    if proven and all(grant.proven_at for grant in case.grants):
        return f"revoked, proven at {max(proven):%Y-%m-%dT%H:%M:%SZ}"
    return f"NOT PROVEN GONE; {lives} until {until} at most"
