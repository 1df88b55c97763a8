# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/reference/remediations.md from benchmarks/results/remediations.json, which tests of the lab have recorded.

BREAKGLASS_RECORD=benchmarks/results/remediations.json make lab-core && make remediations-table
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from tools.role_docs import remediation_roles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

REPOSITORY: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = Path("benchmarks", "results", "remediations.json")
PAGE: Final = Path("docs", "reference", "remediations.md")
_TEXT: Final = """\
<!-- SPDX-License-Identifier: GPL-3.0-or-later. Written by `make remediations-table`; do not edit. -->
# What each remediation has repaired

Each row is one repair of a real host: Debian with systemd, booted for the tests ([the lab](../../tests/lab/README.md)), reached by SSH with a certificate of
an OpenBao. Started by an alert is the whole way with nobody looking on: Prometheus and Alertmanager notice the fault, the runner answers, and seconds count
from the alert at the runner; where nothing stands before the alert, the test sent it, as whatever finds such a thing would. Started by an operator is `ansible-playbook`, and seconds count from the beginning of its run. "Repaired" is the end of a play whose own check
has passed; "access gone" is when the journal says that the grant and its leases are proven gone. An SSH certificate lives to its own end.
No host enforced SELinux: what holds there, and what was not tried, is in [hosts that enforce SELinux](../guides/selinux.md).

Measured on {machine}; controller, hosts and everything that watches them were on this one machine. Its load average was {load}:
above {cores} it was busy with other work too, so these are times of a loaded machine and no benchmark.

| role | fault | started by | fault → alert | → repaired | → access gone | tested where |
|---|---|---|---|---|---|---|
{rows}

{unrecorded}## What each row shows

{shown}
"""


def page(recorded: Mapping[str, object], roles: Sequence[str]) -> str:
    """The whole page, of what was recorded and the names of all roles that repair."""
    rows = cast("Sequence[Mapping[str, object]]", recorded["rows"])
    machine = cast("Mapping[str, object]", recorded["machine"])
    missing = [role for role in roles if role not in {row["role"] for row in rows}]
    return _TEXT.format(
        machine=f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, Linux {machine['kernel']}",
        cores=machine["cores"],
        load=_span([float(str(row["load_average_1m"])) for row in rows]),
        rows="\n".join(_row(row) for row in rows),
        unrecorded=f"No run is recorded of {', '.join(f'`{role}`' for role in missing)}.\n\n" if missing else "",
        shown="\n".join(_shown(rows)),
    )


def _row(row: Mapping[str, object]) -> str:
    cells = (
        f"[`{row['role']}`](../../roles/{row['role']}/README.md)",
        str(row["fault"]),
        {"alert": "an alert", "operator": "an operator"}[str(row["door"])],
        _seconds(row["noticed_seconds"]),
        _seconds(row["repaired_seconds"]),
        _seconds(row["revoked_seconds"]),
        f"{_link(row)}, ansible-core {row['ansible_core']}, {row['on']}",
    )
    return f"| {' | '.join(cells)} |"


def _link(row: Mapping[str, object]) -> str:
    file = str(row["test"]).partition("::")[0]
    return f"[{Path(file).name}](../../{file})"


def _seconds(value: object) -> str:
    return "" if value is None else f"{value} s"


def _span(loads: Sequence[float]) -> str:
    return f"{min(loads)} to {max(loads)}" if loads else "not recorded"


def _shown(rows: Sequence[Mapping[str, object]]) -> Iterator[str]:
    for row in rows:
        yield f"- `{row['role']}`, {row['fault']} (`{str(row['test']).rpartition('::')[2]}`): {row['proven']}"


def main() -> None:
    """Write the page."""
    recorded = json.loads((REPOSITORY / RESULTS).read_text(encoding="utf-8"))
    (REPOSITORY / PAGE).write_text(page(recorded, remediation_roles(REPOSITORY / "roles")), encoding="utf-8")


if __name__ == "__main__":
    main()
