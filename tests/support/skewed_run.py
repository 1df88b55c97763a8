# SPDX-License-Identifier: GPL-3.0-or-later
"""A run on a machine whose clock is wrong, as a program that `wrong_date` is preloaded into. It ends without closing anything.

Standard input: JSON with `url`, `token` (an operator's), `access`, `role` (of the database), `box_seconds`, `certificate_seconds`. Standard output, one JSON object
a line: the grant and the user; then every record of its credentials. It goes on until it is killed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import timedelta

from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.database import DatabaseOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.obtaining import obtain
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.ssh import SshOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.opening import Order, open_grant
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.renewing import Renewer
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.grant import GrantRequest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import login_method
from tests.support.live_run import STREAM, live_run


def main() -> None:
    """Open a grant, obtain a user of a database and a certificate, and keep them alive."""
    given = json.load(sys.stdin)
    with live_run() as made:
        box = timedelta(seconds=given["box_seconds"])
        request = GrantRequest(given["access"], box, "breakglass-skewed", {"reason": "test", "stream": STREAM})
        method = login_method({"auth_method": "token", "token": given["token"]}, {})
        order = Order(Connection(url=given["url"], retries=0), method, request, {"reason": "test", "ticket": ""})
        opened = open_grant(order, made.run, os.getpid())
        where = {"host": "*", "port": "*", "database": "*"}
        user = DatabaseOrder("db", "database", given["role"], "pgpass", made.run.credential("db"), where)
        database, _ = obtain(made.live, user)
        life = timedelta(seconds=given["certificate_seconds"])
        obtain(made.live, SshOrder(given["access"], ("web1",), STREAM, life))
        _say(accessor=opened.facts.accessor, lease_id=database.lease_id, username=database.facts["username"])
        Renewer(made.live).start()
        told = 0
        while True:
            for record in made.records[told:]:
                _say(kind=record.kind, **{name: record.body[name] for name in ("name", "facts") if name in record.body})
                told += 1
            time.sleep(0.1)


def _say(**what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
