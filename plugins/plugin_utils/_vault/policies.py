# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of our Vault policies: least privilege, word for word what is written to Vault. Pure."""

from __future__ import annotations

from typing import Final

RUNNER: Final = """\
# breakglass-runner: what the runner's own session may do. Written by breakglass vault apply.
path "auth/token/create/breakglass-child-*" {
  capabilities        = ["update"]
  required_parameters = ["policies", "ttl", "explicit_max_ttl", "meta", "display_name"]
  allowed_parameters  = { "policies" = [], "ttl" = [], "explicit_max_ttl" = [], "meta" = [], "display_name" = [] }
  min_wrapping_ttl    = "1s"
  max_wrapping_ttl    = "300s"
}
path "auth/token/roles/breakglass-*"    { capabilities = ["read"] }
path "auth/token/lookup-accessor"       { capabilities = ["update"] }
path "auth/token/revoke-accessor"       { capabilities = ["update"] }
path "sys/leases/lookup"                { capabilities = ["update"] }
path "sys/leases/revoke"                { capabilities = ["update"] }
path "auth/token/lookup-self"           { capabilities = ["read"] }
path "auth/token/renew-self"            { capabilities = ["update"] }
path "auth/token/revoke-self"           { capabilities = ["update"] }
path "transit/sign/breakglass-journal"  { capabilities = ["update"] }
path "transit/keys/breakglass-journal"  { capabilities = ["read"] }
# Create only: overwriting and deleting an anchor answer 403.
path "kv/data/breakglass/anchors/*"     { capabilities = ["create", "read"] }
path "kv/metadata/breakglass/anchors/*" { capabilities = ["list"] }
path "kv/data/breakglass/hold"          { capabilities = ["create", "read", "update"] }
# Update only: reading this path would return the code.
path "totp/code/*"                      { capabilities = ["update"] }
path "identity/oidc/role/breakglass"    { capabilities = ["read"] }
# A public client: there is no secret in it.
path "identity/oidc/client/breakglass"  { capabilities = ["read"] }
path "identity/entity/id/*"             { capabilities = ["read"] }
path "identity/group/id/*"              { capabilities = ["read"] }
# For breakglass doctor: which rights we have ourselves, the public key by which hosts are known, who is in the groups that
# approve (the same as by id), and the names of those who have a second factor.
path "identity/group/name/*"            { capabilities = ["read"] }
path "totp/keys"                        { capabilities = ["list"] }
path "sys/capabilities-self"            { capabilities = ["update"] }
path "ssh-breakglass/config/ca"         { capabilities = ["read"] }
"""

GRANT: Final = """\
# breakglass-grant: what every grant may do with itself and its leases. Written by breakglass vault apply.
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/leases/renew"       { capabilities = ["update"] }
path "sys/leases/lookup"      { capabilities = ["update"] }
path "sys/leases/revoke"      { capabilities = ["update"] }
"""

RENEWING: Final = """\
# breakglass-renewing-grant: for short grants in containers, which live only while their guard does.
# Written by breakglass vault apply.
path "auth/token/renew-self" { capabilities = ["update"] }
"""

OPERATOR: Final = """\
# breakglass-operator: for the logins of people and of AWX that open grants themselves. Written by breakglass vault apply.
path "auth/token/create/breakglass-orphan-*" {
  capabilities        = ["update"]
  required_parameters = ["policies", "ttl", "explicit_max_ttl", "meta", "display_name"]
  allowed_parameters  = { "policies" = [], "ttl" = [], "explicit_max_ttl" = [], "meta" = [], "display_name" = [] }
}
path "auth/token/create/breakglass-short-*" {
  capabilities        = ["update"]
  required_parameters = ["policies", "ttl", "explicit_max_ttl", "meta", "display_name"]
  allowed_parameters  = { "policies" = [], "ttl" = [], "explicit_max_ttl" = [], "meta" = [], "display_name" = [] }
}
path "auth/token/lookup-accessor"       { capabilities = ["update"] }
path "auth/token/revoke-accessor"       { capabilities = ["update"] }
path "sys/leases/lookup"                { capabilities = ["update"] }
path "sys/leases/revoke"                { capabilities = ["update"] }
path "auth/token/lookup-self"           { capabilities = ["read"] }
path "auth/token/revoke-self"           { capabilities = ["update"] }
path "transit/sign/breakglass-journal"  { capabilities = ["update"] }
path "transit/keys/breakglass-journal"  { capabilities = ["read"] }
# Create only: overwriting and deleting an anchor answer 403.
path "kv/data/breakglass/anchors/*"     { capabilities = ["create", "read"] }
path "kv/metadata/breakglass/anchors/*" { capabilities = ["list"] }
path "kv/data/breakglass/hold"          { capabilities = ["read"] }
# Says to a runner who we are, when it is asked for a grant.
path "identity/oidc/token/breakglass"   { capabilities = ["read"] }
"""

PERSON: Final = """\
# breakglass-person: for the logins of people who ask a runner for access, or approve. Written by breakglass vault apply.
path "identity/oidc/token/breakglass"   { capabilities = ["read"] }
# Signs in at the runner's pages, from Vault's own.
path "identity/oidc/provider/breakglass/authorize" { capabilities = ["read", "update"] }
path "auth/token/lookup-self"           { capabilities = ["read"] }
path "auth/token/revoke-self"           { capabilities = ["update"] }
"""
