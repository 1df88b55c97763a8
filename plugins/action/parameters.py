# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the parameters of the role that the task stands in; documented in plugins/modules/parameters.py."""

from __future__ import annotations

from pathlib import Path

import yaml
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._parameters.checking import (
    check,
    declared_kinds,
    lists_of,
)


class ActionModule(ActionBase):
    """Runs on the controller, and on no host."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        self.validate_argument_spec(argument_spec={})
        role = getattr(self._task, "_role", None)
        if role is None:
            raise AnsibleActionFail("breakglass.remediation.parameters belongs into a role: it checks the role's own.")
        meta = Path(role._role_path) / "meta"
        try:
            kinds = declared_kinds(_read(meta / "remediation.yml"))
            values = {name: self._templar.template(task_vars[name]) for name in kinds if name in task_vars}
            options = _read(meta / "argument_specs.yml")["argument_specs"]["main"].get("options") or {}
            check(kinds, values, _defaults(options), lists_of(options))
        except BreakglassError as error:
            raise AnsibleActionFail(str(error)) from None
        except (OSError, yaml.YAMLError) as error:
            raise AnsibleActionFail(f"The files in {meta} can't be read: {type(error).__name__}.") from None
        return {**result, "changed": False, "checked": sorted(values)}


def _read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _defaults(options):
    return {name: option["default"] for name, option in options.items() if "default" in option}
