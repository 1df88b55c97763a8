# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells what the run holds; documented in plugins/modules/credential_info.py."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.action import described
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.wallet import credentials_of
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run import live
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.granting import public_facts
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.options import CREDENTIAL_INFO


class ActionModule(ActionBase):
    """Runs on the controller and asks nobody: it reads what the run has written down."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        self.validate_argument_spec(argument_spec=CREDENTIAL_INFO)
        try:
            running = live.current()
            held = [described(running, credential) for credential in credentials_of(running.run)]
            return {**result, "changed": False, "grant": public_facts(running.run), "credentials": held}
        except BreakglassError as error:
            raise AnsibleActionFail(str(error)) from None
