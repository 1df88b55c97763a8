# SPDX-License-Identifier: GPL-3.0-or-later
"""Obtains an X.509 certificate under the run's grant; documented in plugins/modules/pki_certificate.py."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.action import (
    credential_name,
    handed_out,
    longest,
    texts,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.pki import PkiOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.options import PKI_CERTIFICATE


class ActionModule(ActionBase):
    """Runs on the controller; obtains a certificate in check mode too, since asking a service needs one."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(argument_spec=PKI_CERTIFICATE)
        try:
            order = PkiOrder(
                name=credential_name(options),
                mount=str(options["engine_mount_point"]),
                role=str(options["role"]),
                form=str(options["format"]),
                common_name=str(options["common_name"]),
                alternative_names=texts(options, "alt_names"),
                addresses=texts(options, "ip_sans"),
                longest=longest(options),
                lease_required=bool(options["lease_required"]),
            )
            return {**result, **handed_out(order)}
        except BreakglassError as error:
            raise AnsibleActionFail(str(error)) from None
