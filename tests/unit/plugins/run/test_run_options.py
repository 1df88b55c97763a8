# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules document is what their actions take."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.breakglass.remediation.plugins.doc_fragments.vault import ModuleDocFragment
from ansible_collections.breakglass.remediation.plugins.modules import grant, ssh_certificate
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.options import (
    CONNECTION,
    GRANT,
    SSH_CERTIFICATE,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import known_methods

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
    """Tokens, secret ids, passwords, passcodes and a proxy's password are hidden by Ansible itself, and nothing else is."""
    secrets = {"token", "secret_id", "wrapped_secret_id", "jwt", "password", "mfa_passcode", "proxies"}
    assert {name for name, option in CONNECTION.items() if option.get("no_log")} == secrets


def test_the_fragment_documents_the_connection_and_nothing_else() -> None:
    """The doc fragment and the specs of the connection have the same options, types and choices."""
    plain = {name: {key: said[key] for key in said if key != "no_log"} for name, said in CONNECTION.items()}
    assert {name: {key: said[key] for key in said if key != "description"} for name, said in FRAGMENT.items()} == plain


def test_each_secret_of_a_login_may_come_from_a_file() -> None:
    """For every hidden option of a login there is one that names a file, and that name is not hidden."""
    for name in ("secret_id", "wrapped_secret_id", "jwt", "password", "mfa_passcode"):
        assert CONNECTION[f"{name}_file"]["type"] == "path"
        assert not CONNECTION[f"{name}_file"].get("no_log")


def test_every_login_method_is_documented() -> None:
    """The option auth_method names every module of the folder of login methods."""
    said = " ".join(FRAGMENT["auth_method"]["description"])
    assert all(f"V({name})" in said for name in known_methods())
