# SPDX-License-Identifier: GPL-3.0-or-later
"""Obtains a database user under the run's grant; documented in plugins/modules/database_credential.py."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.action import (
    credential_name,
    handed_out,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.database import DatabaseOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run import live
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.options import DATABASE_CREDENTIAL


class ActionModule(ActionBase):
    """Runs on the controller; obtains a user in check mode too, since looking at a database needs one."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(argument_spec=DATABASE_CREDENTIAL)
        try:
            running, name = live.current(), credential_name(options)
            server = {"host": "login_host", "port": "login_port", "database": "login_db"}
            order = DatabaseOrder(
                name=name,
                mount=str(options["engine_mount_point"]),
                role=str(options["role"]),
                form=str(options["format"]),
                directory=running.run.credential(name),
                server={part: str(options[option]) for part, option in server.items()},
            )
            return {**result, **handed_out(order, running)}
        except BreakglassError as error:
            raise AnsibleActionFail(str(error)) from None
