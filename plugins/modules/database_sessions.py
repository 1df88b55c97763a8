# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: database_sessions
short_description: Looks at the connections of a PostgreSQL, and ends sessions that are over a limit
description:
  - Works on the host of the database, with its C(psql) and C(pg_isready). Says whether it runs, where it listens, whether it
    lets anybody in, who holds its connections, and which sessions are over a limit.
  - Sessions over a limit are those that have been idle in a transaction, or at one query, for too long. Sessions that are only
    idle are among them when fewer connections are free than are wanted, the longest idle first, and only as many as that takes.
  - Sessions of superusers, of replication, of roles that make roles (such as Vault's own), of roles that may end sessions (such
    as this module's), and of O(protected_roles) are never touched.
  - A query is cancelled first. When it goes on for O(grace) seconds more its session is ended.
  - Looking logs in as O(account) at the local socket, which takes one of the connections that PostgreSQL keeps for superusers.
    With O(passfile) sessions are ended by the database user whose password is in there.
  - Nothing that it returns holds the text of a query. Needs PostgreSQL 14 or newer.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
extends_documentation_fragment:
  - action_common_attributes
attributes:
  check_mode:
    description: Says C(changed) exactly when sessions would be ended. It looks as O(account) then.
    support: full
  diff_mode:
    support: none
  platform:
    description: Runs on the host of the database, as root.
    platforms: posix
options:
  state:
    description:
      - V(looked) changes nothing.
      - V(ended) ends the sessions that are over a limit.
      - V(roomy) ends only as many of them as it takes to have O(room) connections free.
      - V(accepted) changes nothing, and says whether a new session of the user in O(passfile) is accepted within O(timeout).
    type: str
    choices: [looked, ended, roomy, accepted]
    default: looked
  account:
    description: Account of the host that PostgreSQL takes for its superuser at the local socket.
    type: str
    default: postgres
  passfile:
    description: Password file of libpq with the database user that O(user) names; it must be the reader's alone.
    type: path
  user:
    description: Name of that database user.
    type: str
  address:
    description: Where that user, as any ordinary one, comes in.
    type: str
    default: 127.0.0.1
  port:
    description: The port of PostgreSQL, also in the name of its socket.
    type: int
    default: 5432
  database:
    description: The database to log in to.
    type: str
    default: postgres
  unit:
    description: The systemd unit of the server.
    type: str
    default: postgresql.service
  pool_unit:
    description: The systemd unit of a connection pool on the same host.
    type: str
  pool_port:
    description: Where the pool listens on 127.0.0.1. V(0) does not ask.
    type: int
    default: 0
  idle_in_transaction_seconds:
    description: How long a session may be idle in a transaction.
    type: int
    default: 300
  query_seconds:
    description: How long a query may run.
    type: int
    default: 3600
  idle_seconds:
    description: How long a session may be idle while connections are short.
    type: int
    default: 1800
  free_percent:
    description: How many of the connections for ordinary users must be free, in percent of them.
    type: int
    default: 10
  protected_roles:
    description: Roles whose sessions are never ended.
    type: list
    elements: str
    default: []
  grace:
    description: How many seconds a cancelled query may take to end.
    type: int
    default: 2
  room:
    description: For V(roomy), how many connections must be free; in check mode of V(ended), how many that has made.
    type: int
    default: 0
  timeout:
    description: For V(accepted), after how many seconds a new session must be accepted.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Look at the database
  breakglass.remediation.database_sessions:
    unit: postgresql@15-main.service
  register: found

- name: End stuck sessions
  breakglass.remediation.database_sessions:
    state: ended
    passfile: /run/breakglass-database-x1/pgpass
    user: v-token-shop-x81sQ2
    protected_roles: [backup]
"""

RETURN = r"""
running:
  description: Whether the unit is active.
  returned: success
  type: bool
known:
  description: Whether systemd knows the unit.
  returned: success
  type: bool
answers:
  description: Whether PostgreSQL answers at O(address) and O(port), if only to say that it has no connection left.
  returned: success
  type: bool
listens:
  description: The addresses at which something listens at O(port).
  returned: success
  type: list
  elements: str
fault:
  description: Why the superuser, or for O(state=accepted) the user, was not let in; empty when it was.
  returned: success
  type: str
findings:
  description: What else may keep clients out, a sentence each; nothing of it is changed.
  returned: success
  type: list
  elements: str
connections_ordinary:
  description: How many connections there are for ordinary users.
  returned: success
  type: int
connections_free:
  description: How many of them are free.
  returned: success
  type: int
connections_wanted:
  description: How many of them are to be free.
  returned: success
  type: int
held:
  description: Who holds them, in one sentence.
  returned: success
  type: str
over_limit:
  description: How many sessions would be ended.
  returned: success
  type: int
endable:
  description: How many sessions may be ended at all, idle ones among them.
  returned: success
  type: int
expected_free:
  description: How many connections would be free then.
  returned: success
  type: int
sessions:
  description: The sessions that were ended, or in check mode would be.
  returned: when O(state) is V(ended) or V(roomy)
  type: list
  elements: dict
  contains:
    pid:
      description: Of the server process.
      type: int
    role:
      description: Whose session it was.
      type: str
    state:
      description: What it did.
      type: str
    seconds:
      description: For how long.
      type: int
    how:
      description: V(cancelled) or V(terminated), or in check mode empty.
      type: str
    gone:
      description: Whether it has ended.
      type: bool
sessions_ended:
  description: How many have ended.
  returned: when O(state) is V(ended) or V(roomy)
  type: int
sessions_left:
  description: How many did not end.
  returned: when O(state) is V(ended) or V(roomy)
  type: int
pool_works:
  description: Whether the pool is active and, with O(pool_port), answers; true without a pool.
  returned: success
  type: bool
pool_running:
  description: Whether the pool is active; true without a pool.
  returned: success
  type: bool
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.session_choice import Connections, Session, findings, listening
from ..module_utils.session_queries import END, LOOK, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

CONNECT_SECONDS = 5
WITHIN_SECONDS = 330
ANSWERS_WITHIN_SECONDS = 3
ANSWERED = (0, 1)
"""What pg_isready returns when there is an answer: accepting, or rejecting for the moment."""
NAME_IN_SESSIONS = "breakglass"
LONGEST_FAULT = 300
BETWEEN_TRIES_SECONDS = 0.5


class NoSession(Exception):
    """Raised when PostgreSQL does not let us in, or a query fails; its text is a clause for people."""


@dataclass(frozen=True)
class Server:
    """A PostgreSQL on this host, and what is asked of it.

    Attributes:
        run: Runs a command and gives its return code, output and errors.
        given: The options of the module.
    """

    run: Callable[..., tuple[int, str, str]]
    given: Mapping[str, Any]

    def ask(self, queries: str, *, as_user: bool, **variables: object) -> Any:
        """The last line of an answer, which is JSON. The password is read by psql alone, from its file."""
        words = [
            "psql",
            "--no-psqlrc",
            "--no-password",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--set=ON_ERROR_STOP=1",
        ]
        words += [f"--set={name}={value}" for name, value in {"wish": self._wish(), **variables}.items()]
        words += [f"--port={self.given['port']}", f"--dbname={self.given['database']}", "--file=-"]
        environment = {"PGAPPNAME": NAME_IN_SESSIONS, "PGCONNECT_TIMEOUT": str(CONNECT_SECONDS), "LC_ALL": "C.UTF-8"}
        if as_user:
            words += [f"--host={self.given['address']}", f"--username={self.given['user']}"]
            environment["PGPASSFILE"] = self.given["passfile"]
        else:
            words = ["runuser", "-u", self.given["account"], "--", *words]
        limited = ["timeout", "--kill-after=2", str(WITHIN_SECONDS), *words]
        code, out, err = self.run(limited, data=queries, environ_update=environment, cwd="/")
        if code:
            raise NoSession(clause(err or out))
        return json.loads(out.strip().splitlines()[-1])

    def _wish(self) -> str:
        limits = {
            "idle_in_transaction": "idle_in_transaction_seconds",
            "query": "query_seconds",
            "idle": "idle_seconds",
        }
        wish = {name: self.given[option] for name, option in limits.items()}
        return json.dumps({**wish, "protected": self.given["protected_roles"]})

    def connections(self, *, as_user: bool = False) -> Connections:
        return Connections.read(self.ask(LOOK, as_user=as_user))

    def state_of(self, unit: str) -> tuple[bool, bool]:
        """Whether systemd knows a unit, and whether it is active."""
        _code, out, _err = self.run(["systemctl", "show", "--property=LoadState,ActiveState", unit])
        said = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
        return said.get("LoadState") == "loaded", said.get("ActiveState") in ("active", "reloading")

    def answers(self, address: str, port: int) -> bool:
        words = ["pg_isready", "--quiet", f"--host={address}", f"--port={port}", f"--timeout={ANSWERS_WITHIN_SECONDS}"]
        return self.run(["timeout", "10", *words])[0] in ANSWERED

    def pool(self) -> tuple[bool, bool]:
        """Whether the pool is active, and whether it works."""
        if not self.given["pool_unit"]:
            return True, True
        active = self.state_of(self.given["pool_unit"])[1]
        port = self.given["pool_port"]
        return active, active and (port == 0 or self.answers("127.0.0.1", port))

    def end(self, chosen: Sequence[Session], *, must_go: bool) -> list[dict[str, Any]]:
        """Cancel and terminate; gives what became of each that was still over its limit."""
        names = json.dumps([{"pid": session.pid, "started": session.started} for session in chosen])
        by_user = bool(self.given["passfile"])
        said = self.ask(
            END, as_user=by_user, chosen=names, grace=self.given["grace"], must_go="true" if must_go else "false"
        )
        return [{**one, "how": how} for how in ("terminated", "cancelled") for one in said[how]]


def clause(said: str) -> str:
    """What psql said, without the name of the program and of the server, as a clause of a sentence."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    first = next(
        (line for line in lines if "FATAL" in line or "failed" in line or "ERROR" in line), lines[0] if lines else ""
    )
    for mark in ("FATAL:", "ERROR:", "failed:", "error:"):
        first = first.rpartition(mark)[2]
    return first.strip()[:LONGEST_FAULT].rstrip(".") or "psql failed and said nothing"


def look(server: Server) -> dict[str, Any]:
    """Everything that the module returns in any state."""
    given = server.given
    known, running = server.state_of(given["unit"])
    pool_running, pool_works = server.pool()
    seen: dict[str, Any] = {
        "known": known,
        "running": running,
        "answers": server.answers(given["address"], given["port"]),
        "listens": _listens(given["port"]),
        "fault": "",
        "findings": [],
        "pool_running": pool_running,
        "pool_works": pool_works,
        **_counted(Connections(0, 0, {}, {}, ()), given["free_percent"]),
    }
    try:
        seen.update(_counted(server.connections(), given["free_percent"]))
        seen["findings"] = findings(server.ask(SETTINGS, as_user=False))
    except NoSession as refusal:
        seen["fault"] = str(refusal)
    return seen


def accepted(server: Server) -> str:
    """Why a new session of the user was not accepted in time; empty when it was."""
    deadline = time.monotonic() + server.given["timeout"]
    while refusal := refused(server):
        if time.monotonic() > deadline:
            return refusal
        time.sleep(BETWEEN_TRIES_SECONDS)
    return ""


def refused(server: Server) -> str:
    """Why a new session of the user is not accepted; empty when it is."""
    try:
        server.connections(as_user=True)
    except NoSession as refusal:
        return str(refusal)
    return ""


def end(server: Server, *, check: bool) -> dict[str, Any]:
    """End what is to end, or say what would be; raises NoSession."""
    given = server.given
    by_user = bool(given["passfile"]) and not check
    found = server.connections(as_user=by_user)
    if given["state"] == "roomy":
        chosen = found.for_room(given["room"])
    else:
        gone = found.for_room(given["room"]) if check else []
        chosen = found.to_end(found.wanted_free(given["free_percent"]), gone)
    if check:
        sessions = [{**_shown(session), "how": "", "gone": False} for session in chosen]
        return {"changed": bool(chosen), "sessions": sessions, "sessions_ended": 0, "sessions_left": 0}
    sessions = server.end(chosen, must_go=given["state"] == "roomy") if chosen else []
    gone_count = sum(bool(session["gone"]) for session in sessions)
    left = len(sessions) - gone_count
    return {"changed": bool(sessions), "sessions": sessions, "sessions_ended": gone_count, "sessions_left": left}


def _counted(found: Connections, percent: int) -> dict[str, Any]:
    wanted = found.wanted_free(percent)
    chosen = found.to_end(wanted)
    return {
        "connections_ordinary": found.ordinary,
        "connections_free": found.free,
        "connections_wanted": wanted,
        "held": found.sentence(),
        "over_limit": len(chosen),
        "endable": len(found.candidates),
        "expected_free": found.free + sum(session.state != "active" for session in chosen),
    }


def _shown(session: Session) -> dict[str, Any]:
    return {"pid": session.pid, "role": session.role, "state": session.state, "seconds": session.seconds}


def _listens(port: int) -> list[str]:
    tables = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
    return listening([table.read_text(encoding="ascii") for table in tables if table.exists()], port)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["looked", "ended", "roomy", "accepted"], "default": "looked"},
            "account": {"type": "str", "default": "postgres"},
            "passfile": {"type": "path", "no_log": False},
            "user": {"type": "str"},
            "address": {"type": "str", "default": "127.0.0.1"},
            "port": {"type": "int", "default": 5432},
            "database": {"type": "str", "default": "postgres"},
            "unit": {"type": "str", "default": "postgresql.service"},
            "pool_unit": {"type": "str"},
            "pool_port": {"type": "int", "default": 0},
            "idle_in_transaction_seconds": {"type": "int", "default": 300},
            "query_seconds": {"type": "int", "default": 3600},
            "idle_seconds": {"type": "int", "default": 1800},
            "free_percent": {"type": "int", "default": 10},
            "protected_roles": {"type": "list", "elements": "str", "default": []},
            "grace": {"type": "int", "default": 2},
            "room": {"type": "int", "default": 0},
            "timeout": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
        required_together=[("passfile", "user")],
        required_if=[("state", "accepted", ("passfile", "user"))],
    )
    for program in ("psql", "pg_isready", "runuser", "timeout"):
        module.get_bin_path(program, required=True)
    server = Server(module.run_command, module.params)
    if module.params["state"] in ("ended", "roomy"):
        try:
            done = end(server, check=module.check_mode)
        except NoSession as refusal:
            module.fail_json(msg=f"No session could be ended: {refusal}.")
        module.exit_json(**{**look(server), **done})
    fault = accepted(server) if module.params["state"] == "accepted" else ""
    seen = look(server)
    module.exit_json(changed=False, **{**seen, "fault": fault or seen["fault"]})


if __name__ == "__main__":
    main()
