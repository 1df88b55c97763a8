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
      - Without it, E(BREAKGLASS_VAULT_ADDR), E(VAULT_ADDR) or E(BAO_ADDR). Every other variable has these three forms, too.
    type: str
  namespace:
    description: Namespace. Without it, E(VAULT_NAMESPACE).
    type: str
  ca_cert:
    description: File of CA certificates to trust. Without it, E(VAULT_CACERT), else the system's.
    type: path
  validate_certs:
    description: Whether the server's certificate is checked. Without it, checked unless E(VAULT_SKIP_VERIFY) is set.
    type: bool
  client_cert:
    description:
      - File of a TLS client certificate (PEM) for a Vault that wants one of each connection. Without it, E(VAULT_CLIENT_CERT).
    type: path
  client_key:
    description:
      - File of the key of O(client_cert), without a password. Without it, E(VAULT_CLIENT_KEY), else the key is in O(client_cert).
    type: path
  timeout:
    description: Seconds to wait for a connection, and for each answer. Without it, E(VAULT_CLIENT_TIMEOUT), else 10.
    type: int
  retries:
    description:
      - How often a read is repeated. A request that changes something never is. Without it, E(VAULT_MAX_RETRIES), else 2.
    type: int
  proxies:
    description: One proxy URL. Without it, E(VAULT_PROXY_ADDR) or E(VAULT_HTTP_PROXY), else none.
    type: str
  auth_method:
    description:
      - How to log in, V(token), V(approle), V(jwt), V(kubernetes), V(cert), V(userpass), V(ldap), V(token_file), or a method
        of your own. Without it, E(VAULT_AUTH_METHOD).
      - Without both, V(approle) where a role id is given or in the environment and no token is, else V(token).
    type: str
  mount_point:
    description: Where the login method is mounted, if not at its usual place. Without it, E(VAULT_MOUNT_POINT).
    type: str
  token:
    description: For V(token). A token of yours, which is never revoked. Without it, E(VAULT_TOKEN), else the token file.
    type: str
  token_path:
    description: Directory of the token file. Without it, E(VAULT_TOKEN_PATH), else your home directory.
    type: path
  token_file:
    description: Name of the token file. Without it, E(VAULT_TOKEN_FILE), else V(.vault-token).
    type: str
  role_id:
    description:
      - For V(approle), the role id; for V(jwt), V(kubernetes) and V(cert), the name of the role. Without it, E(VAULT_ROLE_ID).
    type: str
  role_id_file:
    description: For V(approle). File with the role id. Without it, E(VAULT_ROLE_ID_FILE).
    type: path
  secret_id:
    description: For V(approle). Without it, O(secret_id_file), E(VAULT_SECRET_ID).
    type: str
  secret_id_file:
    description: For V(approle). File with the secret id. Without it, E(VAULT_SECRET_ID_FILE).
    type: path
  wrapped_secret_id:
    description:
      - For V(approle), instead of O(secret_id). A single-use wrapping token with the secret id in it. It is opened once; when
        someone else was first, the task fails with an alarm. Without it, O(wrapped_secret_id_file), E(VAULT_WRAPPED_SECRET_ID).
    type: str
  wrapped_secret_id_file:
    description: For V(approle). File with the wrapped secret id. Without it, E(VAULT_WRAPPED_SECRET_ID_FILE).
    type: path
  jwt:
    description: For V(jwt). The signed token. Without it, O(jwt_file), E(VAULT_JWT).
    type: str
  jwt_file:
    description:
      - For V(jwt) and V(kubernetes). File with the signed token. Without it, E(VAULT_JWT_FILE); V(kubernetes) takes the file
        that Kubernetes mounts into each pod.
    type: path
  cert_auth_public_key:
    description: For V(cert). File of the certificate (PEM). Without it, the O(client_cert) of the connection.
    type: path
  cert_auth_private_key:
    description: For V(cert). File of its key (PEM, without a password). Without it, the key is in O(cert_auth_public_key).
    type: path
  username:
    description: For V(userpass) and V(ldap). Without it, E(VAULT_USERNAME).
    type: str
  password:
    description: For V(userpass) and V(ldap). Without it, O(password_file), E(VAULT_PASSWORD).
    type: str
  password_file:
    description: For V(userpass) and V(ldap). File with the password. Without it, E(VAULT_PASSWORD_FILE).
    type: path
  mfa_passcode:
    description:
      - For V(userpass) and V(ldap). The code of the second factor, where Vault wants one at the login. Nobody is asked for it
        at the terminal. Without it, O(mfa_passcode_file), E(BREAKGLASS_MFA_PASSCODE).
    type: str
  mfa_passcode_file:
    description: For V(userpass) and V(ldap). File with the code of the second factor.
    type: path
"""
