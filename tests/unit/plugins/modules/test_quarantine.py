# SPDX-License-Identifier: GPL-3.0-or-later
"""What a quarantine leaves open, and what makes it last."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.breakglass.remediation.plugins.module_utils.quarantine_rules import MARK
from ansible_collections.breakglass.remediation.plugins.module_utils.ssh_origin import Origin
from ansible_collections.breakglass.remediation.plugins.modules import quarantine

CAME = Origin("192.0.2.10", 40000, 22)


def _asked(**given: object) -> dict[str, Any]:
    nothing: dict[str, object] = {"controllers": [], "ssh_port": 0, "monitors": [], "log_sinks": []}
    return {**nothing, "monitor_ports": [9100], "log_ports": [514], **given}


def test_without_a_word_it_is_the_way_that_the_run_came() -> None:
    """Address and port are those of the connection, never a guess."""
    opened = quarantine.openings_of(_asked(), Origin("2001:db8::1", 40000, 2222))
    assert (opened.controllers, opened.ssh_port) == (("2001:db8::1",), 2222)


def test_addresses_are_brought_into_one_form() -> None:
    """The same address twice, or written in another way, is one; IPv4 in IPv6 is IPv4."""
    asked = _asked(controllers=["::ffff:192.0.2.10", "192.0.2.10", "2001:DB8:0::1"], monitors=["192.0.2.20"])
    opened = quarantine.openings_of(asked, CAME)
    assert opened.controllers == ("192.0.2.10", "2001:db8::1")
    assert opened.monitors == ("192.0.2.20",)


@pytest.mark.parametrize(
    "given", [{"controllers": ["192.0.2.11"]}, {"ssh_port": 2222}, {"monitors": ["web1"]}, {"log_sinks": ["0.0.0.0/0"]}]
)
def test_what_shuts_the_run_out_or_is_no_address_is_refused(given: dict[str, object]) -> None:
    """Before anything is loaded."""
    with pytest.raises(quarantine.Shortfall):
        quarantine.openings_of(_asked(**given), CAME)


def test_it_is_loaded_before_the_network_and_after_every_flush() -> None:
    """The unit comes before the network and has nothing to do when it stops; the drop-in loads at start, reload and stop."""
    made = quarantine.files("rules", "/usr/sbin/nft")
    unit, drop_in = made[quarantine.UNIT], made[quarantine.DROP_IN]
    assert "\nBefore=network-pre.target shutdown.target\n" in unit
    assert "\nAfter=nftables.service\n" in unit
    assert "ExecStop" not in unit
    load = f"/usr/sbin/nft -f {quarantine.RULES}"
    for word in ("ExecStartPost", "ExecReload", "ExecStopPost"):
        assert f"\n{word}={load}\n" in drop_in
    assert all(text.startswith(MARK) for path, text in made.items() if path != quarantine.RULES)
