# SPDX-License-Identifier: GPL-3.0-or-later
"""The command of the lab: `python -m tests.lab base|up|down|status|break|mend|exec`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

from tests.lab import base, faults, lab
from tests.lab.api import Lab
from tests.lab.places import Place, place_of
from tests.lab.services import SERVICES

from breakglass.errors import BreakglassError


def main() -> int:
    """Do what is asked for; 1 and a sentence when it can't be done."""
    given = _arguments()
    try:
        return int(given.act(given, place_of(given.name)))
    except BreakglassError as error:
        print(error, file=sys.stderr)
        return 1


def _base(_: argparse.Namespace, __: Place) -> int:
    print(base.build_base())
    return 0


def _up(given: argparse.Namespace, place: Place) -> int:
    began = time.monotonic()
    for host in lab.up(place, given.hosts, _names(given.layers)):
        print(f"{host.name:8} {host.address}")
    print(f"booted in {time.monotonic() - began:.1f} s", flush=True)
    lab.prepare(place, _names(given.services))
    print(f"up in {time.monotonic() - began:.1f} s; end it with: tests/lab/breakglass-lab --name {place.name} down")
    return 0


def _names(given: str) -> list[str]:
    return [name for name in given.split(",") if name]


def _down(_: argparse.Namespace, place: Place) -> int:
    lab.down(place)
    return 0


def _status(_: argparse.Namespace, place: Place) -> int:
    states = {host.name: "up" if host.runs else "down" for host in lab.hosts_of(place)}
    for name, state in states.items():
        print(f"{name:8} {state}")
    return 0 if "down" not in states.values() else 1


def _exec(given: argparse.Namespace, place: Place) -> int:
    for host in lab.hosts_of(place):
        if host.name == given.host:
            return subprocess.run(host.inside(*given.command), check=False).returncode
    print(f"The lab {place.name} has no host {given.host}.", file=sys.stderr)
    return 1


def _break(given: argparse.Namespace, place: Place) -> int:
    Lab(place).break_(given.kind, given.host)
    return 0


def _mend(given: argparse.Namespace, place: Place) -> int:
    Lab(place).mend(given.kind, given.host)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="breakglass-lab", description="Real hosts for tests, on this machine alone.")
    parser.add_argument("--name", help="which lab; default: $BREAKGLASS_LAB, else lab")
    commands = parser.add_subparsers(required=True)
    for name, act, what in (
        ("base", _base, "build the tree that all hosts boot from, once"),
        ("up", _up, "boot the hosts"),
        ("down", _down, "remove everything that the lab has made, also after a crash"),
        ("status", _status, "say which hosts run"),
        ("break", _break, "let a fault happen to a host"),
        ("mend", _mend, "take it back"),
        ("exec", _exec, "run a command as root on a host"),
    ):
        command = commands.add_parser(name, help=what)
        command.set_defaults(act=act)
        if act is _up:
            command.add_argument("--hosts", type=int, default=4, help="how many; default 4: web1 web2 db1 app1")
            with_what = f"on the controller, beside OpenBao, a comma between them: {', '.join(SERVICES)}"
            command.add_argument("--with", dest="services", default="", metavar="SERVICES", help=with_what)
            more = "more packages on every host, a comma between them; see tests/lab/layers"
            command.add_argument("--layers", default="", help=more)
        if act in (_break, _mend):
            command.add_argument("kind", choices=faults.FAULTS, metavar="kind", help=", ".join(faults.FAULTS))
        if act in (_break, _mend, _exec):
            command.add_argument("host")
        if act is _exec:
            command.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("the lab boots hosts, which only root can")
    return given


if __name__ == "__main__":
    sys.exit(main())
