# SPDX-License-Identifier: GPL-3.0-or-later
"""A refused login leads to the clock, the principal, the CA; what has nothing to do with certificates is left alone."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._audit.refused_logins import advice_on

from breakglass.domain.text import LONGEST

NOW: Final = datetime(2026, 11, 22, 3, 0, 0, tzinfo=timezone.utc)
SHOWN: Final = {
    "valid_after": "2026-11-22T02:59:30Z",
    "valid_before": "2026-11-22T03:10:00Z",
    "principals": ["web1", "web2"],
}
DENIED: Final = (
    'Task failed: Data could not be sent to remote host "192.0.2.7". Make sure this host can be reached over ssh: '
    "breakglass@192.0.2.7: Permission denied (publickey)."
)
UNPROVEN: Final = (
    "No ED25519 host key is known for web1 and you have requested strict checking.\r\nHost key verification failed."
)


def test_a_refused_certificate_leads_to_the_clock_first() -> None:
    """What was shown, until when it is valid, and the three reasons, in an order that one can follow; whoever is woken sees all of it."""
    advice = advice_on(DENIED, "web1", SHOWN, NOW)
    assert advice == (
        "web1 refused the login, Permission denied (publickey), with a certificate valid from 02:59:30 to 03:10:00 UTC. Look at its "
        "clock first: date -u there. If that is right, its sshd lacks our CA or its own principal: prepare_hosts mends both. "
        "More there: journalctl -u ssh."
    )
    assert len(advice) + 30 <= LONGEST  # also for a host with a long name


def test_a_certificate_for_others_is_said_to_be_that() -> None:
    """Nobody needs to look at a host that was not named when the certificate was asked for."""
    advice = advice_on(DENIED, "db1", SHOWN, NOW)
    assert "with a certificate that is not for it, but for web1, web2." in advice
    assert "clock" not in advice


def test_a_certificate_that_has_ended_is_said_to_be_that() -> None:
    """Nobody needs to look at a host that was right."""
    advice = advice_on(DENIED, "web1", SHOWN, NOW + timedelta(minutes=10))
    assert "with a certificate that ended at 03:10:00 UTC. Take a longer time box" in advice
    assert "date -u" not in advice


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "Certificate invalid: expired",
            "its host certificate has ended by this machine's clock. If date -u is right here",
        ),
        ("Certificate invalid: not yet valid", "so this clock is behind that of Vault"),
        ("", "did not prove itself with a certificate of our CA for the name web1"),
    ],
)
def test_a_host_that_does_not_prove_itself(said: str, words: str) -> None:
    """Our own ssh says what is wrong with its certificate, by our own clock."""
    advice = advice_on(f"{said}\r\n{UNPROVEN}", "web1", SHOWN, NOW)
    assert advice.startswith("web1 did not prove itself")
    assert words in advice


@pytest.mark.parametrize(
    "message",
    [
        "",
        "Failed to connect to the host via ssh: ssh: connect to host 192.0.2.7 port 22: Connection refused",
        "Failed to create temporary directory. /root: Permission denied",
        "Permission denied (; rm -rf /)",
    ],
)
def test_what_has_nothing_to_do_with_certificates(message: str) -> None:
    """It gets no advice, which could only lead astray."""
    assert advice_on(message, "web1", SHOWN, NOW) == ""


def test_nothing_of_what_a_host_said_is_repeated_but_the_words_of_sshd() -> None:
    """A banner is a text of others."""
    advice = advice_on(f"call 555 and run this\n{DENIED}\n{UNPROVEN}", "web1", SHOWN, NOW)
    assert "555" not in advice
