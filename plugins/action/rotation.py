# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotates a secret at its source under the run's grant; documented in plugins/modules/rotation.py."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.action import (
    credential_name,
    handed_out,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.order import UnusableOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.rotation import RotationOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.duration import duration
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.options import ROTATION
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.rotation import KeptValue, StaticPassword


class ActionModule(ActionBase):
    """Runs on the controller; in check mode it reads, and says whether it would rotate."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(argument_spec=ROTATION)
        try:
            order = RotationOrder(
                name=credential_name(options),
                source=_source(options),
                older_than=duration(str(options["older_than"])),
                form=str(options["format"]),
                key=str(options["key"]),
                only_look=bool(self._task.check_mode),
            )
            told = handed_out(order)
        except BreakglassError as error:
            raise AnsibleActionFail(str(error)) from None
        return {**result, **told, "changed": bool(told["changed"]) and bool(told["rotated"])}


def _source(options):
    role, path = str(options["role"] or ""), str(options["path"] or "")
    if bool(role) == bool(path):
        raise UnusableOrder("Give role, a static role of a database engine, or path, a secret of a store; not both.")
    if role:
        return StaticPassword(str(options["engine_mount_point"] or "database"), role)
    return KeptValue(str(options["engine_mount_point"] or "kv"), path, str(options["key"]))
