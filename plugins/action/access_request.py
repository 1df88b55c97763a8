# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a runner for an access and waits for its yes; documented in plugins/modules/access_request.py."""

from __future__ import annotations

import os

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.options import ACCESS_REQUEST
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.requesting import AccessWish, request_access
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.logged_in import logged_in


class ActionModule(ActionBase):
    """Runs on the controller; in check mode nobody is asked."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(argument_spec=ACCESS_REQUEST)
        options["hosts"] = options["hosts"] or list((task_vars or {}).get("ansible_play_hosts_all") or [])
        try:
            wish = AccessWish.from_options(options)
            if self._task.check_mode:
                return {**result, "changed": True, "request": "", **wish.facts, "msg": wish.words}
            with logged_in(options, os.environ) as client:
                tell = self._display.display
                return {
                    **result,
                    "changed": True,
                    **request_access(client, wish, lambda line: tell(f"access_request: {line}")),
                }
        except BreakglassError as error:
            raise AnsibleActionFail(str(error)) from None
