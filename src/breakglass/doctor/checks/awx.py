# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX: its token may see the template, the template asks for what a launch says, and its accesses are those of the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from breakglass.doctor.findings import Finding, ok, unknown, wrong
from breakglass.doctor.known import POLICY, SETTINGS
from breakglass.effects.awx_api import Awx, BusyAwx, RefusedByAwx, UnansweredByAwx
from breakglass.secret_files import UnreadableSecret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from breakglass.doctor.known import Known
    from breakglass.settings import AwxSettings


def look(known: Known) -> Iterator[Finding]:
    """Nothing where the settings name no AWX; nothing is launched."""
    settings = known[SETTINGS].awx
    if settings is None:
        return
    yield _template(settings)
    if strangers := sorted(set(settings.accesses) - set(known[POLICY].access)):
        yield wrong(
            "awx", f"awx.accesses names {', '.join(strangers)}, which the policy does not know. Correct the name there"
        )


def _template(settings: AwxSettings) -> Finding:
    try:
        Awx(settings).require_prompts()
    except UnreadableSecret:
        return unknown("awx", f"{settings.token_file} can't be read, see above")
    except (RefusedByAwx, UnansweredByAwx) as error:
        return wrong("awx", f"{error} Check awx in the settings, and that its user may execute the template")
    except BusyAwx as busy:
        return unknown("awx", str(busy))
    return ok(
        "awx",
        f"job template {settings.job_template} takes hosts, variables and job type for {', '.join(settings.accesses)}",
    )
