# SPDX-License-Identifier: GPL-3.0-or-later
"""Obtains an X.509 certificate under the run's grant; documented in plugins/modules/pki_certificate.py."""

from __future__ import annotations

from datetime import timedelta

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.action import (
    credential_name,
    handed_out,
    longest,
    texts,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.order import UnusableOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.pki import PkiOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.pki_host import PkiHostOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.options import PKI_CERTIFICATE

HOST_LIFE = timedelta(days=30)


class ActionModule(ActionBase):
    """Runs on the controller; obtains a certificate in check mode too, since asking a service needs one."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(argument_spec=PKI_CERTIFICATE)
        try:
            if options["kind"] == "host":
                return {**result, **self._for_a_host(options)}
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

    def _for_a_host(self, options):
        if options["format"] != "pem":
            raise UnusableOrder("A certificate of kind: host comes as PEM files: drop format.")
        order = PkiHostOrder(
            name=credential_name(options),
            mount=str(options["engine_mount_point"]),
            role=str(options["role"]),
            common_name=str(options["common_name"]),
            alternative_names=texts(options, "alt_names"),
            addresses=texts(options, "ip_sans"),
            longest=longest(options) or HOST_LIFE,
        )
        if self._task.check_mode:  # what outlives the grant is not made for a look
            return {
                "changed": True,
                "name": order.name,
                "kind": order.kind,
                "common_name": order.common_name,
                "files": {},
            }
        return handed_out(order)
