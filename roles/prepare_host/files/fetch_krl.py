# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch the list of SSH certificates that are to be believed no more, and put it where sshd reads it.

    python3 -I fetch_krl.py URL FILE [CA-FILE]

A list is taken only when it is whole, revokes nothing but certificates by their key ids, and is not older than the one that is there.
Otherwise the one that is there stays, and the exit code is 1. Runs on the host, and needs nothing but Python 3.7 and ssh-keygen.
"""

from __future__ import annotations

import os
import ssl
import struct
import subprocess
import sys
import urllib.request
from pathlib import Path

LARGEST = 1 << 20
SECONDS = 10
HEADER = struct.Struct(">8sIQQQ")
LENGTH = struct.Struct(">I")
MAGIC = b"SSHKRL\n\0"
CERTIFICATES, KEY_IDS = 1, 0x23


class Refused(Exception):
    """Why a list is not taken."""


def main(url: str, file: str, authority: str | None = None) -> int:
    """Fetch, check, and replace. Returns the exit code."""
    try:
        replace(Path(file), fetch(url, authority))
    except (OSError, ValueError, Refused) as error:
        said = f"breakglass: the list of revoked certificates at {url} is not taken: {error}. The one that is there stays.\n"
        sys.stderr.write(said)
        return 1
    return 0


def fetch(url: str, authority: str | None) -> bytes:
    """What is at an address, whose certificate is checked against a file of authorities, or the system's."""
    context = ssl.create_default_context(cafile=authority) if url.startswith("https:") else None
    with urllib.request.urlopen(url, timeout=SECONDS, context=context) as answer:  # noqa: S310 (the administrator's own)
        fetched: bytes = answer.read(LARGEST + 1)
    if len(fetched) > LARGEST:
        raise Refused(f"it is larger than {LARGEST} bytes")
    return fetched


def version_of(krl: bytes) -> int:
    """Its version, once it is known that it revokes nothing but certificates by their key ids."""
    if len(krl) < HEADER.size or not krl.startswith(MAGIC):
        raise Refused("it is no key revocation list")
    _magic, form, version, _made, _flags = HEADER.unpack_from(krl)
    if form != 1:
        raise Refused(f"it has the form {form}, which is not known here")
    _reserved, rest = text(krl[HEADER.size :])
    _comment, rest = text(rest)
    while rest:
        kind = rest[0]
        body, rest = text(rest[1:])
        if kind != CERTIFICATES or not is_of_key_ids(body):
            raise Refused("it revokes something else than certificates by their key ids")
    return int(version)


def is_of_key_ids(body: bytes) -> bool:
    """Whether a section about certificates, of whichever authority, names key ids alone."""
    authority, rest = text(body)
    _reserved, rest = text(rest)
    while rest:
        kind = rest[0]
        _ids, rest = text(rest[1:])
        if kind != KEY_IDS:
            return False
    return not authority


def text(data: bytes) -> tuple[bytes, bytes]:
    """A string with its length before it, and what follows."""
    end = LENGTH.size + LENGTH.unpack_from(data)[0] if len(data) >= LENGTH.size else len(data) + 1
    if end > len(data):
        raise Refused("it is cut off")
    return data[LENGTH.size : end], data[end:]


def replace(path: Path, fetched: bytes) -> None:
    """Put it in the place of an older one, in one step."""
    version, there = version_of(fetched), present(path)
    if there == fetched:
        return
    if there and version < version_of(there):
        raise Refused("it is older than the one that is there")
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(fetched)
        file.flush()
        os.fsync(file.fileno())
    if not is_readable(new):
        raise Refused("ssh-keygen can't read it")
    new.replace(path)


def is_readable(krl: Path) -> bool:
    """Whether OpenSSH reads it as we do: asked about keys that it can't revoke, those of the CAs beside it."""
    asked = ["ssh-keygen", "-Q", "-f", str(krl), str(krl.with_name("user_ca.pub"))]
    return subprocess.run(asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def present(path: Path) -> bytes:
    """The list that is there; empty where there is none, or none that can be read."""
    try:
        krl = path.read_bytes()
        version_of(krl)
    except (OSError, Refused):
        return b""
    return krl


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
