# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of a quarantine: what they let through, and what tells two rulesets apart."""

from __future__ import annotations

import json

from ansible_collections.breakglass.remediation.plugins.module_utils.quarantine_rules import (
    TABLE,
    Openings,
    others,
    ours,
    rules,
)

CONTROLLER = Openings(("192.0.2.10",), 22)


def _listing(*entries: object) -> str:
    return json.dumps({"nftables": [{"metainfo": {"version": "1.0.6"}}, *entries]})


def test_every_chain_drops_and_comes_first() -> None:
    """Three hooks, each with the lowest priority that there is and the policy to drop; what is forwarded has no exception."""
    text = rules(CONTROLLER)
    for hook in ("input", "output", "forward"):
        assert f"type filter hook {hook} priority -2147483648; policy drop;" in text
    assert "accept" not in text.partition("chain passing")[2]


def test_only_ssh_of_the_controller_and_loopback_pass() -> None:
    """Nothing is accepted because it was there before, and a reply is no beginning."""
    text = rules(CONTROLLER)
    accepted = [line.strip() for line in text.splitlines() if line.endswith("accept")]
    assert accepted == [
        'iif "lo" accept',
        "ip saddr { 192.0.2.10 } tcp dport { 22 } accept",
        'oif "lo" accept',
        "ip daddr { 192.0.2.10 } tcp sport { 22 } tcp flags & (syn | ack) != syn accept",
    ]
    assert " ct " not in text


def test_the_table_is_replaced_in_one_transaction() -> None:
    """The file makes the table if it is not there, deletes it and makes it, so that it can be loaded again and again."""
    lines = rules(CONTROLLER).splitlines()
    assert lines[1:4] == [f"table inet {TABLE}", f"delete table inet {TABLE}", f"table inet {TABLE} {{"]


def test_neighbours_are_found_only_where_ipv6_is_spoken() -> None:
    """IPv6 needs its neighbour discovery, from the own link alone; without an IPv6 address that is shut too."""
    text = rules(Openings(("192.0.2.10", "2001:db8::10"), 22))
    assert text.count("ip6 hoplimit 255 accept") == 2
    assert "ip6 saddr { 2001:db8::10 } tcp dport { 22 } accept" in text
    assert "icmp" not in rules(CONTROLLER)


def test_monitors_come_in_and_logs_go_out() -> None:
    """A monitor opens, the host answers; a sink is opened by the host, and answers."""
    text = rules(Openings(("192.0.2.10",), 22, ("192.0.2.20",), (9100, 9187), ("192.0.2.30",), (514,)))
    incoming, _, outgoing = text.partition("chain outgoing")
    assert "ip saddr { 192.0.2.20 } tcp dport { 9100, 9187 } accept" in incoming
    assert "ip saddr { 192.0.2.30 } tcp sport { 514 } tcp flags & (syn | ack) != syn accept" in incoming
    assert "ip daddr { 192.0.2.30 } udp dport { 514 } accept" in outgoing
    assert "ip daddr { 192.0.2.20 } tcp sport { 9100, 9187 } tcp flags & (syn | ack) != syn accept" in outgoing


def test_ours_and_others_are_told_apart() -> None:
    """A table of our name in another family is not ours; chains and rules belong to their table."""
    mine = {"table": {"family": "inet", "name": TABLE, "handle": 7}}
    chain = {"chain": {"family": "inet", "table": TABLE, "name": "incoming", "handle": 1}}
    foreign = {"table": {"family": "ip", "name": TABLE, "handle": 8}}
    text = _listing(mine, chain, foreign)
    assert ours(text) == [
        {"table": {"family": "inet", "name": TABLE}},
        {"chain": {"family": "inet", "table": TABLE, "name": "incoming"}},
    ]
    assert others(text) == [{"table": {"family": "ip", "name": TABLE}}]


def test_counters_and_handles_are_no_difference_but_rules_are() -> None:
    """What packets count up, and the kernel's own numbers, are left out at any depth; the order of rules is not."""

    def rule(port: int, packets: int, handle: int) -> object:
        counted = [{"match": {"right": port}}, {"counter": {"packets": packets, "bytes": packets * 60}}, {"drop": None}]
        return {"rule": {"family": "inet", "table": "shop", "chain": "in", "handle": handle, "expr": counted}}

    assert others(_listing(rule(80, 1, 1))) == others(_listing(rule(80, 99, 2)))
    assert others(_listing(rule(80, 1, 1))) != others(_listing(rule(81, 1, 1)))
    assert others(_listing(rule(80, 1, 1), rule(81, 1, 2))) != others(_listing(rule(81, 1, 2), rule(80, 1, 1)))
