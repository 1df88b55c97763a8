# SPDX-License-Identifier: GPL-3.0-or-later
"""isolate_host and rejoin_host on real hosts: who still gets in, what still gets out, and that nothing is left of it."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.lab import booting, network, playbooks
from tests.lab.places import CONTROLLER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.api import Lab
    from tests.lab.host import LabHost

BOTH = ["Load the rules, with a way back", "Keep the rules"]
TAKE = "Take away the ways in of mallory"
TABLE = "breakglass_quarantine"
RULES = "/etc/nftables-breakglass-quarantine.nft"
FOREIGN = """
table inet shop {
  counter seen { }
  chain input {
    type filter hook input priority 0; policy accept;
    counter name seen
    tcp dport 8080 counter drop
  }
}
table ip nat {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    tcp dport 8081 redirect to :80
  }
}
"""
# Tries each and says what came of it: open, refused, silent, or what the kernel said.
PROBE = """
import concurrent.futures, errno, json, socket, sys
def tcp(host, port, source=0):
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family[0], socket.SOCK_STREAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1); one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.settimeout(1.2)
        try:
            if source: one.bind(("::" if family[0] == socket.AF_INET6 else "0.0.0.0", source))
            one.connect(family[4])
        except TimeoutError: return "silent"
        except OSError as error: return errno.errorcode[error.errno]
        return "open"
def udp(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try: one.sendto(b"x", (host, port))
        except OSError as error: return errno.errorcode[error.errno]
        return "sent"
asked = json.loads(sys.argv[1])
with concurrent.futures.ThreadPoolExecutor(len(asked)) as threads:
    tried = [threads.submit({"tcp": tcp, "udp": udp}[kind], *rest) for kind, *rest in asked]
print(json.dumps([one.result() for one in tried]))
"""
# Opens a connection, says so, and then asks over it whatever it is told to; an answer, or silent.
HELD = """
import socket, sys
one = socket.create_connection((sys.argv[1], 80), 3); print("open", flush=True)
sys.stdin.readline(); one.settimeout(1.2); one.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
try: print("answered" if one.recv(1) else "closed")
except TimeoutError: print("silent")
"""


@pytest.fixture(autouse=True)
def _open_again(lab: Lab) -> Iterator[None]:
    """No host stays isolated, whatever a test has found."""
    yield
    lab.host("web1").run(
        "systemctl stop breakglass-quarantine-way-back.timer breakglass-quarantine-way-back.service;"
        "systemctl disable -q --now breakglass-quarantine nftables;"
        f"rm -rf {RULES} /etc/systemd/system/breakglass-quarantine.service /etc/systemd/system/nftables.service.d"
        " /var/lib/breakglass/undo/isolate_host.json; systemctl daemon-reload; nft flush ruleset",
        check=False,
    )


def _ruleset(host: LabHost) -> str:
    """As `nft -j` lists it, without handles and without what packets count up."""

    def lasting(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: lasting(one) for key, one in value.items() if key not in {"handle", "packets", "bytes"}}
        return [lasting(one) for one in value] if isinstance(value, list) else value

    return json.dumps(lasting(json.loads(host.run("nft -j list ruleset").stdout)))


def _files(host: LabHost) -> str:
    """Everything of the host's configuration: names, kinds, modes, owners, targets and contents."""
    listed = host.run("find /etc /root /usr/local -xdev -printf '%p %y %m %u %g %l\\n' | sort").stdout
    return listed + host.run("find /etc -xdev -type f -print0 | sort -z | xargs -0 sha256sum").stdout


def _probe(host: LabHost, *what: tuple[object, ...]) -> list[str]:
    found: list[str] = json.loads(host.run(["python3", "-c", PROBE, json.dumps(what)]).stdout)
    return found


def _here(*what: tuple[object, ...]) -> list[str]:
    """The same from the controller."""
    done = subprocess.run(
        ["python3", "-c", PROBE, json.dumps(what)], capture_output=True, text=True, check=True, timeout=30
    )
    found: list[str] = json.loads(done.stdout)
    return found


def _link_local(host: LabHost) -> str:
    text = host.run("ip -6 -o address show dev eth0 scope link").stdout
    return text.split()[3].partition("/")[0] + "%eth0"


@pytest.mark.core
def test_an_isolated_host_speaks_with_its_controller_and_nobody_else(lab: Lab) -> None:
    """Check mode says what changes; then only SSH from the controller works; a second run changes nothing; and all comes back."""
    web1, web2 = lab.host("web1"), lab.host("web2")
    web1.run(["nft", "-f", "-"], input_text=FOREIGN)
    rules, files = _ruleset(web1), _files(web1)
    six = _link_local(web1)
    inwards = [("tcp", web1.address, 22), ("tcp", web1.address, 80), ("tcp", six, 22), ("tcp", web1.address, 22, 53)]
    outwards = [
        ("tcp", web2.address, 80),
        ("tcp", _link_local(web2), 22),
        ("udp", web2.address, 53),
        ("udp", CONTROLLER, 53),
    ]
    assert _probe(web2, *inwards) == ["open"] * 4
    assert _probe(web1, *outwards) == ["open", "open", "sent", "sent"]
    predicted = lab.run_role("isolate_host", ["web1"], check=True)
    assert (_ruleset(web1), _files(web1)) == (rules, files)

    isolated = lab.run_role("isolate_host", ["web1"])
    assert isolated.code == 0, isolated.text
    assert predicted.changed("web1") == isolated.changed("web1") == BOTH
    assert _probe(web2, *inwards) == ["silent"] * 4
    assert _here(("tcp", web1.address, 22), ("tcp", web1.address, 80)) == ["open", "silent"]
    assert _probe(web1, *outwards) == ["silent", "silent", "EPERM", "EPERM"]
    assert _probe(web1, ("tcp", "127.0.0.1", 80), ("tcp", web1.address, 80), ("tcp", "::1", 22)) == ["open"] * 3
    assert lab.run_role("isolate_host", ["web1"]).changed("web1") == []

    rejoined = lab.run_role("rejoin_host", ["web1"])
    assert rejoined.changed("web1") == ["Take the quarantine away"], rejoined.text
    assert (_ruleset(web1), _files(web1)) == (rules, files)
    assert _probe(web2, *inwards) == ["open"] * 4
    lab.record_run(role="isolate_host", fault="compromised host", run=isolated)
    lab.record_run(role="rejoin_host", fault="host found clean", run=rejoined)


def test_check_mode_of_rejoin_host_predicts_and_a_second_run_changes_nothing(lab: Lab) -> None:
    """It says what would be taken away and takes nothing; a host that is in no quarantine is left alone."""
    web1, web2 = lab.host("web1"), lab.host("web2")
    assert lab.run_role("rejoin_host", ["web1"], check=True).changed("web1") == []
    assert lab.run_role("isolate_host", ["web1"]).code == 0
    foreseen = lab.run_role("rejoin_host", ["web1"], check=True)
    assert _probe(web2, ("tcp", web1.address, 22)) == ["silent"]
    rejoined = lab.run_role("rejoin_host", ["web1"])
    assert foreseen.changed("web1") == rejoined.changed("web1") == ["Take the quarantine away"], rejoined.text
    assert lab.run_role("rejoin_host", ["web1"]).changed("web1") == []


def test_not_even_from_the_port_of_sshd_does_anything_begin(lab: Lab) -> None:
    """A connection that the host opens from sshd's port to the controller is dropped, although replies from there pass."""
    web1 = lab.host("web1")
    listening = subprocess.Popen(
        ["python3", "-m", "http.server", "8099", "--bind", CONTROLLER], stderr=subprocess.DEVNULL
    )
    try:
        _until(lambda: _here(("tcp", CONTROLLER, 8099)) == ["open"])
        web1.run("systemctl stop ssh")
        assert _probe(web1, ("tcp", CONTROLLER, 8099, 22)) == ["open"]
        web1.run("systemctl start ssh")
        assert lab.run_role("isolate_host", ["web1"]).code == 0
        web1.run("systemctl stop ssh")
        assert _probe(web1, ("tcp", CONTROLLER, 8099, 22), ("tcp", CONTROLLER, 8099)) == ["silent", "silent"]
    finally:
        web1.run("systemctl start ssh")
        listening.terminate()
        listening.wait(10)


def test_what_others_had_open_stands_still(lab: Lab) -> None:
    """A connection that another host opened before gets no answer any more."""
    web1, web2 = lab.host("web1"), lab.host("web2")
    words = web2.inside("python3", "-c", HELD, web1.address)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as held:
        assert held.stdout is not None
        assert held.stdout.readline() == "open\n"
        assert lab.run_role("isolate_host", ["web1"]).code == 0
        assert held.communicate("ask\n", timeout=20)[0] == "silent\n"


def test_the_quarantine_outlives_reboots_and_what_flushes_rules(lab: Lab) -> None:
    """nftables.service may start, reload and stop, and the host may lose its power: it stays isolated, before its network is up."""
    web1, web2 = lab.host("web1"), lab.host("web2")
    assert lab.run_role("isolate_host", ["web1"]).code == 0
    wanted = web1.run(f"nft list table inet {TABLE}").stdout
    for verb in ("start", "reload", "restart", "stop"):
        web1.run(["systemctl", verb, "nftables"])
        assert web1.run(f"nft list table inet {TABLE}").stdout == wanted, verb
    web1.run("systemctl stop breakglass-quarantine")
    assert _probe(web2, ("tcp", web1.address, 22)) == ["silent"]
    web1.run("systemctl enable -q nftables; sync; nft flush ruleset")  # its network namespace outlives the host
    booting.shut_down(lab.place, "web1")
    booting.boot(lab.place, "web1")
    booting.await_boot(web1)
    assert web1.run(f"nft list table inet {TABLE}").stdout == wanted
    assert "table inet filter" in web1.run("nft list ruleset").stdout
    units = ("breakglass-quarantine.service", "network-pre.target", "ssh.service")
    times = [int(web1.run(f"systemctl show -P ActiveEnterTimestampMonotonic {unit}").stdout) for unit in units]
    assert times == sorted(times)
    assert times[0] > 0
    assert _probe(web2, ("tcp", web1.address, 22), ("tcp", web1.address, 80)) == ["silent", "silent"]
    assert lab.run_role("isolate_host", ["web1"]).changed("web1") == []


def test_rules_that_shut_the_controller_out_go_by_themselves(lab: Lab) -> None:
    """When new connections come from another address than the first, the host is open again after the time of the way back."""
    web1 = lab.host("web1")
    rules, files = _ruleset(web1), _files(web1)
    moved = threading.Thread(target=_move_when_isolated, args=(lab, web1))
    try:
        began = time.monotonic()
        moved.start()
        run = lab.run_role("isolate_host", ["web1"], {"isolate_host_way_back": 12})
        took = time.monotonic() - began
    finally:
        moved.join(30)
        network._ip("address", "del", "198.18.0.250/24", "dev", network.BRIDGE)
        network._ip("route", "replace", "198.18.0.0/24", "dev", network.BRIDGE, "src", CONTROLLER)
    assert run.code != 0
    assert "the way back has opened the host again, because no new SSH connection came through" in run.sentence
    assert run.sentence.endswith("undone, the host is open as before.")
    assert 12 < took < 60
    assert (_ruleset(web1), _files(web1)) == (rules, files)


def test_what_cannot_last_is_undone(lab: Lab) -> None:
    """Something else stands where the rules have to be: the host is open as before, and one sentence says so."""
    web1, web2 = lab.host("web1"), lab.host("web2")
    web1.run(["mkdir", RULES])
    rules, files = _ruleset(web1), _files(web1)
    run = lab.run_role("isolate_host", ["web1"])
    assert run.code != 0
    assert run.sentence == (
        f"web1 is not isolated as wanted: {RULES} is there already, and not of our making; undone, the host is open as before."
    )
    assert (_ruleset(web1), _files(web1)) == (rules, files)
    assert _probe(web2, ("tcp", web1.address, 22)) == ["open"]
    assert web1.active("breakglass-quarantine-way-back.timer") == "inactive"


def test_a_host_without_room_for_the_rules_is_left_as_it_is(lab: Lab) -> None:
    """A disk that is full to the last block: nothing was loaded when it fails, and no timer waits."""
    web1, web2 = lab.host("web1"), lab.host("web2")
    lab.break_("disk-full", "web1")
    try:
        run = lab.run_role("isolate_host", ["web1"])
    finally:
        lab.mend("disk-full", "web1")
    assert run.code != 0
    assert "No space left on device" in run.sentence
    assert run.sentence.endswith("; nothing was changed.")
    assert web1.run("nft list ruleset").stdout == ""
    assert web1.active("breakglass-quarantine-way-back.timer") == "inactive"
    assert _probe(web2, ("tcp", web1.address, 22)) == ["open"]


def test_new_rules_that_fail_give_way_to_the_quarantine_from_before(lab: Lab) -> None:
    """A host that is isolated already never opens because a change of its quarantine fails."""
    web1, web2 = lab.host("web1"), lab.host("web2")
    assert lab.run_role("isolate_host", ["web1"]).code == 0
    rules, files = _ruleset(web1), _files(web1)
    web1.run("mount --bind /proc/version /etc/systemd/system/breakglass-quarantine.service")
    try:
        run = lab.run_role("isolate_host", ["web1"], {"isolate_host_monitors": [web2.address]})
    finally:
        web1.run("umount /etc/systemd/system/breakglass-quarantine.service")
    assert run.sentence.endswith("not of our making; the quarantine from before is back.")
    assert (_ruleset(web1), _files(web1)) == (rules, files)
    assert _probe(web2, ("tcp", web1.address, 22), ("tcp", web1.address, 9100)) == ["silent", "silent"]


@pytest.mark.parametrize(("name", "would"), [("isolate_host", BOTH), ("rejoin_host", []), ("lock_account", [TAKE])])
def test_each_has_a_short_playbook(lab: Lab, name: str, would: list[str]) -> None:
    """It is the playbook `remediate` with the role named already."""
    asked = {"remediate_access": "lab-operator", "remediate_reason": "a test", "lock_account_name": "mallory"}
    playbook = (f"breakglass.remediation.{name}", "-i", str(lab.inventory), "--check")
    lab.host("web1").run("useradd --no-create-home mallory")
    try:
        run = playbooks.play(lab.place, playbook, ["web1"], asked, timeout=60, environment={})
    finally:
        lab.host("web1").run("userdel mallory")
    assert (run.code, run.changed("web1")) == (0, would), run.text


def test_a_controller_that_comes_by_ipv6_stays_let_in(lab: Lab) -> None:
    """The address that is read is the IPv6 one; neighbours are still found after the host has forgotten them; IPv4 is shut."""
    web1, web2 = lab.host("web1"), lab.host("web2")
    network._ip("-6", "address", "add", "fd00:b91a::1/64", "dev", network.BRIDGE, "nodad")
    for number, host in enumerate((web1, web2), start=2):
        host.run(f"ip -6 address add fd00:b91a::{number}/64 dev eth0 nodad")
    six = {"ansible_host": "fd00:b91a::2"}
    try:
        assert _probe(web2, ("tcp", "fd00:b91a::2", 22)) == ["open"]
        run = lab.run_role("isolate_host", ["web1"], six)
        assert run.changed("web1") == BOTH, run.text
        assert [body["controllers"] for body in run.bodies("task.result") if "controllers" in body][-1] == [
            "fd00:b91a::1"
        ]
        web1.run("ip -6 neigh flush all")
        assert lab.run_role("isolate_host", ["web1"], six).changed("web1") == []
        assert _here(("tcp", web1.address, 22), ("tcp", "fd00:b91a::2", 80)) == ["silent", "silent"]
        assert _probe(web2, ("tcp", "fd00:b91a::2", 22), ("tcp", web1.address, 22)) == ["silent", "silent"]
        assert _probe(web1, ("tcp", "fd00:b91a::3", 22), ("tcp", "fd00:b91a::1", 22)) == ["silent", "silent"]
        assert lab.run_role("rejoin_host", ["web1"], six).changed("web1") == ["Take the quarantine away"]
    finally:
        network._ip("-6", "address", "del", "fd00:b91a::1/64", "dev", network.BRIDGE)
        for host in (web1, web2):
            host.run("ip -6 address flush dev eth0 scope global")


def test_monitors_come_in_and_logs_go_out_where_that_is_asked_for(lab: Lab) -> None:
    """A monitor reaches the ports that are named, a log sink is reached; neither opens the other way."""
    web1, web2 = lab.host("web1"), lab.host("web2")
    asked = {"isolate_host_monitors": [web2.address], "isolate_host_monitor_ports": [80]}
    logs = {"isolate_host_log_sinks": [web2.address], "isolate_host_log_ports": [9100]}
    assert lab.run_role("isolate_host", ["web1"], {**asked, **logs}).code == 0
    assert _probe(web2, ("tcp", web1.address, 80), ("tcp", web1.address, 22), ("tcp", web1.address, 9100)) == [
        *("open", "silent", "silent")
    ]
    assert _probe(web1, ("tcp", web2.address, 9100), ("tcp", web2.address, 80), ("tcp", web2.address, 22)) == [
        *("open", "silent", "silent")
    ]
    web2.run("systemctl stop prometheus-node-exporter")
    try:
        assert _probe(web2, ("tcp", web1.address, 22, 9100)) == ["silent"]
    finally:
        web2.run("systemctl start prometheus-node-exporter")


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        (
            {"isolate_host_controllers": ["192.0.2.1"]},
            "not where this run comes from, 198.18.0.1: it would shut itself out.",
        ),
        ({"isolate_host_ssh_port": 2222}, "This run came in at port 22, not at 2222: it would shut itself out."),
        ({"isolate_host_controllers": ["198.18.0.1", "1:2:3"]}, "controllers names something that is no IP address."),
    ],
)
def test_what_would_shut_it_out_is_refused(lab: Lab, parameters: dict[str, object], sentence: str) -> None:
    """An address or port that is not the run's own is refused before anything is loaded."""
    run = lab.run_role("isolate_host", ["web1"], parameters)
    assert run.code != 0
    assert run.sentence.endswith(sentence)
    assert lab.host("web1").run("nft list ruleset").stdout == ""


def test_rules_of_others_that_changed_meanwhile_are_for_people_to_look_at(lab: Lab) -> None:
    """The host stays isolated until somebody accepts them; then they are as they were found."""
    web1, web2 = lab.host("web1"), lab.host("web2")
    assert lab.run_role("isolate_host", ["web1"]).code == 0
    web1.run(["nft", "-f", "-"], input_text=FOREIGN)
    run = lab.run_role("rejoin_host", ["web1"])
    assert run.sentence.startswith(
        "Rules of others on web1 are not those from before it was isolated; it stays isolated."
    )
    assert _probe(web2, ("tcp", web1.address, 22)) == ["silent"]
    accepted = lab.run_role("rejoin_host", ["web1"], {"rejoin_host_changed_rules": "accept"})
    assert accepted.code == 0, accepted.text
    assert "table inet shop" in web1.run("nft list ruleset").stdout
    assert _probe(web2, ("tcp", web1.address, 22)) == ["open"]


def _move_when_isolated(lab: Lab, host: LabHost) -> None:
    """New connections of the controller come from another address as soon as the rules are there."""
    network.join(lab.place)
    _until(lambda: host.run(f"nft list table inet {TABLE}", check=False).returncode == 0)
    network._ip("address", "add", "198.18.0.250/24", "dev", network.BRIDGE)
    network._ip("route", "replace", "198.18.0.0/24", "dev", network.BRIDGE, "src", "198.18.0.250")


def _until(holds: Any, seconds: float = 30) -> None:
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.05)
