# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task may ask for as a grant, and what is refused before anybody is asked."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._errors import BreakglassError
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.containers import (
    is_in_container,
    is_open_to_others,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.granting import (
    LONGEST_META,
    ShortTimeBox,
    Wish,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import UnusableRequest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.grant import GrantKind
from tests.support.corpus import HOSTILE
from tests.support.live_run import STREAM, LiveRun, live_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

OPTIONS = {"access": "web", "time_box": "10m", "reason": "nginx is down", "ticket": "OPS-1"}


@pytest.fixture
def running() -> Iterator[LiveRun]:
    with live_run() as run:
        yield run


def wish(**other: object) -> Wish:
    return Wish.from_options({**OPTIONS, **other})


def test_a_wish_becomes_a_request(running: LiveRun) -> None:
    """Access, box, reason and ticket as they were given, with the stream that tells about the run."""
    request = wish().request(running.live)
    assert (request.access, request.time_box) == ("web", timedelta(minutes=10))
    assert request.meta == {"reason": "nginx is down", "ticket": "OPS-1", "stream": STREAM}


@pytest.mark.parametrize("reason", ["", " ", "\n\t", None])
def test_a_grant_needs_a_reason(running: LiveRun, reason: object) -> None:
    """An empty one is none."""
    with pytest.raises(BreakglassError, match="needs a reason"):
        wish(reason=reason).request(running.live)


@pytest.mark.parametrize(("box", "expected"), [("10m", "601s"), ("59s", "1m"), ("1m", "2h")])
def test_a_box_that_is_too_short_for_the_remediation_is_refused(running: LiveRun, box: str, expected: str) -> None:
    """At once, and the sentence says both lengths."""
    with pytest.raises(ShortTimeBox, match=f"{box} is shorter than the {expected}.*Nothing was opened"):
        wish(time_box=box, expected_duration=expected).request(running.live)


@pytest.mark.parametrize("expected", ["", None, "10m", "600s", "1s"])
def test_a_box_that_is_long_enough_passes(running: LiveRun, expected: object) -> None:
    """As long as expected is enough, and what nobody says is not checked."""
    assert wish(expected_duration=expected).request(running.live).seconds == 600


@pytest.mark.parametrize("box", ["", "10", "ten", "-1m", "0s", "8d", "1h30m", None])
def test_a_box_that_is_none_is_one_sentence(running: LiveRun, box: object) -> None:
    """No duration, none at all, or more than a week."""
    with pytest.raises(BreakglassError):
        wish(time_box=box).request(running.live)


@pytest.mark.parametrize(("label", "value"), HOSTILE)
def test_hostile_reasons_are_one_printable_line(running: LiveRun, label: str, value: object) -> None:
    """Vault's audit log gets no control characters, and no more than there is room for."""
    text = wish(reason=f"x{value}", ticket=value).request(running.live).meta
    for field in (text["reason"], text["ticket"]):
        assert field.isprintable(), label
        assert len(field) <= LONGEST_META


@pytest.mark.parametrize("access", ["", None, "Web", "host", "host-web", "../x", "{{ x }}"])
def test_an_access_that_is_none_is_refused(running: LiveRun, access: object) -> None:
    """Before Vault is asked."""
    with pytest.raises(UnusableRequest):
        wish(access=access).request(running.live)


@pytest.mark.parametrize(
    ("asked", "environ", "kind"),
    [
        (True, {}, GrantKind.SHORT),
        (False, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, GrantKind.ORPHAN),
        (None, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, GrantKind.SHORT),
        (None, {"container": "podman"}, GrantKind.SHORT),
    ],
)
def test_the_option_wins_over_what_is_found(asked: object, environ: Mapping[str, str], kind: GrantKind) -> None:
    """Whoever says short_lived is believed; otherwise a container gets a short grant."""
    assert wish(short_lived=asked).kind(environ) is kind


@pytest.mark.parametrize("mark", ["run/.containerenv", ".dockerenv"])
def test_a_container_is_known_by_its_files(tmp_path: Path, mark: str) -> None:
    """Podman and Docker leave one below the root."""
    assert not is_in_container({"PATH": "/bin", "container": ""}, tmp_path)
    (tmp_path / mark).parent.mkdir(exist_ok=True)
    (tmp_path / mark).touch()
    assert is_in_container({}, tmp_path)


def test_in_a_job_of_awx_our_own_group_is_nobody_else(tmp_path: Path) -> None:
    """AWX gives the files of credentials to their group, too; elsewhere, and in another group, that is open to others."""
    file = tmp_path / "secret"
    file.touch()
    file.chmod(0o660)
    status, container = file.stat(), {"container": "podman", "AWX_PRIVATE_DATA_DIR": "/runner"}
    assert not is_open_to_others(status, 0o077, container, tmp_path)
    assert is_open_to_others(status, 0o077, {"container": "podman"}, tmp_path)
    assert is_open_to_others(status, 0o077, {"AWX_PRIVATE_DATA_DIR": "/runner"}, tmp_path)
    other = os.stat_result((status.st_mode, *status[1:5], status.st_gid + 1, *status[6:]))
    assert is_open_to_others(other, 0o077, container, tmp_path)
    file.chmod(0o604)
    assert is_open_to_others(file.stat(), 0o077, container, tmp_path)
