# SPDX-License-Identifier: GPL-3.0-or-later
"""One grant a run: in batches, with several hosts at once, and in whatever order the hosts come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from tests.integration.collection.operator_run import GRANT, PROVEN, OperatorRun, play

from breakglass.demo.parts import prepare_host, prepare_vault
from breakglass.demo.ssh_host import SshHost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.site import Site

BATCHES = """---
- name: Restart the shop on the web hosts, under a ten-minute grant
  hosts: web
  serial: 1
  gather_facts: false
  module_defaults:
    group/breakglass.remediation.vault:
      url: {url}
      auth_method: token
  vars:
    ansible_user: breakglass
    ansible_ssh_private_key_file: "{{{{ lookup('breakglass.remediation.credential', 'ssh') }}}}"
    ansible_control_path_dir: "{{{{ lookup('breakglass.remediation.credential', 'control') }}}}"
    ansible_ssh_common_args: >-
      -F /dev/null -o HostKeyAlias={{{{ inventory_hostname }}}}
      -o UserKnownHostsFile={{{{ lookup('breakglass.remediation.credential', 'known_hosts') }}}}

  pre_tasks:
    - name: Open the grant
      breakglass.remediation.grant:
        access: web-operator
        time_box: 10m
        reason: the shop answers 502 since 02:51
        ticket: OPS-4711
      delegate_to: localhost
      become: false
      run_once: true

    - name: Obtain a certificate for these hosts
      breakglass.remediation.ssh_certificate:
        hosts: "{{{{ ansible_play_hosts_all }}}}"
      delegate_to: localhost
      become: false
      run_once: true

  tasks:
    - name: Look
      ansible.builtin.command: "true"
"""
FIVE = "all: {hosts: {h1: , h2: , h3: , h4: , h5: }}\n"


@pytest.fixture(scope="module")
def two_hosts(site: Site) -> Iterator[Site]:
    """The site with a second host in the same group."""
    inventory = yaml.safe_load(site.place.inventory.read_text(encoding="utf-8"))
    hosts = inventory["web"]["hosts"]
    (site.scratch / "second").mkdir()
    with SshHost(prepare_host(site.scratch / "second", site.environment, "web2", "breakglass")) as second:
        hosts["web2"] = {**hosts["web1"], "ansible_port": second.port}
        site.place.inventory.write_text(yaml.safe_dump(inventory), encoding="utf-8")
        prepare_vault(site.place.settings, site.environment)
        yield site


def test_batches_share_one_grant_and_one_certificate(two_hosts: Site) -> None:
    """With `serial: 1`, `run_once` runs once a batch, and the second batch gets what the first one opened."""
    with OperatorRun(two_hosts) as run:
        run.playbook(BATCHES.format(url=two_hosts.vault.url), VAULT_ADDR="")
        assert run.code == 0, run.text
        assert len(run.bodies("grant.opened")) == len(run.bodies("grant.revoked")) == 1
        assert run.bodies("grant.opened")[0]["ticket"] == "OPS-4711"
        ours = [body for body in run.bodies("task.result") if "accessor" in body or "serial" in body]
        assert [body["changed"] for body in ours] == [True, True, False, False]
        assert ours[0]["accessor"] == ours[2]["accessor"]
        assert ours[1]["serial"] == ours[3]["serial"]
        assert ours[1]["principals"] == ["web1", "web2"]
        assert run.results()["Look"] == ["ok", "ok"]
        assert run.text.count("Grant open until") == run.text.count(PROVEN) == 1
        run.assert_nothing_left()
        assert run.verified().exit_code == 0


@pytest.mark.parametrize("strategy", ["linear", "free"])
def test_five_hosts_at_once_open_one_grant(run: OperatorRun, strategy: str) -> None:
    """Five workers ask at the same moment: one opens the grant, the others get it, and one certificate serves all."""
    tasks = GRANT + "    - name: Wait for nothing\n      ansible.builtin.command: 'true'\n"
    inventory = run.write("five.yml", FIVE)
    run.playbook(play(tasks, "h*", f"  strategy: {strategy}\n"), "-i", str(inventory), "--forks", "5")
    assert run.code == 0, run.text
    (opened,) = run.bodies("grant.opened")
    grants = [body for body in run.bodies("task.result") if "accessor" in body]
    assert sorted(bool(body["changed"]) for body in grants) == [False, False, False, False, True]
    assert {body["accessor"] for body in grants} == {opened["accessor"]}
    assert run.results()["Wait for nothing"] == ["ok"] * 5
    assert run.last_line == PROVEN
    run.assert_nothing_left()


def test_a_run_has_one_access(run: OperatorRun) -> None:
    """A second grant for another access is refused, and the first one is closed all the same."""
    other = "    - breakglass.remediation.grant: {access: db-operator, reason: a test}\n"
    run.playbook(play(GRANT + other))
    assert "This run has a grant for the access web-operator; it can't have another for db-operator." in run.text
    assert run.last_line == PROVEN
    run.assert_nothing_left()


def test_a_grant_in_a_loop_or_under_no_log_is_closed_like_any_other(run: OperatorRun) -> None:
    """What Ansible hides or wraps of the task's result does not hide the grant from the callback."""
    hidden = GRANT + "      no_log: true\n      loop: [1, 2]\n"
    run.playbook(play(hidden))
    assert run.code == 0, run.text
    assert run.last_line == PROVEN
    assert run.kinds()[-2:] == ["run.ended", "grant.revoked"]
    run.assert_nothing_left()
