# SPDX-License-Identifier: GPL-3.0-or-later
"""The remediation of an operator without the runner, from the login to the anchored journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import OPERATOR_POLICY
from tests.integration.collection.operator_run import GRANT, PROVEN, await_truth, play

if TYPE_CHECKING:
    from tests.integration.collection.operator_run import OperatorRun


def _assert_good_end(run: OperatorRun) -> None:
    assert run.code == 0, run.text
    assert run.last_line.startswith(PROVEN)
    (opened,) = run.bodies("grant.opened")
    assert not run.token_lives(str(opened["accessor"]))
    run.assert_nothing_left()
    verified = run.verified()
    assert verified.exit_code == 0, verified.text()
    report = verified.report
    credentials = any("principals" in body for body in run.bodies("task.result"))
    assert len(report.streams) == 2 + credentials  # with one of their own
    assert all(stream.signed_at for stream in report.streams)
    assert "anchor" in verified.text().lower()


def test_a_least_privileged_operator_repairs_a_host_and_leaves_a_sealed_journal(run: OperatorRun) -> None:
    """With nothing but the operator's policy: certificate, role, journal, proof; and the person's token is left alone."""
    run.site.service.kill()
    token = run.token([OPERATOR_POLICY])
    before = run.accessors()
    run.remediate(VAULT_TOKEN=token)
    _assert_good_end(run)
    assert run.site.service_answers()
    assert before <= run.accessors()
    kinds = run.kinds()
    assert kinds[0] == "run.started"
    assert kinds[-2:] == ["run.ended", "grant.revoked"]
    assert run.bodies("run.started")[0]["door"] == "ansible-playbook"
    (opened,) = run.bodies("grant.opened")
    assert (opened["access"], opened["reason"]) == ("web-operator", "the shop is down")
    (certificate,) = [body for body in run.bodies("task.result") if "principals" in body]
    assert certificate["principals"] == ["web1"]
    assert str(certificate["serial"]).isdigit()
    (revoked,) = run.bodies("grant.revoked")
    assert revoked["accessor"] == opened["accessor"]
    assert revoked["proven"] is True
    assert "for web1 expires at" in str(revoked["remains"])
    assert run.results()["breakglass.remediation.restart_service : Restart shop"] == ["ok"]


def test_the_token_file_of_vault_login_is_enough(run: OperatorRun) -> None:
    """Without VAULT_TOKEN the file that `vault login` wrote is taken, and its token lives on."""
    run.write(".vault-token", run.token([OPERATOR_POLICY]) + "\n").chmod(0o600)
    before = run.accessors()
    run.playbook(play(GRANT), VAULT_TOKEN="", HOME=str(run.directory))
    _assert_good_end(run)
    assert before <= run.accessors()


def test_an_approle_login_is_made_for_the_run_and_revoked_with_it(run: OperatorRun) -> None:
    """A role id and a secret id log in; what that login minted and the login itself are gone afterwards."""
    with run.admin() as admin:
        body = {"token_policies": [OPERATOR_POLICY], "token_no_default_policy": True, "token_ttl": "20m"}
        admin.post("auth/approle/role/operator", body)
        role = admin.get("auth/approle/role/operator/role-id")["data"]
        secret = admin.post("auth/approle/role/operator/secret-id", {})["data"]
    role_id, secret_id = role["role_id"], secret["secret_id"]  # type: ignore[index,call-overload]
    run.remediate(VAULT_TOKEN="", VAULT_ROLE_ID=str(role_id), VAULT_SECRET_ID=str(secret_id))
    await_truth(lambda: not run.minted())
    _assert_good_end(run)
    assert str(secret_id) not in run.text + run.stream().read_text(encoding="utf-8")
