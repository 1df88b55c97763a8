# SPDX-License-Identifier: GPL-3.0-or-later
"""The network of a lab: a namespace for its controller, one for each host, and a bridge between them that leads nowhere else.

No namespace has a default route or another link, so nothing of a lab can reach an address that the lab has not made.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests.lab.errors import BrokenLab
from tests.lab.places import CONTROLLER, NAMESPACES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.places import Place

BRIDGE: Final = "hosts"
LINK: Final = "eth0"
CLONE_NEWNET: Final = 0x40000000


def make_network(place: Place) -> None:
    """Make the controller's namespace, with its bridge."""
    inside = ("-n", place.namespace)
    _ip("netns", "add", place.namespace)
    _ip(*inside, "link", "set", "lo", "up")
    _ip(*inside, "link", "add", BRIDGE, "type", "bridge")
    _ip(*inside, "address", "add", f"{CONTROLLER}/24", "dev", BRIDGE)
    _ip(*inside, "link", "set", BRIDGE, "up")


def plug_in(place: Place, host: str, address: str) -> None:
    """Make a host's namespace, and its link to the bridge."""
    theirs = place.namespace_of(host)
    _ip("netns", "add", theirs)
    _ip("-n", theirs, "link", "set", "lo", "up")
    _ip("-n", place.namespace, "link", "add", host, "type", "veth", "peer", "name", LINK, "netns", theirs)
    _ip("-n", place.namespace, "link", "set", host, "master", BRIDGE, "up")
    _ip("-n", theirs, "address", "add", f"{address}/24", "dev", LINK)
    _ip("-n", theirs, "link", "set", LINK, "up")


def remove_network(place: Place) -> None:
    """Remove every namespace of the lab, and its links with them."""
    for found in sorted(NAMESPACES.glob(f"{place.namespace}*")):
        if found.name == place.namespace or found.name.startswith(f"{place.namespace}."):
            _ip("netns", "delete", found.name)


def set_link(place: Place, host: str, state: str) -> None:
    """Plug a host's cable in (`up`) or out (`down`)."""
    _ip("-n", place.namespace, "link", "set", host, state)


def join(place: Place) -> None:
    """Bring this thread, and all that it starts from now on, into the controller's namespace; raises BrokenLab."""
    path = NAMESPACES / place.namespace
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise BrokenLab(f"The network of the lab {place.name} is not there: {error.strerror}: {path}") from error
    try:
        _enter(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def visiting(place: Place) -> Iterator[None]:
    """Be in a lab's network for a while, as `join`, and then again where this thread was; raises BrokenLab."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        join(place)
        yield
    finally:
        _enter(own)
        os.close(own)


def _enter(descriptor: int) -> None:
    # setns(2), which Python 3.11 does not offer
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET):
        raise BrokenLab(f"A network can't be joined: {os.strerror(ctypes.get_errno())}")


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise BrokenLab(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
