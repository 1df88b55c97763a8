# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass login`, `logout` and `whoami`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from breakglass.cli.json_output import AsJson, print_json
from breakglass.cli.secret_prompt import ask_secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import LoginMethod

PROMPTED = ("userpass", "ldap")
BY_BROWSER = "oidc"


def login(  # noqa: PLR0917 (each is an option of the command)
    runner: Annotated[str, typer.Option(envvar="BREAKGLASS_RUNNER", help="Address of the runner.")],
    runner_ca: Annotated[str, typer.Option(envvar="BREAKGLASS_RUNNER_CACERT", help="CA certificates for it.")] = "",
    vault: Annotated[Optional[str], typer.Option(help="Address of Vault; else VAULT_ADDR.")] = None,  # noqa: UP045
    auth_method: Annotated[
        str,
        typer.Option(
            envvar="VAULT_AUTH_METHOD",
            help="userpass, ldap, oidc (with a browser), or token (VAULT_TOKEN, the token file).",
        ),
    ] = "userpass",
    username: Annotated[Optional[str], typer.Option(help="Else you are asked.")] = None,  # noqa: UP045
    mount_point: Annotated[Optional[str], typer.Option(help="Where the method is mounted.")] = None,  # noqa: UP045
    role: Annotated[Optional[str], typer.Option(help="Of oidc; else the one that Vault takes by itself.")] = None,  # noqa: UP045
    redirect_uri: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="Of oidc: where the browser comes back to, on this machine; else http://localhost:8250/oidc/callback. "
            "Port 0 takes a free one."
        ),
    ] = None,
    *,
    mfa: Annotated[
        bool, typer.Option("--mfa", help="Ask for a code of your second factor, where Vault wants one.")
    ] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Of oidc: show the link, and open nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Log in at Vault and try it at the runner. Password and code are asked for, and never shown or kept."""
    import os  # noqa: PLC0415

    from breakglass.client.logging_in import Whereto, log_in  # noqa: PLC0415

    where = Whereto(runner, runner_ca)  # first of all: nobody types a password in vain
    _check_method(auth_method)
    options: dict[str, object] = {"url": vault, "auth_method": auth_method, "mount_point": mount_point}
    method = None
    if auth_method in PROMPTED:
        options["username"] = username or typer.prompt("Name", err=True)
        options["password"] = ask_secret("Password")
        options["mfa_passcode"] = ask_secret("Code") if mfa else None
    if auth_method == BY_BROWSER:
        method = _by_browser({**options, "role": role, "redirect_uri": redirect_uri}, mfa=mfa, no_browser=no_browser)
    _show(log_in(where, options, os.environ, method), as_json=as_json)


def _check_method(name: str) -> None:
    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.login import known_methods  # noqa: PLC0415

    methods = sorted({*known_methods(), BY_BROWSER})
    if name not in methods:
        raise typer.BadParameter(
            f"There is no method {name[:40]!r}; there are {', '.join(methods)}.", param_hint="--auth-method"
        )


def _by_browser(options: dict[str, object], *, mfa: bool, no_browser: bool) -> LoginMethod:
    from functools import partial  # noqa: PLC0415

    from breakglass.cli.opening import open_link, show_link  # noqa: PLC0415
    from breakglass.client.browser_login import browser_login  # noqa: PLC0415

    return browser_login(options, show_link if no_browser else open_link, partial(ask_secret, "Code") if mfa else None)


def logout(*, as_json: AsJson = False) -> None:
    """End your login in Vault, and forget it here. A token that you had before (--auth-method token) is only forgotten."""
    import os  # noqa: PLC0415

    from breakglass.client.logging_in import log_out  # noqa: PLC0415

    is_ended = log_out(os.environ)
    if as_json:
        print_json({"logged_in": False})
        return
    typer.echo(
        "Logged out."
        if is_ended
        else "Logged out. The token of Vault that you had before lives on: it is yours to end."
    )


def whoami(*, as_json: AsJson = False) -> None:
    """Say whom the runner sees: your entity, the person it belongs to, your groups."""
    import os  # noqa: PLC0415

    from breakglass.client.logging_in import WHO_PATH  # noqa: PLC0415
    from breakglass.client.session import runner_api  # noqa: PLC0415

    with runner_api(os.environ) as api:
        _show(api.call("GET", WHO_PATH), as_json=as_json)


def _show(seen: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        print_json(dict(seen))
        return
    known: dict[str, Any] = dict(seen)
    groups = ", ".join(str(group) for group in known.get("groups") or []) or "no group"
    typer.echo(f"You are {known.get('name')}, of {groups}.")
    if not known.get("person"):
        typer.echo("You can't approve: an admin has not set the metadata `person` on your entity.")
