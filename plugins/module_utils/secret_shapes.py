# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that look like a secret of somebody: tokens of Vault, private keys, JWTs, passwords in addresses and headers."""

from __future__ import annotations

import re

MASK = "[masked]"

SHAPES = re.compile(
    r"""
      (?<![A-Za-z0-9]) (?: hv[sbr] | [sbr] ) \. [A-Za-z0-9_-]{20,}                                  # Vault, OpenBao
    | -----BEGIN\ [A-Z0-9\ ]{0,40}PRIVATE\ KEY----- .*? (?: -----END\ [A-Z0-9\ ]{0,40}KEY----- | \Z )  # PEM
    | (?<![A-Za-z0-9_-]) eyJ[A-Za-z0-9_-]{5,} \. [A-Za-z0-9_-]{5,} (?: \. [A-Za-z0-9_-]* ){0,3}      # JWT, JWE
    | (?P<login> :// [^\s/:@?\#]{0,200} : ) [^\s/]+ @                                              # user:password@
    | (?P<header> (?i: authorization ["']? \s{0,5} [:=] \s{0,5} ["']? (?: bearer | basic | token | digest ) \s{1,5} ) )
      [^\s"',]+
    | (?P<vault> (?i: x-vault-token ["']? \s{0,5} [:=] \s{0,5} ["']? ) ) [^\s"',]+
    | (?P<bearer> (?<![A-Za-z0-9]) (?i: bearer \s{1,5} ) ) [A-Za-z0-9._~+/=-]{16,}
    """,
    re.VERBOSE | re.DOTALL,
)
_ASSIGNED = re.compile(
    r"""(?P<name> (?i: password | passwd | secret | token | api[_-]?key ) ["']? \s{0,5} [:=] \s{0,5} ["']? ) [^\s"',;&]+""",
    re.VERBOSE,
)
_NAMED = re.compile(
    r"""^ (?P<name> .*?
        (?: pass(?:word|wd|phrase) | (?: \b | require ) pass \b | pwd | secret | token | credential | (?<![a-z]) key (?![a-z]) )
        [\w.-]* ["']? \s* [=:>\s] \s* ) \S .* $""",
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)


def mask_shapes(text: str) -> str:
    """Return the text with everything masked that has the shape of a secret."""
    return SHAPES.sub(_masked, text)


def mask_log(text: str) -> str:
    """The same for lines of logs, in which also whatever is called a password or token is masked."""
    return _ASSIGNED.sub(lambda match: f"{match['name']}{MASK}", mask_shapes(text))


def mask_lines(text: str) -> str:
    """The same for lines of files: whatever follows a name that speaks of a password, secret, token or key, to the end of the line."""
    return _NAMED.sub(lambda match: f"{match['name']}{MASK}", mask_shapes(text))


def _masked(match: re.Match[str]) -> str:
    if match["login"] is not None:
        return f"{match['login']}{MASK}@"
    return f"{match['header'] or match['vault'] or match['bearer'] or ''}{MASK}"
