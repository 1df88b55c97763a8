# SPDX-License-Identifier: GPL-3.0-or-later
"""What to look at when a host is unreachable because it did not accept our certificate, or we did not accept its own. Pure.

sshd tells a client no more than `Permission denied`. Why it did stands in its own log: `Certificate invalid: expired` or `not yet valid` by the
host's clock, `does not contain an authorized principal`, or nothing at all where the CA is not one that it trusts (OpenSSH 9.2, tried).
Of a host's certificate our own ssh says what is wrong, by the clock of this machine.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .._credential.wallet import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from .._journal.canonical import JsonValue

OURS = "ssh"
"""The name of the one certificate with which a run logs in to hosts."""
REFUSED = re.compile(r"Permission denied \([a-z,-]{1,100}\)")
UNPROVEN = "Host key verification failed"
ENDED = "Certificate invalid: expired"
NOT_BEGUN = "Certificate invalid: not yet valid"


def advice_on(message: str, host: str, shown: Mapping[str, JsonValue], now: datetime) -> str:
    """Say what a certificate had to do with it, and where to look; empty when it had nothing.

    Args:
        message: What Ansible said of the unreachable host; not trusted, and nothing of it but sshd's own few words is repeated.
        host: Its inventory name, fit to be shown.
        shown: The facts of the certificate that the run has.
        now: By this machine's clock (UTC).
    """
    if found := REFUSED.search(message):
        return f"{host} refused the login, {found[0]}, {_of_ours(host, shown, now)}"
    return f"{host} did not prove itself{_of_theirs(host, message)}" if UNPROVEN in message else ""


def _of_ours(host: str, shown: Mapping[str, JsonValue], now: datetime) -> str:
    begin, end, principals = str(shown.get("valid_after")), str(shown.get("valid_before")), shown.get("principals")
    if isinstance(principals, list) and host not in principals:
        return (
            f"with a certificate that is not for it, but for {', '.join(map(str, principals))}. "
            "Name every host that the play goes to in the task ssh_certificate."
        )
    if end <= text_of(now):
        return (
            f"with a certificate that ended at {_clock(end)} UTC. Take a longer time box; where it should have been signed anew, "
            "credential.not_renewed in the journal says why it was not."
        )
    return (
        f"with a certificate valid from {_clock(begin)} to {_clock(end)} UTC. Look at its clock first: date -u there. If that is "
        "right, its sshd lacks our CA or its own principal: prepare_hosts mends both. More there: journalctl -u ssh."
    )


def _of_theirs(host: str, message: str) -> str:
    if ENDED in message:
        return (
            ": its host certificate has ended by this machine's clock. If date -u is right here, certify it anew with the playbook "
            "prepare_hosts."
        )
    if NOT_BEGUN in message:
        return (
            ": its host certificate is not valid yet by this machine's clock, so this clock is behind that of Vault. "
            "Set it right: date -u, NTP."
        )
    return (
        f" with a certificate of our CA for the name {host}. If it was made anew, certify it with the playbook prepare_hosts; "
        "if not, find out who answers at its address."
    )


def _clock(moment: str) -> str:
    return moment[11:19]
