# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "s3cr3t-t0ken"
SCRIPT = r"""
import logging, sys
from dataclasses import replace
from pathlib import Path
from breakglass.effects.escalate import Escalate
from breakglass.log import set_up_logging
from tests.support.incidents import NOW, make_course, make_incident
from breakglass.domain.incident import Escalation

set_up_logging()
logging.getLogger("breakglass.engine").info("one\x1b[2J \u202etwo")
logging.getLogger("other").info("not said")
incident = replace(make_incident(make_course()), escalation=Escalation("why", 0, NOW))
print(Escalate({"channel-1": Path(sys.argv[1])}).run(incident))
"""


def test_the_log(tmp_path: Path) -> None:
    """The log shows what the runner says on one line, and never the address of a channel, however wrong it is."""
    for number, url in enumerate((f"nonsense {SECRET}", f"json://user:{SECRET}@127.0.0.1:9/?x={SECRET}")):
        file = tmp_path / f"url-{number}"
        file.write_text(url)
        file.chmod(0o600)
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", SCRIPT, str(file)], capture_output=True, text=True, check=True
        )
        assert "NotDelivered" in done.stdout
        assert SECRET not in done.stdout + done.stderr
        (line,) = done.stderr.splitlines()
        assert line.endswith(r"INFO breakglass.engine: one\x1b[2J \u202etwo")
