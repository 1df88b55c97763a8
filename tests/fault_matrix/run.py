# SPDX-License-Identifier: GPL-3.0-or-later
"""`make fault-matrix`: let every fault happen, and write what became of each credential to docs/reference/fault-matrix.md."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fault_matrix.faults import FAULTS
from tests.fault_matrix.ground import Ground

if TYPE_CHECKING:
    from tests.fault_matrix.trial import Ending

TABLE = Path(__file__).parents[2] / "docs" / "reference" / "fault-matrix.md"
HEAD = """<!-- SPDX-License-Identifier: GPL-3.0-or-later. Written by `make fault-matrix`; do not edit. -->
# How grants end

Each row is one run of `ansible-playbook` on a local connection that held an SSH certificate, a PostgreSQL user, an X.509 certificate and a
secret of a key-value store when the fault struck. Seconds count from the fault, or from the run's end where the run ended by itself; a task that
took 4 s was in flight. "Proven" is when the journal said that the grant and its leases are proven gone. The SSH certificate lives to its own
end, which is the end of the time box at the latest; a secret that was read is read.

| fault | run ended with | grant gone | proven | closed by | database user gone | X.509 on the CRL | SSH certificate | secret | later effect |
|---|---|---|---|---|---|---|---|---|---|
"""


def main() -> None:
    """Run them all; ends with 1 when something was left open, or a task in flight had an effect after its run's end."""
    rows, bad = [], []
    with Ground() as ground:
        for fault in FAULTS:
            ending = fault.happen(ground)
            rows.append(row(fault.name, ending))
            print(rows[-1], flush=True)
            bad += [f"{fault.name}: {word}" for word in complaints(ending)]
            ground.put_right()
    TABLE.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    sys.exit("\n".join(bad) or 0)


def complaints(ending: Ending) -> list[str]:
    """What must not be, whatever the fault."""
    found = [f"{name} was still alive" for name, seconds in ending.seconds.items() if seconds is None]
    if ending.late and ending.code != 0:
        found.append("a task in flight had a later effect")
    if ending.proven is None and not ending.closed_by.startswith("nobody"):
        found.append("it was not proven")
    return found


def row(name: str, ending: Ending) -> str:
    """One line of the table."""
    code = f"signal {-ending.code}" if ending.code < 0 else f"code {ending.code}"
    certificate = f"lives until {ending.facts['valid_before'][11:]}, said so" if ending.remains else "lives to its end"
    late = "yes" if ending.late and ending.code else ("its own end" if ending.late else "none")
    cells = (
        name,
        code,
        _seconds(ending.seconds["grant"]),
        _seconds(ending.proven),
        ending.closed_by,
        _seconds(ending.seconds["database"]),
        _seconds(ending.seconds["pki"]),
        certificate,
        "was read, said so" if any("was read" in one for one in ending.remains) else "was read",
        late,
    )
    return f"| {' | '.join(cells)} |"


def _seconds(seconds: float | None) -> str:
    return "not within the trial" if seconds is None else f"{seconds:.1f} s"


if __name__ == "__main__":
    main()
