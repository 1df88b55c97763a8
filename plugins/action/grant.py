# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens and closes the run's time box; documented in plugins/modules/grant.py."""

from __future__ import annotations

import os

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run import live
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.granting import Wish, obtain
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.options import GRANT
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.ungranting import give_up


class ActionModule(ActionBase):
    """Runs on the controller; opens a grant in check mode too, since reading hosts needs one."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            argument_spec=GRANT, required_if=[("state", "present", ("access", "reason"))]
        )
        try:
            if options["state"] == "absent":
                return {**result, **give_up(live.current())}
            if not options["request"]:  # which says by itself for which hosts it is
                options["hosts"] = options["hosts"] or list((task_vars or {}).get("ansible_play_hosts_all") or [])
            return {**result, **obtain(live.current(), Wish.from_options(options), options, os.environ)}
        except BreakglassError as error:
            raise AnsibleActionFail(str(error)) from None
