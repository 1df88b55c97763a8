# SPDX-License-Identifier: GPL-3.0-or-later
"""A site with people: logins of userpass, entities with the metadata `person`, groups, second factors, and calls of the API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import section, text, texts
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.connection import Connection
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.names import (
    IDENTITY_TOKEN_PATH,
    OPERATOR_POLICY,
)
from tests.support.passcode import PERIOD_SECONDS, passcode
from tests.support.site import Site

from breakglass.demo.parts import free_port, prepare_vault
from breakglass.enrolling import enrol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from breakglass.demo.serving import Serving

LATEST_SECOND = 18
PASSWORD = "not-a-secret"


@dataclass
class Member:
    """Somebody of the office.

    Attributes:
        name: Of the entity, and of the person.
        entity: Its id.
        token: Of a login in Vault.
        factor: Address of the second factor; empty without one.
    """

    name: str
    entity: str
    token: str = field(repr=False)
    factor: str = field(default="", repr=False)
    _last_step: int = 0

    def code(self) -> str:
        """The code of this moment, with time left to use it; waits for the next one when this one was given out already."""
        while int(time.time() // PERIOD_SECONDS) == self._last_step or time.time() % PERIOD_SECONDS > LATEST_SECOND:
            time.sleep(0.2)
        self._last_step = int(time.time() // PERIOD_SECONDS)
        return passcode(self.factor, time.time())


@dataclass(frozen=True)
class Office:
    """A site, its runner, and who works there.

    Attributes:
        site: The site.
        runner: Its runner.
        admin: A client that may do everything in Vault.
    """

    site: Site
    runner: Serving
    admin: Client

    def hire(self, name: str, *groups: str, person: str = "", factor: bool = True) -> Member:
        """Give somebody a login, an entity, groups and a second factor."""
        body = {"password": PASSWORD, "token_policies": [OPERATOR_POLICY]}
        self.admin.post(f"auth/userpass/users/{name}", body)
        auth = section(self.admin.post(f"auth/userpass/login/{name}", {"password": PASSWORD}), "auth")
        entity = text(auth, "entity_id")
        self.admin.post(f"identity/entity/id/{entity}", {"name": name, "metadata": {"person": person or name}})
        made = Member(name, entity, text(auth, "client_token"))
        for group in groups:
            self.join(made, group)
        if factor:
            made.factor = enrol(self.admin, person or name, replace=True).address
        return made

    def join(self, member: Member, group: str) -> None:
        """Put somebody into a group that `vault apply` made."""
        self._change_group(group, lambda members: [*members, member.entity])

    def leave(self, member: Member, group: str) -> None:
        """Take somebody out of it."""
        self._change_group(group, lambda members: [one for one in members if one != member.entity])

    def identity_token(self, member: Member) -> str:
        """What they show to the runner."""
        return text(section(self.admin.with_token(member.token).get(IDENTITY_TOKEN_PATH), "data"), "token")

    def call(self, method: str, path: str, who: Member | str, body: object = None) -> tuple[int, dict[str, object]]:
        """One call of the API: status and answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.runner.url}/api/v1{path}", data, method=method)
        bearer = who if isinstance(who, str) else self.identity_token(who)
        request.add_header("Authorization", f"Bearer {bearer}")
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def answer(self, incident: str, who: Member, *, yes: bool = True, **other: str) -> tuple[int, dict[str, object]]:
        """Say yes or no to what waits, with the code of this moment."""
        _, question = self.call("GET", f"/approvals/{incident}", who)
        said = {"digest": question.get("digest", ""), "yes": yes, "reason": "as agreed", **other}
        return self.call("POST", f"/approvals/{incident}", who, {"code": other.get("code") or who.code(), **said})

    def run(self, who: Member, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
        """`breakglass …` on this member's own machine, with these lines on standard input."""
        home = self.site.scratch / f"home-{who.name}"
        home.mkdir(mode=0o700, exist_ok=True)
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("VAULT_", "BAO_", "BREAKGLASS_"))
        }
        environment |= {"HOME": str(home), "VAULT_ADDR": self.site.vault.url, "BREAKGLASS_RUNNER": self.runner.url}
        environment.pop("XDG_STATE_HOME", None)
        command = [sys.executable, "-m", "breakglass.cli.main", *words]
        return subprocess.run(
            command,
            input=said,
            env=environment,
            text=True,
            capture_output=True,
            check=False,
            timeout=60,
            start_new_session=True,
        )

    def log_in(self, who: Member) -> str:
        """Log in at the command line; what it said."""
        done = self.run(who, "login", "--username", who.name, said=f"{PASSWORD}\n")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _change_group(self, name: str, change: object) -> None:
        group = section(self.admin.get(f"identity/group/name/{name}"), "data")
        members = texts(group, "member_entity_ids")
        self.admin.post(f"identity/group/name/{name}", {"member_entity_ids": change(members)})  # type: ignore[operator]


def _give_address(path: Path) -> None:
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    address = f"127.0.0.1:{free_port()}"
    path.write_text(
        yaml.safe_dump({**settings, "listen": address, "public_url": f"http://{address}"}), encoding="utf-8"
    )


@contextmanager
def open_office(
    policy: str,
    prepare: Callable[[Site], None] = lambda _site: None,
    *,
    hand_out: bool = False,
    pages: bool = False,
    change: Callable[[str], str] = str,
) -> Iterator[Office]:
    """An office whose policy has these further sections; Vault knows its groups.

    `prepare` changes the site before anybody reads it. With `hand_out`, who asked may take the grant to their own machine.
    With `pages`, people can sign in at the runner's. `change` edits what the policy was before.
    """
    with Site() as site:
        if pages:
            _give_address(site.place.settings)
        text = change(site.place.policy.read_text(encoding="utf-8")) + policy
        if hand_out:
            text = text.replace("hosts: [web]\n", "hosts: [web]\n    hand_out: true\n")
        site.place.policy.write_text(text, encoding="utf-8")
        prepare(site)
        prepare_vault(site.place.settings, site.environment)
        with Client(Connection(url=site.vault.url), site.vault.root_token) as admin, site.runner() as runner:
            admin.post("sys/auth/userpass", {"type": "userpass"})
            yield Office(site, runner, admin)
