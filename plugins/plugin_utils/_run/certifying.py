# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH certificate of a run: a fresh key, a certificate for exactly these hosts, and the host CA to check them by."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from .._errors import BreakglassError
from .._vault.client import Client
from .._vault.connection import Connection
from .._vault.ssh import SshRequest, generate_key_pair, sign
from .turns import one_at_a_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._vault.ssh import SshCertificate
    from .directory import RunDirectory
    from .live import Live

STILL_USEFUL = timedelta(seconds=30)


class NoOpenGrant(BreakglassError):
    """Raised when a credential is asked for before a grant was opened."""


def certify(live: Live, hosts: Sequence[str]) -> dict[str, object]:
    """Return the run's certificate for these hosts, obtaining it if there is none: paths and facts, and `changed`.

    A run has one key and one certificate, at constant paths; for other hosts it is replaced.

    Raises:
        NoOpenGrant: There is no grant.
        BreakglassError: Vault refuses, or signed something else.
    """
    wanted = tuple(sorted(set(hosts)))
    facts_path = live.run.ssh / "certificate.json"
    with one_at_a_time(live.run):
        known = live.run.read_json(facts_path)
        if known is not None and _serves(known, wanted):
            return {"changed": False, **_paths(live.run), **known}
        facts = _facts(_obtain(live, wanted))
        live.run.write_json(facts_path, facts)
    return {"changed": True, **_paths(live.run), **facts}


def _facts(certificate: SshCertificate) -> dict[str, object]:
    return {
        "serial": str(certificate.serial),
        "principals": list(certificate.principals),
        "key_id": certificate.key_id,
        "valid_before": _text(certificate.valid_before),
        "expires_at": _text(certificate.valid_before),
    }


def _obtain(live: Live, hosts: tuple[str, ...]) -> SshCertificate:
    run = live.run
    grant = run.read_json(run.grant)
    connection = (grant or {}).get("connection")
    if grant is None or not isinstance(connection, dict):
        raise NoOpenGrant("This run has no open grant. Put a task with breakglass.remediation.grant before this one.")
    client = Client(Connection(**connection), run.token.read_text(encoding="utf-8"))
    pair = generate_key_pair()
    request = SshRequest(hosts, live.stream, timedelta(seconds=int(str(grant["time_box"]))))
    certificate = sign(client, str(grant["access"]), pair.public_key, request)
    run.write(run.key, pair.private_key.decode())
    run.write(run.certificate, certificate.text + "\n")
    run.write(run.known_hosts, f"@cert-authority {','.join(hosts)} {certificate.ca_public_key}\n")
    return certificate


def _serves(known: dict[str, object], wanted: tuple[str, ...]) -> bool:
    principals = known.get("principals")
    same = isinstance(principals, list) and sorted(principals) == list(wanted)
    return same and _moment(str(known["valid_before"])) - _now() > STILL_USEFUL


def _paths(run: RunDirectory) -> dict[str, object]:
    return {
        "private_key_path": str(run.key),
        "certificate_path": str(run.certificate),
        "known_hosts_path": str(run.known_hosts),
    }


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def _now() -> datetime:
    return datetime.now(tz=timezone.utc)
