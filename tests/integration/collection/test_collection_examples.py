# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples in the documentation of our modules and lookups, run as they stand there."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import yaml
from tests.integration.collection.operator_run import OperatorRun, await_truth
from tests.support.postgresql import postgresql, programs
from tests.support.shop import ACCESS, MAIL, Shop

from breakglass.demo.parts import ssh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgresql import PostgreSQL

pytestmark = pytest.mark.slow

__all__ = ["postgresql"]

PLUGINS = "ansible_collections.breakglass.remediation.plugins"
PREFIX = "breakglass.remediation."
GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "credentials.md"
MODULES = ("grant", "ssh_certificate", "database_credential", "pki_certificate", "secret_file", "credential_info")
IN_EVERY_RESULT = {"changed", "failed"}
CHANGE_NOTHING = {"Know what this run holds (first)", "Open a grant that is long enough (first)"}
NOT_MADE_FOR_A_LOOK = {"Obtain one with which the shop proves itself for a month (again)"}
"""What outlives its grant is not obtained in check mode, so asking for it again would change something again."""
TIMES = ("first", "again")

Task = dict[str, object]


@pytest.fixture(scope="module")
def shop(postgresql: PostgreSQL) -> Iterator[Shop]:
    """A site with every engine that the examples name."""
    with Shop(postgresql) as prepared:
        yield prepared


@pytest.fixture
def shop_run(shop: Shop) -> Iterator[OperatorRun]:
    """A run in the shop's site, with the key of a host beside it and psql on the path."""
    with OperatorRun(shop.site) as run:
        keys = run.directory / "files" / "web1"
        keys.mkdir(parents=True)
        (keys / "ssh_host_ed25519_key.pub").write_text(f"{ssh.generate_key_pair().public_key} root@web1\n")
        run.environment["PATH"] = f"{programs()}:{run.environment['PATH']}"
        yield run


def _examples(kind: str, name: str) -> list[Task]:
    return cast("list[Task]", yaml.safe_load(import_module(f"{PLUGINS}.{kind}.{name}").EXAMPLES))


def _module(task: Task) -> str:
    return next((name.removeprefix(PREFIX) for name in task if name.startswith(PREFIX)), "")


def _closes(task: Task) -> bool:
    options = task.get(f"{PREFIX}grant")
    return isinstance(options, dict) and options.get("state") == "absent"


def _tasks() -> tuple[list[Task], list[Task]]:
    """Every task of the examples, and those that close the grant apart from the others."""
    found = [task for name in MODULES for task in _examples("modules", name)]
    found += _examples("lookup", "expected_duration")
    return [task for task in found if not _closes(task)], [task for task in found if _closes(task)]


def _twice(tasks: list[Task], prefix: str) -> list[Task]:
    """The tasks, and all of them again; what our modules return is kept."""
    made = []
    for time in TIMES:
        for number, task in enumerate(tasks):
            kept = {"register": f"{prefix}_{time}_{number}", **task} if _module(task) else task
            made.append({**kept, "name": f"{task['name']} ({time})"})
    return made


def _keep(tasks: list[Task], path: str) -> Task:
    """A task that writes down what the others returned."""
    returned = ", ".join(f"{json.dumps(task['name'])}: {task['register']}" for task in tasks)
    copy = {"content": f"{{{{ {{ {returned} }} | to_json }}}}", "dest": path, "mode": "0600"}
    return {
        "name": "Keep what was returned",
        "ansible.builtin.copy": copy,
        "check_mode": False,
        "delegate_to": "localhost",
    }


def _playbook(variables: dict[str, str], path: str) -> str:
    """One run with all examples: tasks twice, plays twice, and at last what closes the grant."""
    opening, closing = _tasks()
    head = {"hosts": "web", "gather_facts": False, "vars": variables}
    before, after = _twice(opening, "opening"), _twice(closing, "closing")
    ours = [task for task in (*before, *after) if _module(task)]
    kept = _keep(ours, path)
    lookups = _examples("lookup", "credential") * 2
    plays = [{"name": "Obtain", **head, "tasks": before}, *lookups, {"name": "Close", **head, "tasks": [*after, kept]}]
    return yaml.safe_dump(plays, sort_keys=False)


@pytest.mark.parametrize("mode", ["run", "check"])
def test_the_examples_work_and_do_nothing_twice(shop: Shop, shop_run: OperatorRun, mode: str) -> None:
    """Each example is ok, changes nothing when it is repeated in the same run, and leaves nothing behind."""
    path = shop_run.directory / "returned.json"
    text = _playbook(shop.variables, str(path))
    shop_run.playbook(text, *(["--check"] if mode == "check" else []))

    assert shop_run.code == 0, shop_run.text
    assert {status for found in shop_run.results().values() for status in found} <= {"ok", "skipped"}
    returned = json.loads(path.read_text())
    assert {
        name for name, result in returned.items() if result["changed"] != name.endswith("(first)")
    } == CHANGE_NOTHING | (NOT_MADE_FOR_A_LOOK if mode == "check" else set())
    users = {str(result["username"]) for result in returned.values() if "username" in result}
    assert len(users) == 2
    assert not any(shop.postgresql.exists(user) for user in users)
    (revoked,) = shop_run.bodies("grant.revoked")
    assert revoked["proven"]
    assert revoked["leases"] == 5  # two users, two certificates, a one-time password
    shop_run.assert_nothing_left()
    assert shop_run.verified().exit_code == 0
    _check_returned(returned, {"pki_host"} if mode == "run" else set())


def _check_returned(returned: dict[str, Task], outliving: set[str]) -> None:
    """What the modules return is exactly what they document; `outliving` are kinds that were obtained for longer."""
    opening, closing = _tasks()
    modules = {f"{task['name']} ({time})": _module(task) for task in (*opening, *closing) for time in TIMES}
    for name in MODULES:
        documented = yaml.safe_load(import_module(f"{PLUGINS}.modules.{name}").RETURN)
        found = [set(result) - IN_EVERY_RESULT for task, result in returned.items() if modules[task] == name]
        assert found
        assert set().union(*found) == set(documented), name
    (held, _) = [result for task, result in returned.items() if modules[task] == "credential_info"]
    documented = yaml.safe_load(import_module(f"{PLUGINS}.modules.credential_info").RETURN)
    assert set(cast("dict[str, object]", held["grant"])) == set(documented["grant"]["contains"])
    credentials = cast("list[dict[str, object]]", held["credentials"])
    assert {str(one["kind"]) for one in credentials} == {"ssh", "ssh_host", "database", "pki", "secret"} | outliving
    assert set.intersection(*map(set, credentials)) == set(documented["credentials"]["contains"])


def _play(*tasks: str, more: str = "") -> str:
    head = f"- name: A test\n  hosts: localhost\n  gather_facts: false\n  connection: local\n{more}"
    return head + "  tasks:\n" + "".join(tasks)


GRANT = f"    - breakglass.remediation.grant: {{access: {ACCESS}, reason: a test, time_box: 5m}}\n"
USER = "    - breakglass.remediation.database_credential: {role: shop-admin}\n"
ANYWAY = "      ignore_errors: true\n"


def test_a_grant_that_a_task_closes_is_gone_for_the_rest_of_the_run(shop: Shop, shop_run: OperatorRun) -> None:
    """`state: absent` proves in the middle of a run; what asks for more is refused with one sentence each."""
    close = "    - {breakglass.remediation.grant: {state: absent}, name: Close}\n"
    other = GRANT.replace("time_box: 5m", "time_box: 6m")
    late = USER.replace("shop-admin", "shop-reports")
    info = "    - {breakglass.remediation.credential_info: , name: Info, register: held}\n"
    empty = "    - ansible.builtin.assert: {that: held.grant | length == held.credentials | length == 0}\n"
    shop_run.playbook(_play(GRANT, USER, close, close, info, empty, USER, ANYWAY, late, ANYWAY, other))

    assert shop_run.code == 2, shop_run.text
    assert shop_run.text.count("This run's grant was closed, so nothing can be obtained under it any more.") >= 2
    assert "This run's grant was closed, and a run has only one. Open another in a run of its own." in shop_run.text
    assert "Traceback" not in shop_run.text
    closed = [body for body in shop_run.bodies("task.result") if "proven" in body]
    assert [(body["changed"], body["proven"]) for body in closed] == [(True, True), (False, True)]
    (user,) = {str(body["username"]) for body in shop_run.bodies("task.result") if "username" in body}
    assert not shop.postgresql.exists(user)
    (revoked,) = shop_run.bodies("grant.revoked")
    assert revoked["proven"]
    assert "Grant revoked, proven." in shop_run.text
    shop_run.assert_nothing_left()


def test_a_short_lived_grant_lasts_as_long_as_its_run(shop: Shop, shop_run: OperatorRun) -> None:
    """`short_lived` takes the token role whose tokens end soon after nobody renews them, and the run works to its end."""
    short = GRANT.replace("time_box", "short_lived: true, time_box")
    go = shop_run.directory / "go"
    wait = f"    - ansible.builtin.wait_for: {{path: {go}, timeout: 60, sleep: 1}}\n"
    process = shop_run.start(str(shop_run.write("play.yml", _play(short, USER, wait, USER))))
    _await(shop_run, "database_credential")
    (opened,) = shop_run.bodies("grant.opened")
    with shop_run.admin() as admin:
        token = admin.post("auth/token/lookup-accessor", {"accessor": opened["accessor"]})["data"]
    assert isinstance(token, dict)
    assert token["role"] == f"breakglass-short-{ACCESS}"
    assert int(token["ttl"]) <= 120
    go.touch()

    assert process.wait(60) == 0, shop_run.text
    (revoked,) = shop_run.bodies("grant.revoked")
    assert revoked["proven"]
    shop_run.assert_nothing_left()


def _await(run: OperatorRun, action: str) -> None:
    """Wait until a task of this action has a result."""

    def there() -> bool:
        if not list(run.journal.glob("*/*/*/*/play-1.jsonl")):
            return False
        asked = {body["task"] for body in run.bodies("task.intent") if str(body["action"]).endswith(action)}
        return any(body["task"] in asked for body in run.bodies("task.result"))

    await_truth(there, 60)


def test_a_box_that_is_too_short_is_refused_before_anything_is_minted(shop_run: OperatorRun) -> None:
    """A time box below the remediation's expected duration fails at once with one sentence, and nothing is opened."""
    shop_run.playbook(_play(GRANT.replace("time_box: 5m", "time_box: 30s, expected_duration: 60s"), USER))
    assert shop_run.code == 2
    assert "The time box of 30s is shorter than the 60s that this remediation takes as a rule" in shop_run.text
    assert "Ask for a longer time box." in shop_run.text
    assert "grant.opened" not in shop_run.kinds()
    shop_run.assert_nothing_left()


def test_the_play_of_the_guide_works(shop: Shop, shop_run: OperatorRun) -> None:
    """The play that the guide about credentials shows runs as it stands there, and leaves nothing behind."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    text = next(block for block in blocks if "breakglass.remediation.database_credential" in block)
    shop_run.playbook(text, "-e", json.dumps(shop.variables))
    assert shop_run.code == 0, shop_run.text
    assert {status for found in shop_run.results().values() for status in found} == {"ok"}
    (revoked,) = shop_run.bodies("grant.revoked")
    assert (revoked["proven"], revoked["leases"]) == (True, 1)
    shop_run.assert_nothing_left()


GROUP_VARS = """
ansible_user: breakglass
ansible_ssh_private_key_file: "{{ lookup('breakglass.remediation.credential', 'ssh') }}"
ansible_control_path_dir: "{{ lookup('breakglass.remediation.credential', 'control') }}"
ansible_ssh_common_args: >-
  -o UserKnownHostsFile={{ lookup('breakglass.remediation.credential', 'known_hosts') }}
  -o HostKeyAlias={{ inventory_hostname }}
shop_password_file: "{{ lookup('breakglass.remediation.credential', 'database/pgpass') }}"
"""
EVERYWHERE = """- name: Repair the database
  hosts: db
  gather_facts: false
  module_defaults:
    group/breakglass.remediation.vault:
      url: {url}
      auth_method: token
      token: "{{{{ lookup('ansible.builtin.env', 'SHOP_TOKEN') }}}}"
  tasks:
    - name: Open and obtain
      delegate_to: localhost
      run_once: true
      block:
        - breakglass.remediation.grant: {{access: shop-operator, reason: a test, time_box: 5m}}
        - breakglass.remediation.ssh_certificate: {{hosts: "{{{{ ansible_play_hosts_all }}}}"}}
        - breakglass.remediation.database_credential: {{role: shop-admin}}
        - breakglass.remediation.secret_file: {{path: shop/mail}}
        - {{breakglass.remediation.credential_info: , register: held}}
        - name: Nothing that is shown is secret
          ansible.builtin.assert:
            that:
              - held.credentials | map(attribute='name') == ['database', 'secret', 'ssh']
              - password | length > 8
              - password not in (held | to_json)
          vars:
            password: "{{{{ (lookup('ansible.builtin.file', shop_password_file) | split(':'))[-1] }}}}"
    - name: Look at the host
      ansible.builtin.command: "true"
"""


def test_the_lookup_works_in_group_vars_and_the_login_in_module_defaults(shop: Shop, shop_run: OperatorRun) -> None:
    """Paths stand in group_vars before anything was obtained; address and login come from the action group alone."""
    place = shop_run.directory / "group_vars"
    place.mkdir()
    (place / "db.yml").write_text(GROUP_VARS)
    text = EVERYWHERE.format(url=shop.site.vault.url)
    shop_run.playbook(text, VAULT_ADDR="", VAULT_TOKEN="", SHOP_TOKEN=shop.site.vault.root_token)

    assert shop_run.code == 0, shop_run.text
    assert shop_run.results()["Look at the host"] == ["ok"]
    assert not any(values["MAIL_PASSWORD"] in shop_run.text for values in MAIL)
    (revoked,) = shop_run.bodies("grant.revoked")
    assert revoked["proven"]
    assert any("kv/data/shop/mail" in str(one) for one in cast("list[object]", revoked["remains"]))
    shop_run.assert_nothing_left()
