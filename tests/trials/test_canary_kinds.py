# SPDX-License-Identifier: GPL-3.0-or-later
"""Invariant 2, for every kind of credential and every login method: no secret is anywhere but in the run's own files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.canary_ground import TOKEN_METHODS, CanaryGround
from tests.support.canary_run import CanaryRun

if TYPE_CHECKING:
    from collections.abc import Iterator

METHODS = ("token", "token-file", "approle", "wrapped-approle", "jwt", "kubernetes", "cert", "userpass-mfa", "ldap")
pytestmark = pytest.mark.timeout(240)
FAILED = 2
# Each shows one secret in one more place.
PLANTED = """
    - name: Leak into the output, the log and the fact cache
      ansible.builtin.set_fact: {leak: "{{ lookup('file', lookup('breakglass.remediation.credential', 'pki/private_key.pem')) }}",
        cacheable: true}
    - name: Leak into a command line and an environment
      ansible.builtin.command: {argv: [sh, -c, "sleep 0.3; : $0", "{{ lookup('file', path) }}"]}
      environment: {LEAK: "{{ lookup('file', path) }}"}
      vars: {path: "{{ lookup('breakglass.remediation.credential', 'database_plain/password') }}"}
    - name: Leak into a file, in disguise
      ansible.builtin.shell: base64 -w0 < "$(dirname {{ lookup('breakglass.remediation.credential', 'ssh') }})"/../../token > ~/disguised
    - name: Leak into a place that all share
      ansible.builtin.tempfile: {path: /tmp}
      register: shared
    - name: Write there
      ansible.builtin.copy: {src: "{{ lookup('breakglass.remediation.credential', 'keystore/passphrase') }}", dest: "{{ shared.path }}"}
    - name: Have it removed by the test
      ansible.builtin.copy: {content: "{{ shared.path }}", dest: "{{ lookup('env', 'HOME') }}/shared"}
"""


@pytest.fixture(scope="module")
def ground() -> Iterator[CanaryGround]:
    """The servers for all of these."""
    with CanaryGround() as made:
        yield made


@pytest.mark.parametrize("method", METHODS)
def test_no_secret_of_any_kind_is_left_or_shown(ground: CanaryGround, method: str) -> None:
    """At -vvvv, with log, fact cache and remote files kept, nothing that OpenBao handed out or took is to be found."""
    with ground.way(method) as way, CanaryRun(ground, way) as run:
        run.start(**({"ANSIBLE_DEBUG": "1"} if method == "token" else {}))
        run.look()
        assert run.end() == FAILED, run.output[-3000:]
        assert run.output.count("proven.") == 1
        assert list(run.runs.iterdir()) == []
        tokens = {token.encode() for token in ground.tokens(run.since)}
        assert len(tokens) == 1 + (method not in TOKEN_METHODS)  # the grant's, and that of a login that the run makes
        assert tokens <= run.secrets
        leaks = run.leaks()
        assert leaks == [], "\n".join(leaks)
        assert way.faults == []


def test_the_search_finds_what_is_planted(ground: CanaryGround) -> None:
    """A secret in output, log, fact cache, home, kept remote files, a shared place, a command line or environment is found."""
    with ground.way("token") as way, CanaryRun(ground, way) as run:
        run.start(PLANTED)
        run.look()
        run.end()
        shared = Path((run.home / "shared").read_text(encoding="utf-8"))
        shared.unlink()
        found = {leak.rpartition(": ")[0] for leak in run.leaks()}
        home = str(run.home)
        for place in (f"{home}/output", f"{home}/ansible.log", f"{home}/disguised", str(shared)):
            assert place in found
        assert any(f"{home}/facts/" in place for place in found)
        assert any(f"{home}/.ansible/tmp" in place for place in found)
        assert any("sleep 0.3" in place for place in found)
