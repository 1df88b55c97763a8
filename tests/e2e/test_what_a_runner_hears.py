# SPDX-License-Identifier: GPL-3.0-or-later
"""All that people's commands send to a runner, overheard: no Vault token of theirs and no password is among it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.e2e.test_approvals import POLICY
from tests.e2e.test_handed_out import mine
from tests.support.cut_proxy import CutProxy, _Link
from tests.support.office import PASSWORD, Member, Office, open_office
from tests.support.traces import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

VAULT_TOKEN = re.compile(rb"(?<![A-Za-z0-9_-])(?:hv[sbr]|[sbr])\.[A-Za-z0-9_-]{20,}")
"""Of Vault or OpenBao, also a wrapping one."""


class Overheard(CutProxy):
    """Passes everything on, and keeps what goes to the runner."""

    def __init__(self, target: str) -> None:
        self.heard = b""
        super().__init__(target)

    def _may_pass(self, link: _Link, request: bytes) -> bool:
        self.heard += request
        return super()._may_pass(link, request)


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """One runner for all."""
    with open_office(POLICY, hand_out=True) as made, pytest.MonkeyPatch.context() as patch:
        (made.site.scratch / "run").mkdir(mode=0o700)
        patch.setenv("XDG_RUNTIME_DIR", str(made.site.scratch / "run"))
        yield made


def kept_token(office: Office, who: Member) -> str:
    """Of the login on their machine."""
    path = office.site.scratch / f"home-{who.name}" / ".local" / "state" / "breakglass" / "login.json"
    return str(json.loads(path.read_text(encoding="utf-8"))["token"])


def test_the_pattern_knows_the_tokens_of_this_vault(office: Office) -> None:
    """The control of what follows."""
    ada = office.hire("ada", "web-team", factor=False)
    assert VAULT_TOKEN.search(b"X-Vault-Token: " + ada.token.encode())


def test_no_vault_token_and_no_password_reaches_the_runner(office: Office) -> None:
    """From the login to a credential on their own machine, and out again; codes and identity tokens do, as they must."""
    ada = office.hire("ada", "web-team", factor=False)
    approvers = [office.hire("ben", "dba"), office.hire("cy", "security")]
    with Overheard(office.runner.url) as way:
        for who in (ada, *approvers):
            done = office.run(who, "login", "--username", who.name, "--runner", way.url, said=f"{PASSWORD}\n")
            assert done.returncode == 0, done.stderr
        secrets = [PASSWORD, *(kept_token(office, who) for who in (ada, *approvers))]
        asking = ("--host", "web1", "--reason", "locks on orders", "--time-box", "2m")
        command = [sys.executable, "-m", "breakglass.cli.main", "with", "web-operator", *asking, "--", "true"]
        with subprocess.Popen(command, env=mine(office, ada), stderr=subprocess.PIPE, text=True) as taking:
            wait_until(lambda: office.call("GET", "/approvals", approvers[0])[1]["items"], 30, "nobody is asked")
            (question,) = office.call("GET", "/approvals", approvers[0])[1]["items"]  # type: ignore[misc]
            codes = [who.code() for who in approvers]
            for who, code in zip(approvers, codes, strict=True):
                done = office.run(who, "approve", question["incident"], said=f"{code}\n")
                assert done.returncode == 0, done.stderr
            told = taking.communicate(timeout=60)[1]
        assert (taking.returncode, "Grant revoked, proven." in told) == (0, True), told
        for words in (("whoami",), ("incidents",), ("show", str(question["incident"])), ("logout",)):
            assert office.run(ada, *words).returncode == 0
        heard = way.heard
    assert heard.count(b"Authorization: Bearer eyJ") > len(approvers)
    assert all(code.encode() in heard for code in codes)
    assert [secret for secret in secrets if secret.encode() in heard] == []
    assert VAULT_TOKEN.findall(heard) == []
