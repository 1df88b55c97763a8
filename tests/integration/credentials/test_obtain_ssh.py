# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH certificates under a grant, and what lives on after it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.action import described, handed_out
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.holding import ASKED, OBTAINED, REFUSED
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.obtaining import (
    NoOpenGrant,
    SpentGrant,
    TakenName,
    obtain,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.ssh import SshHostOrder
from ansible_collections.breakglass.remediation.plugins.plugin_utils._credential.wallet import moment_of
from ansible_collections.breakglass.remediation.plugins.plugin_utils._guard.renewing import Renewer
from ansible_collections.breakglass.remediation.plugins.plugin_utils._run.directory import UnusableRunDirectory
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import session
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.answer import moment, section
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.errors import (
    DeniedByVault,
    InvalidRequest,
    UnusableRequest,
)
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.grant import GrantKind
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.ssh import generate_key_pair
from tests.integration.credentials.engines import EVERYTHING, ssh_order

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.live_run import LiveRun
    from tests.support.openbao import PreparedVault


def shown(certificate: Path) -> str:
    done = subprocess.run(
        ["ssh-keygen", "-L", "-f", certificate], capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout


def later(seconds: float) -> datetime:
    return datetime.now(tz=UTC) + timedelta(seconds=seconds)


def test_a_certificate_opens_exactly_its_hosts_within_the_box(granted: LiveRun) -> None:
    """OpenSSH reads it for these principals; key, certificate and CA line are there; it ends with the box at the latest."""
    credential, changed = obtain(granted.live, ssh_order("web1", "web2"))
    run = granted.run
    assert changed
    assert credential.files == ("id", "id-cert.pub", "known_hosts")
    assert shown(run.certificate).split("Principals:")[1].split("Critical")[0].split() == ["web1", "web2"]
    assert run.known_hosts.read_text(encoding="ascii").startswith("@cert-authority web1,web2 ssh-ed25519 ")
    assert {path.stat().st_mode & 0o777 for path in run.ssh.iterdir()} == {0o600}
    assert credential.latest_end <= str((run.read_json(run.grant) or {})["expires_at"])
    assert granted.kinds == [ASKED, OBTAINED]


def test_the_same_order_is_the_same_certificate(granted: LiveRun) -> None:
    """Asked for again, nothing is requested and nothing is recorded."""
    first, _ = obtain(granted.live, ssh_order("web1"))
    key = granted.run.key.read_bytes()
    again, changed = obtain(granted.live, ssh_order("web1"))
    assert (again, changed, granted.run.key.read_bytes()) == (first, False, key)
    assert granted.kinds == [ASKED, OBTAINED]


def test_for_other_hosts_there_is_another_certificate_at_the_same_paths(granted: LiveRun) -> None:
    """The old one lives on, and closing names both."""
    first, _ = obtain(granted.live, ssh_order("web1"))
    other, changed = obtain(granted.live, ssh_order("web2"))
    assert changed
    assert described(granted.live, first)["files"] == described(granted.live, other)["files"]
    closed = granted.close()
    assert closed.proof.proven
    ends = (f"SSH certificate {one.facts['serial']} for" for one in (first, other))
    assert all(any(end in sentence for sentence in closed.remains) for end in ends)
    assert len(closed.remains) == 2


def test_a_task_is_told_paths_and_no_key(granted: LiveRun) -> None:
    """The result of a task holds serial, principals, end and paths."""
    told = handed_out(ssh_order("web1"), granted.live)
    assert told["changed"] is True
    assert told["principals"] == ["web1"]
    assert "PRIVATE" not in repr(told)
    assert "PRIVATE" not in granted.everything_written()


def test_a_host_outside_the_access_is_refused_and_recorded(granted: LiveRun) -> None:
    """Vault says no, in one sentence; the journal has intent and refusal, and nothing remains."""
    with pytest.raises(InvalidRequest, match="db1"):
        obtain(granted.live, ssh_order("db1"))
    assert granted.kinds == [ASKED, REFUSED]
    assert granted.close().remains == ()
    assert not granted.run.key.exists()


def test_the_role_of_another_access_is_denied(granted: LiveRun) -> None:
    """403 becomes one sentence that says what to check, and a refusal in the journal."""
    with pytest.raises(DeniedByVault, match="check its policies") as denied:
        obtain(granted.live, ssh_order("web1", access="web-operator"))
    assert "\n" not in str(denied.value)
    assert granted.kinds == [ASKED, REFUSED]


@pytest.mark.parametrize("hosts", [("*",), ("web1,db1",), ("web1 web2",), ("web1\n",)])
def test_a_host_that_is_no_name_is_never_sent(granted: LiveRun, hosts: tuple[str, ...]) -> None:
    """The refusal is ours, and is recorded as one."""
    with pytest.raises(UnusableRequest):
        obtain(granted.live, ssh_order(*hosts))
    assert granted.kinds == [ASKED, REFUSED]


def test_a_certificate_of_a_host_outlives_the_grant_and_says_so(granted: LiveRun) -> None:
    """It is for the host's own key, and closing tells its end in days."""
    order = SshHostOrder("ssh_host", EVERYTHING, ("web1",), generate_key_pair().public_key, timedelta(days=30))
    credential, _ = obtain(granted.live, order)
    path = granted.run.credential("ssh_host") / "host-cert.pub"
    assert "host certificate" in shown(path)
    assert moment_of(credential.expires_at) > later(29 * 86400)
    assert obtain(granted.live, order) == (credential, False)
    assert granted.close().remains == (f"{credential.what} expires at {credential.expires_at}",)
    asked = granted.records[0].body["latest_end"]
    assert moment_of(str(asked)) > later(29 * 86400)


def test_another_host_certificate_needs_another_name(granted: LiveRun) -> None:
    """A certificate that a host already has is not silently replaced."""
    pair = generate_key_pair().public_key
    obtain(granted.live, SshHostOrder("ssh_host", EVERYTHING, ("web1",), pair, timedelta(days=1)))
    with pytest.raises(TakenName, match=r"host certificate .* for web1.*option name"):
        obtain(granted.live, SshHostOrder("ssh_host", EVERYTHING, ("web2",), pair, timedelta(days=1)))


def test_a_short_certificate_is_signed_anew_in_place(granted: LiveRun) -> None:
    """Same key, same paths, all files still told; the new one lives longer, and both are told at the end."""
    first, _ = obtain(granted.live, ssh_order("web1", longest=timedelta(seconds=60)))
    key, old = granted.run.key.read_bytes(), granted.run.certificate.read_bytes()
    Renewer(granted.live).look(later(10))
    assert granted.run.certificate.read_bytes() == old
    Renewer(granted.live).look(later(40))
    assert granted.run.certificate.read_bytes() != old
    assert granted.run.key.read_bytes() == key
    second, changed = obtain(granted.live, ssh_order("web1", longest=timedelta(seconds=60)))
    assert not changed
    assert (second.files, second.identity) == (first.files, first.identity)
    assert second.facts["serial"] != first.facts["serial"]
    assert len(granted.close().remains) == 2


def test_a_short_grant_dies_with_its_guard_unless_it_is_renewed(running: LiveRun, vault: PreparedVault) -> None:
    """It is minted with two minutes of a longer box, its certificates with no more, and a look of the guard renews it."""
    opened = running.open(vault, EVERYTHING, kind=GrantKind.SHORT)
    told = section(vault.admin.ask("auth/token/lookup-accessor", {"accessor": opened.facts.accessor}), "data")
    assert (told["creation_ttl"], told["explicit_max_ttl"], told["renewable"]) == (120, 600, True)
    credential, _ = obtain(running.live, ssh_order("web1"))
    assert moment_of(credential.expires_at) <= later(121)
    own = vault.admin.with_token(running.run.token.read_text(encoding="ascii"))
    assert session.box_left(own) > timedelta(minutes=9)
    renewer = Renewer(running.live)
    renewer.look(later(0))
    again = section(own.get("auth/token/lookup-self"), "data")
    assert moment(again, "expire_time") > moment(told, "expire_time")
    renewer.look(later(70))
    assert running.kinds == [ASKED, OBTAINED] * 2
    assert len(running.close().remains) == 2


def test_an_orphan_is_never_renewed(granted: LiveRun, vault: PreparedVault) -> None:
    """A grant that is as long as its box needs nobody to keep it alive."""
    Renewer(granted.live).look(later(0))
    own = vault.admin.with_token(granted.run.token.read_text(encoding="ascii"))
    assert "last_renewal_time" not in section(own.get("auth/token/lookup-self"), "data")


def test_without_a_grant_nothing_is_asked(running: LiveRun) -> None:
    """The sentence names the task that is missing, and nothing is recorded."""
    with pytest.raises(NoOpenGrant, match=r"breakglass\.remediation\.grant"):
        obtain(running.live, ssh_order("web1"))
    assert running.records == []


def test_a_closed_grant_gives_nothing(granted: LiveRun) -> None:
    """A token that is dead is told as a box that is over, not as a login that is wrong."""
    granted.close()
    with pytest.raises(SpentGrant, match="time box is over, or it was revoked"):
        obtain(granted.live, ssh_order("web1"))
    assert granted.records == []


def test_a_box_that_is_nearly_over_gives_nothing(running: LiveRun, vault: PreparedVault) -> None:
    """In the last two seconds there is nothing worth asking for."""
    running.open(vault, EVERYTHING, timedelta(seconds=1))
    with pytest.raises(SpentGrant):
        obtain(running.live, ssh_order("web1"))


def test_a_broken_run_directory_stops_before_the_request(granted: LiveRun) -> None:
    """What the run has can't be read, so nothing new is asked for."""
    obtain(granted.live, ssh_order("web1"))
    (granted.run.ssh / "credential.json").write_text("{", encoding="ascii")
    with pytest.raises(UnusableRunDirectory):
        obtain(granted.live, ssh_order("web2"))
    assert granted.kinds == [ASKED, OBTAINED]
