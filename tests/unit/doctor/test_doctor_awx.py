# SPDX-License-Identifier: GPL-3.0-or-later
"""What doctor says of an AWX that runs plays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.awx.server import TEMPLATE, TOKEN, AwxServer
from tests.support.awx.stand_in import maker

from breakglass.doctor.checks import awx, policy
from breakglass.doctor.checks import inventory as inventory_check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.doctor.conftest import Files


@pytest.fixture
def server() -> Iterator[AwxServer]:
    """Nothing is ever launched on it."""
    with AwxServer(maker()) as running:
        yield running
        assert running.launches == []


def _named(files: Files, server: AwxServer, token: str = TOKEN, access: str = "web-operator") -> list[tuple[str, str]]:
    file = files.place.secret("awx")
    file.write_text(token)
    file.chmod(0o600)
    named = {"url": server.url, "token_file": str(file), "job_template": TEMPLATE, "accesses": [access]}
    files.change(lambda settings: settings.update(awx=named))
    files.look(inventory_check.look)
    files.look(policy.look)
    return files.look(awx.look)


def test_without_an_awx_nothing_is_said(files: Files) -> None:
    """Most installations have none."""
    assert files.look(awx.look) == []


def test_a_template_that_takes_what_a_launch_says_is_well(files: Files, server: AwxServer) -> None:
    """It is only looked at."""
    ((mark, says),) = _named(files, server)
    assert mark == "ok"
    assert "web-operator" in says


def test_what_would_not_work_tonight_is_told_with_how_to_mend_it(files: Files, server: AwxServer) -> None:
    """A template that ignores the limit, a token that AWX does not know, a token that is gone, an access of nobody."""
    server.prompts["ask_limit_on_launch"] = False
    ((mark, says),) = _named(files, server)
    assert (mark, "ask_limit_on_launch" in says) == ("!!", True)
    server.prompts["ask_limit_on_launch"] = True
    ((mark, says),) = _named(files, server, token="another")
    assert (mark, "401" in says, "another" in says) == ("!!", True, False)
    assert [mark for mark, _ in _named(files, server, access="nobodys")] == ["ok", "!!"]
    server.faults.looking += [(429, {})]
    assert _named(files, server)[0][0] == "??"
    files.place.secret("awx").unlink()
    assert files.look(awx.look)[0][0] == "??"
