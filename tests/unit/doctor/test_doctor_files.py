# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings, secrets, channels, inventory and policy: what is wrong with each file, and that no secret is shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from breakglass.demo.channel import Channel
from breakglass.doctor.checks import addresses, channels, inventory, policy, programs, secret_files, settings, tls
from breakglass.doctor.known import Asked, Known

if TYPE_CHECKING:
    from tests.unit.doctor.conftest import Files

SECRET = "s3cr3t-t0ken"


def issue_login(files: Files) -> None:
    for name in ("role_id", "secret_id"):
        files.place.secret(name).touch(mode=0o600)
        files.place.secret(name).write_text(SECRET)


def test_programs(files: Files) -> None:
    """What these tests run with is new enough."""
    ((mark, says),) = files.look(programs.look)
    assert mark == "ok", says
    assert "ansible-core 2." in says


def test_an_older_ansible(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too old a package, and one that is not there, are named with the command that mends it; so is a missing ssh."""
    monkeypatch.setattr(programs, "OLDEST", {"ansible-core": (99, 0), "breakglass-nothing": (1, 0)})
    monkeypatch.setenv("PATH", "/nowhere")
    found = files.look(programs.look)
    assert [mark for mark, _ in found] == ["!!", "!!", "!!"]
    assert "is too old: at least 99.0 is needed" in found[0][1]
    assert "pip install 'breakglass-nothing>=1.0'" in found[1][1]
    assert "no ssh on PATH" in found[2][1]


def test_settings(files: Files) -> None:
    """Good settings are counted; each fault of bad ones has a line; those that are not there are offered to be made."""
    ((mark, says),) = files.look(settings.look)
    assert (mark, says.endswith("1 source, 1 channel")) == ("ok", True)

    text = files.place.settings.read_text()
    files.place.settings.write_text(text.replace("listen: 127.0.0.1:0", "listen: x").replace("channels:", "chanels:"))
    assert [mark for mark, _ in files.look(settings.look)] == ["!!", "!!"]

    files.place.settings.unlink()
    ((mark, says),) = files.look(settings.look)
    assert (mark, "breakglass init" in says) == ("!!", True)


def test_secrets(files: Files) -> None:
    """The login that is missing is had by `vault apply`; an open file is closed by the command that is said."""
    found = files.look(secret_files.look)
    assert [mark for mark, _ in found] == ["!!"]
    assert "breakglass vault apply" in found[0][1]

    issue_login(files)
    assert files.look(secret_files.look) == [("ok", "4 files, readable and closed to others")]

    files.place.secret("alertmanager").chmod(0o640)
    files.place.secret("secret_id").write_text("")
    found = files.look(secret_files.look)
    assert [mark for mark, _ in found] == ["!!", "!!"]
    assert "is empty" in found[0][1]
    assert f"chmod 600 {files.place.secret('alertmanager')}" in found[1][1]


def test_secrets_of_sinks_of_tls_and_of_the_heartbeat(files: Files) -> None:
    """Files that sinks, the listener and the heartbeat need are looked at like the others."""
    issue_login(files)
    (files.place.directory / "key.pem").write_text(SECRET)
    sinks = {"siem": {"kind": "http", "url": "https://siem.example.com", "bearer_token_file": "siem-token"}}
    files.change(
        lambda all_of_it: all_of_it.update(
            journal={"directory": "journal", "sinks": sinks},
            tls={"certificate": "cert.pem", "key": "key.pem"},
            heartbeat={"url_file": "beat"},
        )
    )
    found = files.look(secret_files.look)
    assert [mark for mark, _ in found] == ["!!", "!!", "!!"]
    assert f"chmod 600 {files.place.directory / 'key.pem'}" in found[0][1]
    assert f"{files.place.directory / 'beat'} can't be read" in found[1][1]
    assert f"{files.place.directory / 'siem-token'} can't be read" in found[2][1]
    assert SECRET not in str(found)


def test_a_listener_whose_certificate_is_none(files: Files) -> None:
    """Files that are no certificate and key are named; without TLS nothing is said."""
    assert files.look(tls.look) == []
    for name in ("cert.pem", "key.pem"):
        (files.place.directory / name).write_text(SECRET)
    files.change(lambda all_of_it: all_of_it.update(tls={"certificate": "cert.pem", "key": "key.pem"}))
    ((mark, says),) = files.look(tls.look)
    assert (mark, "can't be used with" in says) == ("!!", True)
    assert SECRET not in says


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise imports it
def test_channels(files: Files) -> None:
    """An address is looked at and not used; a text that is none is not repeated; a file that can't be read is unknown."""
    assert [mark for mark, _ in files.look(channels.look)] == ["ok"]

    files.place.secret("on-call").write_text(f"nonsense://{SECRET}@host")
    ((mark, says),) = files.look(channels.look)
    assert (mark, "does not hold an Apprise URL" in says, SECRET in says) == ("!!", True, False)

    files.place.secret("on-call").chmod(0o644)
    assert [mark for mark, _ in files.look(channels.look)] == ["??"]

    files.change(lambda all_of_it: all_of_it.update(channels={}))
    ((mark, says),) = files.look(channels.look)
    assert (mark, "nobody is told" in says) == ("!!", True)


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise imports it
def test_sending_a_test_message(files: Files) -> None:
    """Only who asks for it has a message sent; a channel that does not take it must be mended."""
    known = Known(Asked(files.place.settings, "ada", send=True), files.known.endings, files.known._found)
    with Channel() as channel:
        files.place.secret("on-call").write_text(channel.url)
        assert [finding.mark.value for finding in channels.look(files.known)] == ["ok"]
        assert channel.messages == ()
        assert [finding.mark.value for finding in channels.look(known)] == ["ok"]
        assert [message.title for message in channel.messages] == [channels.SUBJECT]
    assert [finding.mark.value for finding in channels.look(known)] == ["!!"]


def test_inventory_and_policy(files: Files) -> None:
    """Hosts, groups, triggers and accesses are counted; faults of the policy have a line each, with their place."""
    assert files.look(inventory.look) == [("ok", "1 host, groups web")]
    ((mark, says),) = files.look(policy.look)
    assert (mark, says.startswith("1 trigger (1 may act, 0 only observe), 1 access, digest ")) == ("ok", True)
    assert files.look(addresses.look) == [("ok", "1 host of the accesses can be looked up")]

    text = files.place.policy.read_text()
    files.place.policy.write_text(text.replace("hosts: [web]", "hosts: [wep]").replace("automatic", "nobody"))
    found = files.look(policy.look)
    assert [mark for mark, _ in found] == ["!!", "!!"]
    assert all(says.startswith(f"{files.place.policy}:") for _, says in found)


def test_a_policy_without_an_inventory(files: Files) -> None:
    """It is looked at all the same, and what could not be compared is said."""
    files.place.inventory.unlink()
    with pytest.raises(Exception, match="There is no inventory"):
        files.look(inventory.look)
    assert [mark for mark, _ in files.look(policy.look)] == ["ok", "??"]


def test_hosts_without_an_address(files: Files) -> None:
    """A host that can't be looked up is named, one whose address is a template is unknown, one behind a jump host is left out."""
    Path(files.place.inventory).write_text(
        "[web]\nweb1.invalid\nweb2 ansible_host='{{ inventory_hostname }}.invalid'\n"
        "web3 ansible_host=10.0.0.1.invalid ansible_ssh_common_args='-J bastion'\nweb4 ansible_host=127.0.0.1\n"
    )
    files.look(inventory.look)
    files.look(policy.look)
    found = files.look(addresses.look)
    assert [(mark, says.split()[0]) for mark, says in found] == [("!!", "web1.invalid"), ("??", "web2:")]


def test_a_limit_that_names_nothing(files: Files) -> None:
    """A limit with a typo is refused, and never leaves out everything in silence; a good one leaves out the others."""
    known = Known(Asked(files.place.settings, "ada", limit=("wep",)), files.known.endings, files.known._found)
    files.look(inventory.look)
    files.look(policy.look)
    with pytest.raises(Exception, match='Did you mean "web"'):
        list(addresses.look(known))
