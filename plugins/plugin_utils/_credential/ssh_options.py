# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of `ssh_certificate` to an order."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from .action import credential_name, longest, texts
from .obtaining import open_grant_of
from .order import UnusableOrder
from .ssh import SshHostOrder, SshOrder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._run.live import Live

HOST_CERTIFICATE_LIFE = timedelta(days=30)


def user_order(running: Live, options: Mapping[str, object]) -> SshOrder:
    """A certificate with which we log in; raises BreakglassError."""
    hosts = tuple(sorted(set(texts(options, "hosts"))))
    return SshOrder(open_grant_of(running.run).access, hosts, running.stream, longest(options))


def host_order(running: Live, options: Mapping[str, object]) -> SshHostOrder:
    """A certificate with which a host proves itself; raises BreakglassError."""
    key = str(options.get("public_key") or "").strip()
    if not key:
        raise UnusableOrder(
            "kind: host certifies a host's own key: give public_key, the text of its ssh_host_ed25519_key.pub."
        )
    return SshHostOrder(
        name=credential_name({"name": options.get("name") or "ssh_host"}),
        access=open_grant_of(running.run).access,
        hosts=tuple(sorted(set(texts(options, "hosts")))),
        public_key=key,
        longest=longest(options) or HOST_CERTIFICATE_LIFE,
    )
