# SPDX-License-Identifier: GPL-3.0-or-later
"""Options for reaching Vault and logging in, documented once."""

from __future__ import annotations


class ModuleDocFragment:
    """Spelled as in community.hashi_vault."""

    DOCUMENTATION = r"""
options:
  url:
    description:
      - Address of Vault or OpenBao, as V(https://vault.example.com:8200).
      - Without it, E(BREAKGLASS_VAULT_ADDR), E(VAULT_ADDR) or E(BAO_ADDR).
    type: str
  namespace:
    description: Namespace. Without it, E(VAULT_NAMESPACE) or E(BAO_NAMESPACE).
    type: str
  ca_cert:
    description: File of CA certificates to trust. Without it, E(VAULT_CACERT) or E(BAO_CACERT), else the system's.
    type: path
  validate_certs:
    description: Whether the server's certificate is checked. Without it, checked unless E(VAULT_SKIP_VERIFY) is set.
    type: bool
  timeout:
    description: Seconds to wait for a connection, and for each answer. Without it, E(VAULT_CLIENT_TIMEOUT), else 10.
    type: int
  retries:
    description: How often a read is repeated. A request that changes something never is. Without it, 2.
    type: int
  proxies:
    description: One proxy URL. Without it, E(VAULT_PROXY_ADDR), else none.
    type: str
  auth_method:
    description:
      - How to log in. V(token) takes O(token), E(VAULT_TOKEN), E(BAO_TOKEN) or the token file.
      - Without it, V(approle) where a role id is given or in the environment and no token is, else V(token).
    type: str
    choices: [token, approle]
  token:
    description: A token of yours. It is never revoked.
    type: str
  token_path:
    description: Directory of the token file. Without it, your home directory.
    type: path
  token_file:
    description: Name of the token file. Without it, V(.vault-token).
    type: str
  role_id:
    description: For V(approle). Without it, E(VAULT_ROLE_ID) or E(BAO_ROLE_ID).
    type: str
  secret_id:
    description: For V(approle). Without it, E(VAULT_SECRET_ID) or E(BAO_SECRET_ID).
    type: str
  mount_point:
    description: Where the login method is mounted, if not at its usual place.
    type: str
"""
