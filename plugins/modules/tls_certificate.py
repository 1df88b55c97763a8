# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: tls_certificate
short_description: Looks at the certificate of a service, in its files and on the wire
description:
  - Works on the host. Reads a certificate and its key, connects to the service as a client would (TLS with SNI), and says in one sentence
    each what is wrong with the file and with what is shown.
  - A certificate is good when it is valid for O(min_days) more, is for all O(names), and the key is its own. What is shown must be the
    same one, and with O(ca_path) a client that trusts those authorities must accept it.
  - Changes nothing, and returns nothing of the key.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
extends_documentation_fragment:
  - action_common_attributes
attributes:
  check_mode:
    description: It only reads.
    support: full
  diff_mode:
    support: none
  platform:
    description: Runs on the host, with Python's own TLS.
    platforms: posix
options:
  certificate_path:
    description: The certificate (PEM), the service's own first.
    type: path
    required: true
  key_path:
    description: Its key (PEM, not encrypted).
    type: path
    required: true
  names:
    description: DNS names that it must be for. The first is asked for on the wire.
    type: list
    elements: str
    required: true
  min_days:
    description: For how many days it must still be valid.
    type: int
    default: 1
  address:
    description: Where the service listens.
    type: str
    default: 127.0.0.1
  port:
    description: The port at which it speaks TLS from the first byte.
    type: int
    default: 443
  ca_path:
    description: Authorities (PEM) that a client trusts. Without it the chain is not verified.
    type: path
"""

EXAMPLES = r"""
- name: Look at the shop's certificate
  breakglass.remediation.tls_certificate:
    certificate_path: /etc/nginx/shop.pem
    key_path: /etc/nginx/shop.key
    names: [shop.example.com]
    min_days: 21
"""

RETURN = r"""
file_fault:
  description: What is wrong with the files; empty when nothing is.
  returned: success
  type: str
  sample: expired at 2026-10-01T00:00:00Z
file_serial:
  description: Serial number of the certificate in the file, in hexadecimal; empty when there is none.
  returned: success
  type: str
file_expires_at:
  description: When it ends (UTC, RFC 3339); empty when there is none.
  returned: success
  type: str
wire_fault:
  description: What is wrong with what the service shows; empty when nothing is.
  returned: success
  type: str
wire_answers:
  description: Whether the service showed a certificate.
  returned: success
  type: bool
wire_serial:
  description: Serial number of the certificate that it shows, in hexadecimal; empty when it shows none.
  returned: success
  type: str
wire_expires_at:
  description: When that one ends (UTC, RFC 3339); empty when it shows none.
  returned: success
  type: str
"""

import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import tls_handshake
from ..module_utils.x509_reading import Certificate, UnreadableCertificate, blocks, read

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMEOUT_SECONDS = 5.0
LARGEST = 1024 * 1024


def fault(certificate: Certificate, names: Sequence[str], now: datetime, remaining: timedelta) -> str:
    """What is wrong with a certificate by itself; empty when nothing is."""
    if certificate.expires_at <= now:
        return f"expired at {moment(certificate.expires_at)}"
    if certificate.begins_at > now:
        return f"valid only from {moment(certificate.begins_at)}"
    if certificate.expires_at - now < remaining:
        return f"expires at {moment(certificate.expires_at)}, in less than {remaining.days} days"
    missing = [name for name in names if not certificate.is_for(name)]
    return f"not for {', '.join(missing)}" if missing else ""


def in_file(path: str) -> tuple[Certificate | None, str]:
    """The first certificate of a file, or why there is none."""
    try:
        with Path(path).open(encoding="ascii", errors="replace") as file:
            text = file.read(LARGEST)
        return read(ssl.PEM_cert_to_DER_cert(blocks(text)[0])), ""
    except FileNotFoundError:
        return None, "there is no file"
    except OSError as error:
        return None, f"the file can't be read ({error.strerror})"
    except (IndexError, ValueError, UnreadableCertificate):
        return None, "the file holds no certificate"


def moment(when: datetime) -> str:
    """RFC 3339, UTC, whole seconds."""
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


def look(given: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Everything that the module returns."""
    remaining = timedelta(days=given["min_days"])
    kept, file_fault = in_file(given["certificate_path"])
    if kept is not None:
        file_fault = fault(kept, given["names"], now, remaining) or tls_handshake.pair_fault(
            given["certificate_path"], given["key_path"]
        )
    shown, answers, wire_fault = _on_the_wire(given)
    if shown is not None:
        wire_fault = fault(shown, given["names"], now, remaining)
        if not wire_fault and kept is not None and not file_fault and kept.serial != shown.serial:
            wire_fault = "not the one in the file"
        if not wire_fault and given["ca_path"]:
            wire_fault = _trust(given)
    return {
        "file_fault": file_fault,
        "file_serial": kept.serial if kept else "",
        "file_expires_at": moment(kept.expires_at) if kept else "",
        "wire_fault": wire_fault,
        "wire_answers": answers,
        "wire_serial": shown.serial if shown else "",
        "wire_expires_at": moment(shown.expires_at) if shown else "",
    }


def _on_the_wire(given: dict[str, Any]) -> tuple[Certificate | None, bool, str]:
    try:
        der = tls_handshake.served(given["address"], given["port"], given["names"][0], TIMEOUT_SECONDS)
        return read(der), True, ""
    except tls_handshake.NoAnswer as error:
        return None, False, str(error)
    except UnreadableCertificate:
        return None, True, "it shows no readable certificate"


def _trust(given: dict[str, Any]) -> str:
    try:
        return tls_handshake.served_fault(
            given["address"], given["port"], given["names"][0], given["ca_path"], TIMEOUT_SECONDS
        )
    except tls_handshake.NoAnswer as error:
        return str(error)
    except OSError as error:  # also what OpenSSL says of a file without certificates
        return f"the authorities in ca_path can't be read ({error.strerror or error})"


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "certificate_path": {"type": "path", "required": True},
            "key_path": {"type": "path", "required": True, "no_log": False},
            "names": {"type": "list", "elements": "str", "required": True},
            "min_days": {"type": "int", "default": 1},
            "address": {"type": "str", "default": "127.0.0.1"},
            "port": {"type": "int", "default": 443},
            "ca_path": {"type": "path"},
        },
        supports_check_mode=True,
    )
    if not module.params["names"]:
        module.fail_json(msg="Give at least one name that the certificate must be for.")
    module.exit_json(changed=False, **look(module.params, datetime.now(tz=timezone.utc)))


if __name__ == "__main__":
    main()
