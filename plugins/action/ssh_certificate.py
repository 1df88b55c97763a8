# SPDX-License-Identifier: GPL-3.0-or-later
"""Obtains an SSH certificate under the run's grant; documented in plugins/modules/ssh_certificate.py."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.action import handed_out
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.ssh_options import (
    host_order,
    user_order,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run import live
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.options import SSH_CERTIFICATE


class ActionModule(ActionBase):
    """Runs on the controller; obtains a certificate in check mode too, since reading hosts needs one."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(argument_spec=SSH_CERTIFICATE)
        try:
            running = live.current()
            if options["kind"] == "host":
                return {**result, **handed_out(host_order(running, options), running)}
            given = handed_out(user_order(running, options), running)
            run = running.run
            paths = {"private_key": run.key, "certificate": run.certificate, "known_hosts": run.known_hosts}
            return {**result, **given, **{f"{name}_path": str(path) for name, path in paths.items()}}
        except BreakglassError as error:
            raise AnsibleActionFail(str(error)) from None
