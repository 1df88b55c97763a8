# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a secret into a file of the run; documented in plugins/modules/secret_file.py."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.action import (
    credential_name,
    handed_out,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.secret import SecretOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.options import SECRET_FILE
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.secret import Engine, SecretRequest


class ActionModule(ActionBase):
    """Runs on the controller; reads the secret in check mode too, since what follows may need its file."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(argument_spec=SECRET_FILE)
        try:
            request = SecretRequest(
                engine=Engine(options["engine"]),
                mount=str(options["engine_mount_point"]),
                path=str(options["path"]),
                version=int(options["version"]),
                parameters=options["parameters"],
            )
            order = SecretOrder(credential_name(options), request, str(options["format"]), str(options["key"]))
            return {**result, **handed_out(order)}
        except BreakglassError as error:
            raise AnsibleActionFail(str(error)) from None
