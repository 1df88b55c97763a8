# SPDX-License-Identifier: GPL-3.0-or-later
"""The `breakglass` command. Every command imports what it needs when it runs, so that help is quick.

Exit codes: 0 done, 1 it could not be done (a sentence says why), 3 wrong use. `audit verify` also has 2: changed; `doctor` 2: something
could not be looked at.
"""

from __future__ import annotations

import sys

import typer

from breakglass.cli import (
    approvals,
    audit,
    doctor,
    drills,
    extend,
    grants,
    handed_out,
    handover,
    holds,
    hosts,
    incidents,
    init,
    login,
    policy,
    remediations,
    replay,
    report,
    requests,
    revoke,
    runner,
    settings,
    show,
    ssh,
    vault,
)

WRONG_USE = 3
# The base of every error of use; typer carries its own copy of click or uses click's, and names only BadParameter.
USAGE_ERROR: type[Exception] = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")

app = typer.Typer(
    name="breakglass",
    help="Turns an alert into an approved, time-boxed, fully recorded repair.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(init.init)
app.command()(doctor.doctor)
app.command()(runner.serve)
app.command()(runner.demo)
app.command()(runner.version)
app.command()(holds.holds)
app.command()(grants.grants)
app.command()(revoke.revoke)
app.command()(incidents.incidents)
app.command()(incidents.ack)
app.command()(incidents.cancel)
app.command()(incidents.close)
app.command()(incidents.retry)
app.command()(login.login)
app.command()(login.logout)
app.command()(login.whoami)
app.command()(requests.request)
app.command()(requests.release)
app.command()(extend.extend)
app.command()(requests.reviews)
app.command()(requests.review)
app.command()(ssh.ssh)
app.command("with")(handed_out.with_)
app.command()(handed_out.credential)
app.command()(replay.replay)
app.command()(approvals.approvals)
app.command()(approvals.approve)
app.command()(approvals.deny)
app.command()(show.show)
app.command()(show.watch)
app.command()(report.report)
app.command()(handover.handover)
app.add_typer(holds.app, name="hold")
app.add_typer(drills.app, name="drill")
app.add_typer(remediations.app, name="remediation")
app.add_typer(policy.app, name="policy")
app.add_typer(hosts.app, name="hosts")
app.add_typer(settings.app, name="settings")
app.add_typer(vault.app, name="vault")
app.add_typer(audit.app, name="audit")


def main() -> None:
    """Run the command line; never ends with a traceback for what a person or the world may do."""
    from breakglass.errors import BreakglassError  # noqa: PLC0415

    try:
        code = app(standalone_mode=False)
    except USAGE_ERROR as error:
        error.show()  # type: ignore[attr-defined]  # of the base class that typer does not name
        sys.exit(WRONG_USE)
    except typer.Abort:
        sys.exit(1)
    except BreakglassError as error:
        print(f"breakglass: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
