# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules document is what their actions take."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.breakglass.remediation.plugins.doc_fragments.vault import ModuleDocFragment
from ansible_collections.breakglass.remediation.plugins.modules import grant, ssh_certificate
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.options import GRANT, SSH_CERTIFICATE

FRAGMENT = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]


@pytest.mark.parametrize(
    ("text", "spec"), [(grant.DOCUMENTATION, GRANT), (ssh_certificate.DOCUMENTATION, SSH_CERTIFICATE)]
)
def test_documentation_and_argument_spec_say_the_same(text: str, spec: dict[str, dict[str, object]]) -> None:
    """Names, types, defaults, choices and what is required agree, option by option."""
    documented = {**FRAGMENT, **yaml.safe_load(text)["options"]}
    assert documented.keys() == spec.keys()
    for name, option in spec.items():
        said = {key: value for key, value in documented[name].items() if key != "description"}
        assert said == {key: value for key, value in option.items() if key != "no_log"}, name


def test_what_logs_in_is_never_logged() -> None:
    """Token, secret id and a proxy's password are hidden by Ansible itself."""
    assert {name for name, option in GRANT.items() if option.get("no_log")} == {"token", "secret_id", "proxies"}
