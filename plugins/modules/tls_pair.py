# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: tls_pair
short_description: Puts a key and its certificate in the place of those of a service, or puts the old ones back
description:
  - Works on the host. O(state=present) takes C(private_key.pem), C(certificate.pem) and C(chain.pem) out of O(directory), proves by a
    handshake in memory that the key is the certificate's, that the chain leads to the issuing authority and that the names fit, keeps
    what is there in O(directory), and only then replaces each file in one step.
  - Owner, group and mode stay as found; others and the group can't be given more of the key than reading by its group. Where no file
    was, the key becomes root's alone.
  - O(state=restored) puts back exactly what was there before.
  - Nothing of a key is in the result, and there is no diff.
author:
  - The breakglass.remediation maintainers (!UNKNOWN)
version_added: 0.1.0
extends_documentation_fragment:
  - action_common_attributes
attributes:
  check_mode:
    description: Says C(changed) for O(state=present), since a new pair is always another one; needs no O(directory) then.
    support: full
  diff_mode:
    support: none
  platform:
    description: Runs on the host, with Python's own TLS.
    platforms: posix
options:
  state:
    description: V(present) puts the new pair in place, V(restored) the old one.
    type: str
    choices: [present, restored]
    default: present
  directory:
    description: A directory of root's alone, with the new files. Required but in check mode.
    type: path
  certificate_path:
    description: Where the service reads its certificate. Without O(chain_path) the chain is in it, too.
    type: path
    required: true
  key_path:
    description: Where the service reads its key.
    type: path
    required: true
  chain_path:
    description: Where the service reads the chain, if that is a file of its own.
    type: path
  ca_path:
    description: Authorities (PEM) that clients trust. Without it the chain that came with the certificate is believed.
    type: path
  names:
    description: DNS names that it must be for. Required for V(present).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Deploy the shop's new certificate
  breakglass.remediation.tls_pair:
    directory: /run/ansible.x1
    certificate_path: /etc/nginx/shop.pem
    key_path: /etc/nginx/shop.key
    names: [shop.example.com]
"""

RETURN = r"""
serial:
  description: Serial number of the certificate that was put in place, in hexadecimal.
  returned: with O(state=present), not in check mode
  type: str
expires_at:
  description: When it ends (UTC, RFC 3339).
  returned: with O(state=present), not in check mode
  type: str
paths:
  description: The files that were replaced.
  returned: success
  type: list
  elements: str
"""

import ssl
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import file_swap, tls_handshake
from ..module_utils.file_attributes import label_of_policy
from ..module_utils.x509_reading import UnreadableCertificate, blocks, read

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT = "before"
OF_THE_KEY = 0o640
OF_A_NEW_CERTIFICATE = 0o644


class UnusablePair(Exception):
    """Raised when a key and a certificate must not be put in place; nothing was changed."""


def present(given: Mapping[str, Any], label: file_swap.Label) -> dict[str, Any]:
    """Prove the new pair, keep the old one, replace it; raises UnusablePair, UnusableFile, OSError."""
    new = Path(given["directory"])
    certificate, chain = (_text(new / name) for name in ("certificate.pem", "chain.pem"))
    together = new / "together.pem"
    together.write_text(certificate + _sent(chain), encoding="ascii")
    read_of_it = read(ssl.PEM_cert_to_DER_cert(blocks(certificate)[0]))
    key, authorities = str(new / "private_key.pem"), given["ca_path"] or str(new / "chain.pem")
    if missing := [name for name in given["names"] if not read_of_it.is_for(name)]:
        raise UnusablePair(f"it is not for {', '.join(missing)}")
    if fault := tls_handshake.pair_fault(str(together), key):
        raise UnusablePair(fault)
    if fault := tls_handshake.chain_fault(str(together), key, authorities, given["names"][0]):
        raise UnusablePair(fault)
    files = {given["key_path"]: file_swap.content(key)}
    files[given["certificate_path"]] = (certificate if given["chain_path"] else together.read_text("ascii")).encode()
    if given["chain_path"]:
        files[given["chain_path"]] = _sent(chain).encode()
    found = [file_swap.look(path) for path in files]
    file_swap.keep(found, new / KEPT)
    for one in found:
        file_swap.replace(_permitted(one, is_key=one.path == given["key_path"]), files[one.path], label)
    expires_at = f"{read_of_it.expires_at:%Y-%m-%dT%H:%M:%SZ}"
    return {"changed": True, "serial": read_of_it.serial, "expires_at": expires_at, "paths": list(files)}


def restored(given: Mapping[str, Any], label: file_swap.Label) -> dict[str, Any]:
    """Put back what was there; raises UnusableFile, OSError."""
    kept = Path(given["directory"]) / KEPT
    if not (kept / file_swap.MANIFEST).exists():
        return {"changed": False, "paths": []}  # nothing was replaced
    paths = file_swap.restore(kept, label)
    return {"changed": bool(paths), "paths": paths}


def _permitted(found: file_swap.Found, *, is_key: bool) -> file_swap.Found:
    if is_key:
        return replace(found, mode=found.mode & OF_THE_KEY)
    return found if found.there else replace(found, mode=OF_A_NEW_CERTIFICATE)


def _sent(chain: str) -> str:
    """The chain as a server sends it: without the root, which a client has or does not believe, unless that is all."""
    certificates = blocks(chain)
    below = [one for one in certificates if not _signs_itself(one)]
    return "".join(f"{one}\n" for one in below or certificates[:1])


def _signs_itself(pem: str) -> bool:
    return read(ssl.PEM_cert_to_DER_cert(pem)).issues_itself


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"choices": ["present", "restored"], "default": "present"},
            "directory": {"type": "path"},
            "certificate_path": {"type": "path", "required": True},
            "key_path": {"type": "path", "required": True, "no_log": False},
            "chain_path": {"type": "path"},
            "ca_path": {"type": "path"},
            "names": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    given = module.params
    if given["state"] == "present" and not given["names"]:
        module.fail_json(msg="Give at least one name that the certificate must be for.")
    try:
        if module.check_mode:
            paths = [path for path in (given["key_path"], given["certificate_path"], given["chain_path"]) if path]
            for path in paths:
                file_swap.look(path)
            module.exit_json(changed=given["state"] == "present", paths=paths)
        if not given["directory"]:
            module.fail_json(msg="Give the directory with the new files.")
        act = present if given["state"] == "present" else restored
        module.exit_json(**act(given, label_of_policy(module)))
    except (UnusablePair, UnreadableCertificate, IndexError) as error:
        reason = str(error) if isinstance(error, UnusablePair) else "it can't be read"
        module.fail_json(msg=f"The new certificate can't be used, so nothing was replaced: {reason}.")
    except file_swap.UnusableFile as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'A file'}: {error.strerror or error}.")


if __name__ == "__main__":
    main()
