# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: quarantine
short_description: Quarantines a host by nftables, with a way back, and takes exactly that away again
description:
  - Works on the host. The whole quarantine is the table C(inet breakglass_quarantine), the file and the unit that load it at boot, and a
    drop-in that loads it again whenever C(nftables.service) is started, reloaded or stopped, which flushes all rules.
  - O(state=present) loads the rules, and before them arms a timer that takes them back. O(state=kept), asked for over a new SSH connection
    that came through the rules, disarms it and makes them last. So rules that shut the controller out end by themselves.
  - Which connection that is, the host itself says (C(SSH_CONNECTION) of the process that sshd started, and the kernel's table of connections).
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
extends_documentation_fragment:
  - action_common_attributes
attributes:
  check_mode:
    description: Says C(changed) exactly when something would be changed.
    support: full
  diff_mode:
    support: none
  platform:
    description: Runs on the host, which needs nftables and systemd.
    platforms: posix
options:
  state:
    description:
      - V(present) loads the rules, with a way back.
      - V(kept) makes them last.
      - V(proven) changes nothing, and fails unless the quarantine holds.
      - V(undone) returns to what was before the latest V(present); to the open host, or to the quarantine that it had.
      - V(absent) takes away everything, and proves that all other rules are those from before.
    type: str
    choices: [present, kept, proven, undone, absent]
    default: present
  controllers:
    description: Addresses that may come in by SSH. Without any, the one that this connection comes from.
    type: list
    elements: str
    default: []
  ssh_port:
    description: The port of sshd. V(0) is the one that this connection came in by.
    type: int
    default: 0
  monitors:
    description: Addresses that may come in at O(monitor_ports).
    type: list
    elements: str
    default: []
  monitor_ports:
    description: TCP ports for O(monitors).
    type: list
    elements: int
    default: [9100]
  log_sinks:
    description: Addresses that the host may send its log to.
    type: list
    elements: str
    default: []
  log_ports:
    description: TCP and UDP ports at O(log_sinks).
    type: list
    elements: int
    default: [514, 6514]
  way_back:
    description: After how many seconds the rules go by themselves when nobody keeps them.
    type: int
    default: 60
  changed_rules:
    description: Whether V(absent) may go on when rules of others have changed since the host was isolated.
    type: str
    choices: [refuse, accept]
    default: refuse
"""

EXAMPLES = r"""
- name: Load the rules, with a way back
  breakglass.remediation.quarantine:
    way_back: 60

- name: Come in anew
  ansible.builtin.wait_for_connection:

- name: Keep them
  breakglass.remediation.quarantine:
    state: kept
"""

RETURN = r"""
controllers:
  description: The addresses that may come in by SSH.
  returned: when O(state) is not V(absent) or V(undone)
  type: list
  elements: str
  sample: [192.0.2.10]
ssh_port:
  description: The port at which they may.
  returned: when O(state) is not V(absent) or V(undone)
  type: int
  sample: 22
rules_sha256:
  description: What the file with the rules hashes to.
  returned: when O(state) is not V(absent) or V(undone)
  type: str
isolated:
  description: Whether the quarantine is in force at the end, and lasts.
  returned: success
  type: bool
others_changed:
  description: Whether rules of others are not those from before the host was isolated; counters and handles do not count.
  returned: when O(state=absent)
  type: bool
"""

import hashlib
import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import quarantine_rules, undo_file
from ..module_utils.quarantine_rules import MARK, TABLE, Openings
from ..module_utils.ssh_origin import Origin, origin, plain_address

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RULES = Path("/etc/nftables-breakglass-quarantine.nft")
NAME = "breakglass-quarantine"
UNIT = Path(f"/etc/systemd/system/{NAME}.service")
DROP_IN = Path(f"/etc/systemd/system/nftables.service.d/{NAME}.conf")
WAY_BACK = f"{NAME}-way-back"
RECORD = "isolate_host"
DISCARD = 9
"""The port that a datagram is sent to, to hear from the kernel that it may not leave."""


class Shortfall(Exception):
    """Raised when something is not as it must be; its text is the sentence for people."""


@dataclass(frozen=True)
class Host:
    """What there is to work with.

    Attributes:
        run: Runs a command and gives its return code, output and errors.
        nft: Where nft is.
    """

    run: Callable[..., tuple[int, str, str]]
    nft: str

    def must(self, *command: str) -> str:
        code, out, err = self.run(list(command))
        if code:
            raise Shortfall(f"{' '.join(command[:3])} failed: {(err or out).strip()[:300]}")
        return out

    def ruleset(self) -> str:
        return self.must(self.nft, "-j", "list", "ruleset")

    def load(self, rules: str) -> None:
        code, _out, err = self.run([self.nft, "-f", "-"], data=rules)
        if code:
            raise Shortfall(f"nft does not take the rules: {err.strip()[:300]}")

    def is_armed(self) -> bool:
        return self.run(["systemctl", "is-active", "--quiet", f"{WAY_BACK}.timer"])[0] == 0

    def is_enabled(self) -> bool:
        return self.run(["systemctl", "is-enabled", "--quiet", f"{NAME}.service"])[0] == 0

    def disarm(self) -> None:
        self.run(["systemctl", "stop", f"{WAY_BACK}.timer", f"{WAY_BACK}.service"])
        self.run(["systemctl", "reset-failed", f"{WAY_BACK}.service", f"{WAY_BACK}.timer"])

    def delete_table(self) -> None:
        if quarantine_rules.ours(self.ruleset()):
            self.must(self.nft, "delete", "table", "inet", TABLE)


def files(rules: str, nft: str) -> dict[Path, str]:
    """Everything that makes the quarantine last, by its path."""
    load = f"{nft} -f {RULES}"
    unit = (
        f"{MARK}\n[Unit]\nDescription=Quarantine of this host\nDefaultDependencies=no\nConflicts=shutdown.target\n"
        "Wants=network-pre.target\nBefore=network-pre.target shutdown.target\nAfter=nftables.service\n\n"
        # It has no ExecStop on purpose: stopping it does not open the host.
        f"[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart={load}\nExecReload={load}\n\n"
        "[Install]\nWantedBy=sysinit.target\n"
    )
    again = f"{MARK}\n[Service]\nExecStartPost={load}\nExecReload={load}\nExecStopPost={load}\n"
    return {RULES: rules, UNIT: unit, DROP_IN: again}


def openings_of(parameters: Mapping[str, Any], came: Origin) -> Openings:
    """What stays open; raises Shortfall for what is no address, or would shut this very connection out."""
    texts = {name: _addresses(name, parameters[name]) for name in ("controllers", "monitors", "log_sinks")}
    controllers = texts["controllers"] or (came.address,)
    port = int(parameters["ssh_port"]) or came.server_port
    if came.address not in controllers:
        raise Shortfall(
            f"The controllers that are named are not where this run comes from, {came.address}: it would shut itself out."
        )
    if came.server_port != port:
        raise Shortfall(f"This run came in at port {came.server_port}, not at {port}: it would shut itself out.")
    ports = tuple(map(int, parameters["monitor_ports"])), tuple(map(int, parameters["log_ports"]))
    return Openings(controllers, port, texts["monitors"], ports[0], texts["log_sinks"], ports[1])


def _addresses(name: str, texts: list[str]) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(map(plain_address, texts)))
    except ValueError:
        raise Shortfall(f"{name} names something that is no IP address.") from None


def present(host: Host, rules: str, came: Origin, way_back: int, *, check: bool) -> bool:
    """Load the rules unless they are in force; tells whether it has, or would have."""
    listing = host.ruleset()
    record = undo_file.read(RECORD)
    if _in_force(record, rules, listing):
        return False
    if check:
        return True
    host.disarm()
    before = record["before"] if record and _kept() else quarantine_rules.others(listing)
    previous = RULES.read_text(encoding="utf-8") if _kept() else None
    content = {
        "before": before,
        "previous": previous,
        "rules": rules,
        "connection": came.name,
        "made_at": int(time.time()),
    }
    way = [host.nft, "-f", str(RULES)] if previous else [host.nft, "delete", "table", "inet", TABLE]
    try:
        undo_file.write(RECORD, content)
        host.must(
            *("systemd-run", f"--unit={WAY_BACK}", f"--on-active={way_back}", "--timer-property=AccuracySec=100ms"),
            *("--collect", "--description=Way back from a quarantine that nobody has kept", *way),
        )
        host.load(rules)
        undo_file.write(RECORD, {**content, "ours": quarantine_rules.ours(host.ruleset())})
    except (Shortfall, OSError):
        host.run(way)
        host.disarm()
        _put_back(record)
        raise
    return True


def kept(host: Host, rules: str, came: Origin, *, check: bool) -> bool:
    """Disarm the way back and make the rules last; tells whether a file or unit was changed, or would have been."""
    wanted = files(rules, host.nft)
    differs = any(_text(path) != text for path, text in wanted.items()) or not host.is_enabled()
    if check:
        return differs
    record = undo_file.read(RECORD)
    if not _in_force(record, rules, host.ruleset()):
        raise Shortfall(
            "the way back has opened the host again, because no new SSH connection came through the rules in time"
        )
    if host.is_armed() and record and record["connection"] == came.name:
        raise Shortfall("no new SSH connection came through the rules: this is the one from before")
    host.disarm()
    if not _in_force(record, rules, host.ruleset()):
        raise Shortfall("the way back has opened the host again at the last moment")
    if foreign := [str(path) for path in wanted if os.path.lexists(path) and not _is_ours(path)]:
        raise Shortfall(f"{foreign[0]} is there already, and not of our making")
    if differs:
        DROP_IN.parent.mkdir(mode=0o755, exist_ok=True)
        for path, text in wanted.items():
            undo_file.write_file(path, text, 0o600 if path == RULES else 0o644)
        host.must("systemctl", "daemon-reload")
        host.must("systemctl", "enable", "--quiet", f"{NAME}.service")
        host.must("systemctl", "restart", f"{NAME}.service")
    return differs


def proven(host: Host, rules: str, openings: Openings) -> None:
    """Raise Shortfall unless the quarantine is in force, lasts, and the kernel lets nothing else out."""
    if not _in_force(undo_file.read(RECORD), rules, host.ruleset()):
        raise Shortfall("the rules in force are not those that were loaded")
    if host.is_armed() or any(_text(path) != text for path, text in files(rules, host.nft).items()):
        raise Shortfall("the quarantine would not last")
    if not host.is_enabled():
        raise Shortfall("the quarantine would not survive a reboot")
    for address in openings.controllers:
        if answer := _sent(address):
            raise Shortfall(f"a datagram to {address} was not stopped: {answer}")


def undone(host: Host) -> bool:
    """Return to what was before the latest change: the quarantine that the host had, or none."""
    record = undo_file.read(RECORD)
    previous = record["previous"] if record else None
    if not previous:
        return absent(host, accept=True, check=False)[0]
    host.disarm()
    host.load(previous)
    undo_file.write(RECORD, {**(record or {}), "rules": previous, "ours": quarantine_rules.ours(host.ruleset())})
    for path, text in files(previous, host.nft).items():
        if _text(path) != text and (_is_ours(path) or not os.path.lexists(path)):
            undo_file.write_file(path, text, 0o600 if path == RULES else 0o644)
    host.must("systemctl", "daemon-reload")
    return True


def absent(host: Host, *, accept: bool, check: bool) -> tuple[bool, bool]:
    """Take everything away; tells whether there was something, and whether rules of others have changed meanwhile."""
    listing = host.ruleset()
    record = undo_file.read(RECORD)
    rest = quarantine_rules.others(listing)
    others_changed = record is not None and record["before"] != rest
    there = bool(quarantine_rules.ours(listing)) or record is not None or any(map(_is_ours, (RULES, UNIT, DROP_IN)))
    if check or not there:
        return there, others_changed
    if others_changed and not accept:
        raise Shortfall("rules of others have changed since the host was isolated; nothing was done")
    host.disarm()
    host.delete_table()
    if quarantine_rules.others(host.ruleset()) != rest:
        host.run([host.nft, "-f", "-"], data=record["rules"] if record else "")
        raise Shortfall("the rules of others are not what they were a moment ago; the quarantine was put back")
    host.run(["systemctl", "disable", "--quiet", "--now", f"{NAME}.service"])
    for path in filter(_is_ours, (UNIT, DROP_IN, RULES)):
        path.unlink()
    _remove_empty(DROP_IN.parent)
    host.must("systemctl", "daemon-reload")
    host.delete_table()  # the drop-in could have loaded it once more until now
    undo_file.remove(RECORD)
    return True, others_changed


def _kept() -> bool:
    return _is_ours(RULES)


def _is_ours(path: Path) -> bool:
    return not path.is_symlink() and (_text(path) or "").startswith(MARK)


def _in_force(record: Mapping[str, Any] | None, rules: str, listing: str) -> bool:
    return bool(
        record and record["rules"] == rules and record.get("ours") and record["ours"] == quarantine_rules.ours(listing)
    )


def _put_back(record: dict[str, Any] | None) -> None:
    """The record from before, as far as the disk has room for it; if not, the next look finds other rules than it says."""
    if record is None:
        undo_file.remove(RECORD)
    else:
        with suppress(OSError):
            undo_file.write(RECORD, record)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None


def _remove_empty(directory: Path) -> None:
    try:
        directory.rmdir()
    except OSError:
        return


def _sent(address: str) -> str:
    """Why a datagram to an address was not stopped; empty when the kernel refused it, or has no way there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.sendto(b"", (address, DISCARD))
        except PermissionError:
            return ""
        except OSError as error:
            return f"the kernel said {error.strerror}"
    return "it was sent"


def _result(host: Host, given: Mapping[str, Any], came: Origin | None, *, check: bool) -> dict[str, Any]:
    if given["state"] == "absent":
        changed, others = absent(host, accept=given["changed_rules"] == "accept", check=check)
        return {"changed": changed, "isolated": check and changed, "others_changed": others}
    if given["state"] == "undone":
        changed = undone(host) if not check else False
        return {"changed": changed, "isolated": _kept()}
    if came is None:
        raise Shortfall(
            "This run does not come by SSH, as the host sees it: nobody could prove that the way in stays open."
        )
    openings = openings_of(given, came)
    rules = quarantine_rules.rules(openings)
    changed = False
    if given["state"] == "present":
        changed = present(host, rules, came, given["way_back"], check=check)
    elif given["state"] == "kept":
        changed = kept(host, rules, came, check=check)
    elif not check:
        proven(host, rules, openings)
    return {
        "changed": changed,
        "isolated": _in_force(undo_file.read(RECORD), rules, host.ruleset())
        and _text(RULES) == rules
        and host.is_enabled(),
        "controllers": list(openings.controllers),
        "ssh_port": openings.ssh_port,
        "rules_sha256": hashlib.sha256(rules.encode()).hexdigest(),
    }


def main() -> None:
    addresses: dict[str, object] = {"type": "list", "elements": "str", "default": []}
    ports: dict[str, object] = {"type": "list", "elements": "int"}
    module = AnsibleModule(
        argument_spec={
            "state": {"choices": ["present", "kept", "proven", "undone", "absent"], "default": "present"},
            "controllers": addresses,
            "ssh_port": {"type": "int", "default": 0},
            "monitors": addresses,
            "monitor_ports": {**ports, "default": [9100]},
            "log_sinks": addresses,
            "log_ports": {**ports, "default": [514, 6514]},
            "way_back": {"type": "int", "default": 60},
            "changed_rules": {"choices": ["refuse", "accept"], "default": "refuse"},
        },
        supports_check_mode=True,
    )
    nft = module.get_bin_path("nft")
    if nft is None or module.get_bin_path("systemd-run") is None:
        module.fail_json(msg="This host has no nft, or no systemd: it can't be quarantined by this.")
    try:
        result = _result(
            Host(module.run_command, str(nft)), module.params, origin(os.getpid()), check=module.check_mode
        )
    except (Shortfall, undo_file.UntrustedFile) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'The host'}: {error.strerror or error}")
    else:
        module.exit_json(**result)


if __name__ == "__main__":
    main()
