# SPDX-License-Identifier: GPL-3.0-or-later
"""`breakglass init` at a real pseudo-terminal, with a real OpenBao and a real channel, and without a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pexpect
import pytest
import yaml
from tests.support.certificates import Authority
from tests.support.lasting_openbao import LastingOpenBao
from tests.support.openbao import openbao

from breakglass.demo.channel import Channel
from breakglass.demo.openbao import OpenBao
from breakglass.demo.parts import free_port
from breakglass.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.cli.conftest import Command

__all__ = ["openbao"]

LIMIT_SECONDS = 60
COMMAND = (sys.executable, "-m", "breakglass.cli.main", "init")
CANARY = "c4nary-s3cr3t"
VAULT, INVENTORY, CHANNEL = "Vault address", "Ansible inventory", "Where people hear of it"
"""How the three questions begin."""


@pytest.fixture
def channel() -> Iterator[Channel]:
    with Channel() as channel:
        yield channel


@dataclass(frozen=True)
class Parts:
    """What an answer may name.

    Attributes:
        vault: A real OpenBao.
        inventory: An inventory of three hosts.
        channel: A channel that takes messages.
    """

    vault: OpenBao
    inventory: Path
    channel: Channel


@pytest.fixture
def parts(openbao: OpenBao, inventory: Path, channel: Channel) -> Parts:
    return Parts(openbao, inventory, channel)


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "hosts"
    path.write_text("[web]\nweb1\nweb2\n[db]\ndb1\n", encoding="utf-8")
    return path


def at_a_terminal(breakglass: Command, directory: Path, *words: str, **environment: str) -> Any:
    """The command with somebody before it."""
    return pexpect.spawn(
        COMMAND[0],
        [*COMMAND[1:], *words],
        cwd=str(directory),
        env={**breakglass.environment, **environment},  # type: ignore[arg-type]
        encoding="utf-8",
        timeout=LIMIT_SECONDS,
        dimensions=(50, 250),
    )


def ended(child: Any) -> tuple[int, str]:
    """Exit code, and what came since the last thing that was waited for."""
    child.expect(pexpect.EOF)
    text: str = child.before
    child.close()
    return child.exitstatus, text


def files_below(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def test_a_person_sets_it_up(
    breakglass: Command, tmp_path: Path, inventory: Path, openbao: OpenBao, channel: Channel
) -> None:
    """Three answers, each looked at at once; then everything is there, passes the checks, and the next commands are said."""
    site = tmp_path / "site"
    site.mkdir()
    child = at_a_terminal(breakglass, site, "--state", str(tmp_path / "state"))
    child.expect(f"{VAULT}: ")
    child.sendline("http://127.0.0.1:9")
    child.expect("can't be reached: connection refused")
    child.expect(f"{VAULT}: ")
    child.sendline(openbao.url)
    child.expect(r"reachable, OpenBao 2\.\S+, unsealed")
    child.expect(f"{INVENTORY}: ")
    child.sendline(str(tmp_path / "none"))
    child.expect("There is no inventory at")
    child.expect(f"{INVENTORY}: ")
    child.sendline(str(inventory))
    child.expect("3 hosts, groups db web")
    child.expect(f"{CHANNEL}.*: ")
    child.sendline(f"nonsense://{CANARY}@host")
    child.expect("This is no Apprise URL")
    assert CANARY not in child.before + child.after
    child.expect(f"{CHANNEL}.*: ")
    child.sendline(channel.url)
    child.expect("test message sent")
    assert channel.url not in child.before
    child.expect("Did it arrive.*: ")
    child.sendline("")
    code, text = ended(child)

    assert code == 0
    assert "Wrote settings.yml, policy/breakglass.yml (mode: observe), secrets/ (0700)" in text
    for command in ("vault plan", "vault apply", "prepare_hosts", "breakglass doctor"):
        assert command in text
    assert "cd " not in text
    assert [message.title for message in channel.messages] == ["breakglass: a test message"]
    assert files_below(site) == ["policy/breakglass.yml", "secrets/alertmanager", "secrets/on-call", "settings.yml"]
    assert (site / "secrets" / "on-call").read_text() == f"{channel.url}\n"
    assert len((site / "secrets" / "alertmanager").read_text().strip()) > 40
    passes_the_checks(breakglass, site)


def passes_the_checks(breakglass: Command, site: Path) -> None:
    """What the commands say of it."""
    settings = site / "settings.yml"
    for words in (
        ("settings", "check", settings),
        ("policy", "check", site / "policy", "--settings", settings),
        ("policy", "test", "--settings", settings),
    ):
        checked = breakglass(*words)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_message_that_did_not_arrive(
    breakglass: Command, tmp_path: Path, inventory: Path, openbao: OpenBao, channel: Channel
) -> None:
    """Who says that the message did not arrive is asked for another address; what the environment says is offered."""
    with Channel() as other:
        child = at_a_terminal(
            breakglass,
            tmp_path,
            "site",
            "--inventory",
            str(inventory),
            VAULT_ADDR=openbao.url,
            XDG_RUNTIME_DIR="/run/x",
        )
        child.expect(rf"{VAULT} \[{openbao.url}\]: ")
        child.sendline("")
        child.expect(f"{CHANNEL}.*: ")
        child.sendline(other.url)
        child.expect("Did it arrive.*: ")
        child.sendline("n")
        child.expect(f"{CHANNEL}.*: ")
        child.sendline(channel.url)
        child.expect("Did it arrive.*: ")
        child.sendline("y")
        code, text = ended(child)
        assert len(other.messages) == 1
    assert code == 0
    assert f"cd {tmp_path / 'site'}" in text
    assert (tmp_path / "site" / "secrets" / "on-call").read_text() == f"{channel.url}\n"


@pytest.mark.parametrize("how", ["Ctrl-C", "Ctrl-D", "kill"])
@pytest.mark.parametrize("question", [VAULT, INVENTORY, CHANNEL])
def test_interrupted(breakglass: Command, tmp_path: Path, parts: Parts, question: str, how: str) -> None:
    """Whoever leaves in the middle leaves nothing behind, at whichever question."""
    site = tmp_path / "site"
    child = at_a_terminal(breakglass, tmp_path, str(site))
    for asked, answer in ((VAULT, parts.vault.url), (INVENTORY, str(parts.inventory)), (CHANNEL, "")):
        child.expect(f"{asked}.*: ")
        if asked == question:
            break
        child.sendline(answer)
    if how == "kill":
        child.kill(signal.SIGKILL)
        child.expect(pexpect.EOF)
        child.close()
    else:
        child.sendintr() if how == "Ctrl-C" else child.sendeof()
        code, text = ended(child)
        assert code == 1
        assert "nothing was written" in text
        assert "Traceback" not in text
    assert not site.exists()


def without_a_terminal(
    breakglass: Command, *words: str | Path, given: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """The command as a script runs it."""
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        env={**breakglass.environment, **environment},
        input=given,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


def test_nobody_to_ask(breakglass: Command, tmp_path: Path, inventory: Path) -> None:
    """Without a terminal all that is missing is named at once, with its option; that is wrong use, and nothing is made."""
    done = without_a_terminal(breakglass, tmp_path / "site")
    assert done.returncode == 3
    for option in ("--vault-address (or VAULT_ADDR)", "--inventory (or ANSIBLE_INVENTORY)", "--channel-file FILE"):
        assert option in " ".join(done.stderr.split())

    done = without_a_terminal(
        breakglass, tmp_path / "site", VAULT_ADDR="http://127.0.0.1:9", ANSIBLE_INVENTORY=str(inventory)
    )
    assert done.returncode == 3
    assert "VAULT_ADDR" not in done.stderr
    assert not (tmp_path / "site").exists()


def test_by_environment_and_standard_input(
    breakglass: Command, tmp_path: Path, inventory: Path, openbao: OpenBao, channel: Channel
) -> None:
    """Address and inventory come from the environment, the secret from standard input; nothing shows it."""
    site = tmp_path / "site"
    done = without_a_terminal(
        *(breakglass, site, "--channel-file", "-", "--state", tmp_path / "state"),
        given=f"{channel.url}\n",
        VAULT_ADDR=openbao.url,
        ANSIBLE_INVENTORY=str(inventory),
    )
    assert done.returncode == 0, done.stderr
    assert channel.url not in done.stdout + done.stderr
    assert len(channel.messages) == 1
    passes_the_checks(breakglass, site)


def test_by_options_and_a_file(
    breakglass: Command, tmp_path: Path, inventory: Path, openbao: OpenBao, channel: Channel
) -> None:
    """Everything by options; without a test message none is sent; an inventory below the directory is named from there."""
    site = tmp_path / "site"
    (site / "infra").mkdir(parents=True)
    inventory.rename(site / "infra" / "hosts")
    (tmp_path / "url").write_text(channel.url)
    done = without_a_terminal(
        *(breakglass, site, "--vault-address", openbao.url, "--inventory", site / "infra" / "hosts"),
        *("--channel-file", tmp_path / "url", "--no-test-message", "--listen", "127.0.0.1:18443"),
    )
    assert done.returncode == 0, done.stderr
    assert channel.messages == ()
    written = yaml.safe_load((site / "settings.yml").read_text())
    assert (written["inventory"], written["listen"]) == ("infra/hosts", "127.0.0.1:18443")
    passes_the_checks(breakglass, site)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--vault-address", "http://127.0.0.1:9"), "can't be reached"),
        (("--vault-address", "http://vault.example.com:8200"), "clear text"),
        (("--vault-address", "ftp://127.0.0.1"), "must be http(s)://"),
        (("--inventory", "/dev/null"), "has no host"),
        (("--channel-file", "/nowhere/url"), "can't be read"),
        (("--channel-file", "/dev/null"), "holds no text"),
        (("--listen", "here"), "Write host:port"),
        (("--listen", "0.0.0.0:8443"), "clear text"),
        (("--state", "/var/lib/a?b"), "sqlite:///FILE"),
        (("--vault-ca-cert", "/dev/null"), "holds no certificate"),
    ],
)
def test_answers_that_are_not_good(
    breakglass: Command,
    tmp_path: Path,
    parts: Parts,
    words: tuple[str, str],
    says: str,
) -> None:
    """An answer that can't be used is one sentence, and nothing is written: not even the directory."""
    (tmp_path / "url").write_text("json://127.0.0.1:9/")
    given = {
        "--vault-address": parts.vault.url,
        "--inventory": str(parts.inventory),
        "--channel-file": str(tmp_path / "url"),
        **dict([words]),
    }
    options = [word for pair in given.items() for word in pair]
    done = without_a_terminal(breakglass, tmp_path / "site", *options, "--no-test-message")
    assert done.returncode == 1
    assert says in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hosts", "url"]


def test_a_channel_that_takes_nothing(breakglass: Command, tmp_path: Path, inventory: Path, openbao: OpenBao) -> None:
    """A test message that is not delivered is said without the address, and nothing is written."""
    url = f"json://user:{CANARY}@127.0.0.1:9/"
    done = without_a_terminal(
        *(
            breakglass,
            tmp_path / "site",
            "--vault-address",
            openbao.url,
            "--inventory",
            inventory,
            "--channel-file",
            "-",
        ),
        given=url,
    )
    assert done.returncode == 1
    assert "The test message was not delivered" in done.stderr
    assert CANARY not in done.stdout + done.stderr
    assert not (tmp_path / "site").exists()


def test_a_vault_that_is_sealed(breakglass: Command, tmp_path: Path, inventory: Path, channel: Channel) -> None:
    """A sealed Vault is good enough to begin with, and it is said that it is sealed."""
    with LastingOpenBao(tmp_path / "bao") as vault:
        vault.seal()
        done = without_a_terminal(
            *(breakglass, tmp_path / "site", "--vault-address", vault.url, "--inventory", inventory),
            *("--channel-file", "-"),
            given=channel.url,
        )
    assert done.returncode == 0, done.stderr
    assert "sealed: that will do for now" in done.stdout


def test_never_over_anything(breakglass: Command, tmp_path: Path) -> None:
    """A second init in one place is refused before it asks anything, and changes nothing."""
    (tmp_path / "settings.yml").write_text("mine")
    child = at_a_terminal(breakglass, tmp_path)
    code, text = ended(child)
    assert code == 1
    assert "settings.yml is there already" in text
    assert files_below(tmp_path) == ["settings.yml"]


def test_what_an_interrupted_one_has_left_is_finished(breakglass: Command, tmp_path: Path) -> None:
    """An init that was killed after everything was written is finished by the next one, which asks nothing."""
    whole = tmp_path / ".breakglass-init"
    (whole / "policy").mkdir(parents=True)
    (whole / "settings.yml").write_text("settings")
    (tmp_path / "secrets").mkdir()
    done = without_a_terminal(breakglass, tmp_path)
    assert done.returncode == 0
    assert "What an interrupted init had written" in done.stdout
    assert (tmp_path / "settings.yml").read_text() == "settings"
    assert not whole.exists()


@pytest.mark.parametrize("runtime", ["", "/run/user/1000"])
def test_where_things_go(breakglass: Command, tmp_path: Path, parts: Parts, runtime: str) -> None:
    """Database and journal go where they can be written; sockets of ssh get a short path, in memory where there is some."""
    words = (
        "--vault-address",
        parts.vault.url,
        "--inventory",
        parts.inventory,
        "--channel-file",
        "-",
        "--no-test-message",
    )
    environment = {"XDG_RUNTIME_DIR": runtime} if runtime else {}
    usual, deep = tmp_path / "usual", tmp_path / ("deep" * 12)
    for site, state in ((usual, ()), (deep, ("--state", deep / "state"))):
        done = without_a_terminal(breakglass, site, *words, *state, given=parts.channel.url, **environment)
        assert done.returncode == 0, done.stderr

    state = "/var/lib/breakglass" if os.geteuid() == 0 else f"{usual}/state"
    assert str(load_settings(usual / "settings.yml").journal.directory) == f"{state}/journal"
    runs = load_settings(deep / "settings.yml").run_directory
    assert str(runs) == ("/run/user/1000/breakglass" if runtime else f"{breakglass.home}/.breakglass")


LISTENER = """
listener "tcp" {{
  address       = "127.0.0.1:{port}"
  tls_cert_file = "{certificate}"
  tls_key_file  = "{key}"
}}
"""


def test_a_vault_with_a_ca_of_its_own(breakglass: Command, tmp_path: Path, inventory: Path, channel: Channel) -> None:
    """A Vault that nobody vouches for is not trusted; its CA and a namespace go into the settings when they are named."""
    authority = Authority.create(tmp_path / "ca", "authority")
    server, port, config = authority.server(), free_port(), tmp_path / "listener.hcl"
    config.write_text(LISTENER.format(port=port, certificate=server.certificate, key=server.key), encoding="utf-8")
    words = ("--inventory", inventory, "--channel-file", "-", "--vault-address", f"https://127.0.0.1:{port}")
    with OpenBao(tmp_path / "bao", config):
        refused = without_a_terminal(breakglass, tmp_path / "site", *words, given=channel.url)
        done = without_a_terminal(
            *(breakglass, tmp_path / "site", *words, "--vault-namespace", "team/a"),
            given=channel.url,
            VAULT_CACERT=str(authority.path),
        )
    assert refused.returncode == 1
    assert "its TLS certificate was not accepted" in refused.stderr
    assert done.returncode == 0, done.stderr
    vault = load_settings(tmp_path / "site" / "settings.yml").vault
    assert (vault.ca_cert, vault.namespace) == (authority.path, "team/a")
