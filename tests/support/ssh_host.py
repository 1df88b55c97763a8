# SPDX-License-Identifier: GPL-3.0-or-later
"""Real SSH hosts for tests, with certificate authorities of the test's own: no Vault needed.

A test package takes the fixtures by importing them in its conftest: `from tests.support.ssh_host import ssh_site`.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh
import pytest

from breakglass.demo.ssh_host import SshHost, SshHostFiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LOGIN = "breakglass"
_KIND = "ssh-ed25519"


class Authority:
    """A certificate authority of a test."""

    def __init__(self) -> None:
        self._key = asyncssh.generate_private_key(_KIND)

    @property
    def public_line(self) -> str:
        """Its public key, one OpenSSH line."""
        return self._key.export_public_key().decode().strip()

    def host_files(self, directory: Path, name: str) -> tuple[Path, Path]:
        """A host key with its certificate for one name."""
        key = asyncssh.generate_private_key(_KIND)
        certificate = self._key.generate_host_certificate(key, name, principals=[name])
        return _write(directory / "host_key", key.export_private_key()), _write(
            directory / "host_key-cert.pub", certificate.export_certificate()
        )

    def identity(
        self,
        directory: Path,
        principals: tuple[str, ...],
        *,
        valid_after: str = "-1m",
        valid_before: str = "+10m",
    ) -> Path:
        """A user's private key file, with its certificate beside it as OpenSSH wants it."""
        path = plain_identity(directory)
        key = asyncssh.read_private_key(path)
        certificate = self._key.generate_user_certificate(
            key, "test", principals=list(principals), valid_after=valid_after, valid_before=valid_before
        )
        _write(directory / "id-cert.pub", certificate.export_certificate())
        return path


def plain_identity(directory: Path) -> Path:
    """A user's private key file without any certificate."""
    directory.mkdir(parents=True, exist_ok=True)
    return _write(directory / "id", asyncssh.generate_private_key(_KIND).export_private_key())


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o600)
    return path


@dataclass(frozen=True)
class SshSite:
    """Hosts under one user authority and one host authority, and what a client needs to reach them."""

    directory: Path
    users: Authority
    hosts: Mapping[str, SshHost]
    homes: Mapping[str, Path]

    @property
    def known_hosts(self) -> Path:
        return self.directory / "known_hosts"

    def identity(self, *principals: str) -> Path:
        """A good identity for these hosts."""
        return self.users.identity(self.directory / f"identity-{'-'.join(principals)}", principals)

    def ssh_arguments(self, name: str, identity: Path | None) -> list[str]:
        """The command line of `ssh` to this host, up to the remote command."""
        key = ["-i", str(identity)] if identity else []
        return [
            *("ssh", "-F", "/dev/null", *key, "-p", str(self.hosts[name].port), "-l", LOGIN, *self.options(name)),
            *("-o", "BatchMode=yes", "127.0.0.1"),
        ]

    def options(self, name: str) -> list[str]:
        """The options that bind a client to our files only."""
        return [
            *("-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "GlobalKnownHostsFile=/dev/null"),
            *("-o", f"HostKeyAlias={name}", "-o", "StrictHostKeyChecking=yes"),
            *("-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"),
        ]

    def inventory(self, identity: Path) -> dict[str, dict[str, object]]:
        """The hosts as an Ansible inventory wants them; each keeps its control socket in the site's directory."""
        return {
            name: {
                "ansible_host": host.address,
                "ansible_port": host.port,
                "ansible_user": LOGIN,
                "ansible_ssh_private_key_file": str(identity),
                "ansible_ssh_common_args": f"-F /dev/null {' '.join(self.options(name))}",
                "ansible_control_path_dir": str(self.directory / "cp"),
                "ansible_python_interpreter": sys.executable,
                "ansible_remote_tmp": str(self.homes[name] / ".ansible/tmp"),
            }
            for name, host in self.hosts.items()
        }


@contextlib.contextmanager
def serving(*names: str) -> Iterator[SshSite]:
    """Hosts of these names, in a short-named directory (a control socket's path has 104 characters at most)."""
    directory = Path(tempfile.mkdtemp(prefix="bg-"))
    users, machines = Authority(), Authority()
    (directory / "known_hosts").write_text(f"@cert-authority * {machines.public_line}\n", encoding="ascii")
    homes = {name: directory / name / "home" for name in names}
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        hosts = {}
        for name in names:
            homes[name].mkdir(parents=True)
            authority = _write(directory / name / "ca.pub", users.public_line.encode())
            key, certificate = machines.host_files(directory / name, name)
            files = SshHostFiles(
                name=name,
                login=LOGIN,
                user_authority=authority,
                host_key=key,
                host_certificate=certificate,
                home=homes[name],
            )
            hosts[name] = stack.enter_context(SshHost(files))
        yield SshSite(directory, users, hosts, homes)


@pytest.fixture(scope="module")
def ssh_site() -> Iterator[SshSite]:
    """One host, web1, under authorities of this test module."""
    with serving("web1") as site:
        yield site
