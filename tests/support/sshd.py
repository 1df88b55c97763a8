# SPDX-License-Identifier: GPL-3.0-or-later
"""A real sshd of OpenSSH for tests, prepared as `prepare_host` does it, and a real ssh to log in with.

It runs as whoever runs the tests, and only this user can log in; nothing is made or changed in the system, except that
root gets /run/sshd, which sshd insists on (Debian's service makes it at each boot).
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import pytest
from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault import ssh

from breakglass.demo.parts import free_port
from breakglass.domain.krl import revocation_list
from breakglass.errors import BreakglassError

if TYPE_CHECKING:
    from types import TracebackType

    from ansible_collections.breakglass.remediation.plugins.plugin_utils._vault.client import Client

LOOPBACK: Final = "127.0.0.1"
PROGRAM: Final = Path("/usr/sbin/sshd")
PRIVILEGE_SEPARATION: Final = Path("/run/sshd")
HOST_CERTIFICATE_LIFE: Final = timedelta(hours=12)
READY_WITHIN_SECONDS: Final = 20
ANSWER_WITHIN_SECONDS: Final = 20
BETWEEN_LOOKS_SECONDS: Final = 0.02
DIES_WITH_US: Final = ("setpriv", "--pdeathsig", "KILL")

CONFIGURATION: Final = """\
ListenAddress {address}
Port {port}
HostKey {directory}/host_key
HostCertificate {directory}/host_key-cert.pub
TrustedUserCAKeys {directory}/user_ca.pub
AuthorizedPrincipalsFile {directory}/principals
AuthorizedKeysFile none
RevokedKeys {directory}/revoked.krl
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
# The directories above a test's own, as /tmp, are writable for others.
StrictModes no
PidFile none
LogLevel VERBOSE
Subsystem sftp internal-sftp
"""


class UnstartedSshd(BreakglassError):
    """Raised when the sshd of a test does not come up."""


class Sshd:
    """One host's sshd, running inside of its `with` block. It ends with the *thread* that started it.

    Attributes:
        name: The host's inventory name: the only principal that it lets in.
        port: Its port on the loopback address.
        user: The only user that can log in: ourselves.
        log: What it says, at LogLevel VERBOSE.
    """

    def __init__(self, directory: Path, admin: Client, name: str, certified_as: str | None = None) -> None:
        """Prepare a host in a new directory: its key, a certificate for it, the CA and the principal that it trusts.

        Args:
            directory: Where its files are to be.
            admin: An admin's client of a prepared OpenBao, whose CA the host trusts and is certified by.
            name: The host's inventory name.
            certified_as: The name in its host certificate, when that is to be another one.

        Raises:
            VaultError: OpenBao does not sign the host's key.
        """
        self.name = name
        self.port = free_port()
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self.log = directory / "sshd.log"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._prepare(admin, certified_as or name)

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it and wait until it listens. Raises UnstartedSshd."""
        if os.geteuid() == 0:
            PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        arguments = ("-D", "-f", str(self._directory / "sshd_config"), "-E", str(self.log))
        self._process = subprocess.Popen(
            [*DIES_WITH_US, str(PROGRAM), *arguments], cwd="/", env={"PATH": os.defpath}, stdin=subprocess.DEVNULL
        )
        limit = time.monotonic() + READY_WITHIN_SECONDS
        while self._process.poll() is None and time.monotonic() < limit:
            if f"Server listening on {LOOPBACK} port {self.port}" in self.log_text():
                return
            time.sleep(BETWEEN_LOOKS_SECONDS)
        self.stop()
        raise UnstartedSshd(f"sshd did not start; it says: {self.log_text() or '(nothing)'}")

    def revoke(self, krl: bytes) -> None:
        """Put another list of revoked certificates in place, which sshd reads at each login."""
        new = self._directory / "revoked.krl.new"
        new.write_bytes(krl)
        new.replace(self._directory / "revoked.krl")

    def stop(self) -> None:
        """End it; open sessions last until their clients leave. One that does not run is no error."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def log_text(self) -> str:
        """What it has said so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_for_log(self, text: str) -> str:
        """Wait until it has said something with this text, which it does a moment after the client knows; return it all."""
        limit = time.monotonic() + ANSWER_WITHIN_SECONDS
        while text not in self.log_text() and time.monotonic() < limit:
            time.sleep(BETWEEN_LOOKS_SECONDS)
        return self.log_text()

    def _prepare(self, admin: Client, certified_as: str) -> None:
        self._directory.mkdir(mode=0o700, parents=True)
        keys = ssh.generate_key_pair()
        certificate = ssh.sign_host_certificate(admin, keys.public_key, [certified_as], HOST_CERTIFICATE_LIFE)
        files = {
            "host_key": keys.private_key.decode(),
            "host_key-cert.pub": f"{certificate.text}\n",
            "user_ca.pub": f"{certificate.ca_public_key}\n",
            "principals": f"{self.name}\n",
            "sshd_config": CONFIGURATION.format(address=LOOPBACK, port=self.port, directory=self._directory),
        }
        for name, text in files.items():
            _write(self._directory / name, text)
        self.revoke(revocation_list(0, datetime.now(UTC), []))  # without one sshd refuses every key


@dataclass(frozen=True)
class SshLogin:
    """What a client logs in with, as files of its own directory.

    Attributes:
        directory: `id` (private key), `id-cert.pub`, `known_hosts`.
    """

    directory: Path

    @classmethod
    def write(cls, directory: Path, keys: ssh.KeyPair, certificate: ssh.SshCertificate, hosts: tuple[str, ...]) -> Self:
        """Write the files: hosts of these names are believed when the certificate's own CA certified them."""
        directory.mkdir(mode=0o700, parents=True)
        _write(directory / "id", keys.private_key.decode())
        _write(directory / "id-cert.pub", f"{certificate.text}\n")
        login = cls(directory)
        login.believe(hosts, certificate.ca_public_key)
        return login

    def believe(self, hosts: tuple[str, ...], ca_public_key: str) -> None:
        """Believe hosts of these names, and no others, when this CA certified them."""
        _write(self.directory / "known_hosts", f"@cert-authority {','.join(hosts)} {ca_public_key}\n")

    def run(self, host: Sshd, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command on a host with OpenSSH's ssh, which believes nothing but the known_hosts written here."""
        options = {
            "User": host.user,
            "Port": str(host.port),
            "HostKeyAlias": host.name,
            "IdentityFile": str(self.directory / "id"),
            "CertificateFile": str(self.directory / "id-cert.pub"),
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "UserKnownHostsFile": str(self.directory / "known_hosts"),
            "GlobalKnownHostsFile": "none",
            "StrictHostKeyChecking": "yes",
            "UpdateHostKeys": "no",
            "PreferredAuthentications": "publickey",
            "BatchMode": "yes",
            "ControlPath": "none",
            "LogLevel": "VERBOSE",
        }
        written = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        return subprocess.run(
            ["ssh", "-F", "none", "-T", *written, LOOPBACK, command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ANSWER_WITHIN_SECONDS,
            check=False,
        )


def sshd_or_skip() -> None:
    """Skip the test where OpenSSH is missing, and say so; where everything must run (CI), fail it."""
    missing = [name for name in (str(PROGRAM), "ssh") if shutil.which(name) is None]
    if not missing:
        return
    reason = f"There is no {' and no '.join(missing)}: `make packages` installs openssh-server."
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="ascii")
