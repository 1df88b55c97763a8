# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: login_probe
short_description: Says whether a service accepts the secret in a file
description:
  - Works on the host. Reads a secret from a file and logs in with it, as a user of a PostgreSQL, as a user of a web service (HTTP basic
    authentication), or by a command that is given the path of the file.
  - The verdict is C(accepted), C(refused) or C(unknown). A service that does not answer, or answers something else, gives no verdict.
  - With O(other_than_path) the verdict is C(same), and nothing is asked, when both files hold one secret.
  - The secret is in no argument, no environment and no result.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
extends_documentation_fragment:
  - action_common_attributes
attributes:
  check_mode:
    description: It only logs in and out again; with O(method=command) the command decides what it does.
    support: full
  diff_mode:
    support: none
  platform:
    description: Runs on the host, with the standard library of Python.
    platforms: posix
options:
  method:
    description: How it logs in.
    type: str
    choices: [postgresql, http, command]
    required: true
  secret_path:
    description: The file with the secret. A link is refused.
    type: path
    required: true
  other_than_path:
    description: A file in the same form with the secret that this one must differ from.
    type: path
  format:
    description: Its form, as M(breakglass.remediation.rotation) writes it.
    type: str
    choices: [environment, json, plain]
    default: plain
  key:
    description: Name of the value in V(environment) and V(json).
    type: str
    default: password
  username:
    description: Who logs in, for V(postgresql) and V(http).
    type: str
  address:
    description: Where the PostgreSQL listens.
    type: str
    default: 127.0.0.1
  port:
    description: Its port.
    type: int
    default: 5432
  database:
    description: The database that is connected to.
    type: str
    default: postgres
  url:
    description: What is asked for by V(http). Any status from 200 to 299 accepts, 401 and 403 refuse; redirects are not followed.
    type: str
  command:
    description:
      - For V(command), an argument list that is run without a shell, the path of a 0600 file with the plain secret as its last argument.
      - Return code 0 accepts, 1 refuses, anything else gives no verdict. Its output is thrown away.
    type: list
    elements: str
    default: []
  timeout:
    description: How long it may take, in seconds.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Know whether the shop may log in
  breakglass.remediation.login_probe:
    method: postgresql
    username: shop
    database: shop
    secret_path: /etc/shop/database-password
  register: shop_login
  failed_when: shop_login.verdict != 'accepted'
"""

RETURN = r"""
verdict:
  description: V(accepted), V(refused), V(unknown) or V(same).
  returned: success
  type: str
  sample: accepted
reason:
  description: Why there is no verdict; empty when there is one.
  returned: success
  type: str
"""

import base64
import os
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.postgresql_login import Login, NoVerdict, is_accepted
from ..module_utils.secret_reading import NoSecret, read_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

SUCCESS = range(200, 300)
REFUSED = frozenset({401, 403})


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other; what follows it must not get the password."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def verdict(given: Mapping[str, Any]) -> tuple[str, str]:
    """What the service says of the secret, and why it says nothing."""
    try:
        secret = read_secret(given["secret_path"], given["format"], given["key"])
        if given["other_than_path"] and read_secret(given["other_than_path"], given["format"], given["key"]) == secret:
            return "same", ""
        if given["method"] == "postgresql":
            where = Login(given["address"], given["port"], given["username"], given["database"])
            accepted = is_accepted(where, secret, given["timeout"])
        elif given["method"] == "http":
            accepted = by_http(given["url"], given["username"], secret, given["timeout"])
        else:
            accepted = by_command(given["command"], secret, given["timeout"])
    except (NoVerdict, NoSecret) as error:
        return "unknown", str(error)
    return ("accepted" if accepted else "refused"), ""


def by_http(url: str, username: str, secret: str, timeout: float) -> bool:
    """Ask a web service; raises NoVerdict."""
    token = base64.b64encode(f"{username}:{secret}".encode()).decode("ascii")
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {token}"})  # noqa: S310 (http or https, by its caller)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    try:
        with opener.open(request, timeout=timeout) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
        error.close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NoVerdict(
            f"{url} does not answer ({getattr(reason, 'strerror', None) or type(reason).__name__})"
        ) from None
    if status in SUCCESS or status in REFUSED:
        return status in SUCCESS
    raise NoVerdict(f"{url} said {status}")


def by_command(command: list[str], secret: str, timeout: float) -> bool:
    """Let a command decide; raises NoVerdict."""
    with tempfile.TemporaryDirectory(prefix="breakglass-probe-", dir=_memory()) as directory:
        path = Path(directory) / "secret"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(secret)
        try:
            done = subprocess.run(
                [*command, str(path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NoVerdict(f"{command[0]} took longer than {timeout} s") from None
        except OSError as error:
            raise NoVerdict(f"{command[0]} can't be run ({error.strerror})") from None
    if done.returncode in (0, 1):
        return done.returncode == 0
    raise NoVerdict(f"{command[0]} returned {done.returncode}")


def _memory() -> str | None:
    return "/run" if os.access("/run", os.W_OK) else None


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "method": {"choices": ["postgresql", "http", "command"], "required": True},
            "secret_path": {"type": "path", "required": True, "no_log": False},
            "other_than_path": {"type": "path", "no_log": False},
            "format": {"choices": ["environment", "json", "plain"], "default": "plain"},
            "key": {"default": "password", "no_log": False},
            "username": {},
            "address": {"default": "127.0.0.1"},
            "port": {"type": "int", "default": 5432},
            "database": {"default": "postgres"},
            "url": {},
            "command": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 10},
        },
        required_if=[("method", "postgresql", ["username"]), ("method", "http", ["username", "url"])],
        supports_check_mode=True,
    )
    if module.params["method"] == "command" and not module.params["command"]:
        module.fail_json(msg="Give the command that decides.")
    if module.params["method"] == "http" and not module.params["url"].startswith(("http://", "https://")):
        module.fail_json(msg="The address to ask begins with http:// or https://.")
    said, reason = verdict(module.params)
    module.exit_json(changed=False, verdict=said, reason=reason)


if __name__ == "__main__":
    main()
