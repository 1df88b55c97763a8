# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0 or later (see LICENSE, or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes the text of an event inert: whatever a rule hands on of it, Ansible finds no template in it, and no pattern of hosts.

ansible-rulebook renders `{{ event.… }}` to text, reads text that looks like Python as Python, and writes the result, and the
whole event beside it, to a file of extra variables, which ansible-core trusts: templates in it are executed on the controller.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

DOCUMENTATION = r"""
---
short_description: Make the text of an event inert
description:
  - An event filter that leaves nothing in an event that Ansible would execute. Put it last among the filters of a source.
  - In every text, names included, it parts the beginnings of Jinja templates with a blank (two opening braces become a brace, a
    blank and a brace), also where only Python's spelling of text hides them, parts the mark of Ansible Vault, puts U+FFFD in
    place of control characters other than tab and line end, of characters that turn the direction of writing, and of half
    characters, and cuts what is longer than I(longest_text).
  - In names, leading C(__ansible_) loses its underscores.
  - Everything else stays as it is, in value and kind, so a condition sees the same text, numbers, truth values and lists as
    before, unless it compares one of these characters or sequences.
  - C(meta.hosts), from which a play gets its hosts, keeps plain names of hosts alone. C(all), patterns, files and options go.
    When none is left it is C(breakglass-no-host), which matches no host, so that the play ends at once.
options:
  host_path:
    description:
      - Where in the event the name of the host is, keys parted by dots. It becomes C(meta.hosts), without a port at its end.
    type: str
  longest_text:
    description: Characters that a text may have.
    type: int
    default: 8192
  deepest:
    description: Levels that the event may nest; what is deeper is left out.
    type: int
    default: 32
  most_values:
    description: Values that the event may hold; what comes after them is left out.
    type: int
    default: 20000
"""

EXAMPLES = r"""
- eda.builtin.webhook:
    host: 127.0.0.1
    port: 5000
  filters:
    - breakglass.remediation.inert:
        host_path: payload.commonLabels.instance
"""

NO_HOST = "breakglass-no-host"
LONGEST_NAME = 256
CUT = " [cut]"
LEFT_OUT = "[left out: the event is too large]"
REPLACEMENT = "\ufffd"

_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# What may lie between two characters of a text once Python has read it: continued lines, and the seam of two literals.
_GAP = r"""(?:\\\n)*(?:['"](?:\\\n|[\s'"rRuUbB])*)?"""
# A brace that begins a template now, when the next text is put behind it, or once Python has read the text.
_OPENING = re.compile(r"\{(?=" + _GAP + r"(?:[{%#]|\\(?:x2[35]|0?4[35]|u002[35]|U0000002[35]|N\{)|\Z))")
_HIDDEN_BRACE = re.compile(r"\\(?=x7b|173|u007b|U0000007b|N\{LEFT CURLY)", re.IGNORECASE)
_VAULT = re.compile(r"\$(?=ANSIBLE_VAULT)")
_HEADER = re.compile(r"#(?=jinja2:)")
_RESERVED = re.compile(r"\A__+(?=ansible_)")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_PORT = re.compile(r":[0-9]{1,5}\Z")
_NOT_HOSTS = frozenset({"all", "ungrouped"})
_QUOTES = str.maketrans({"'": "\u2019", '"': "\u201d"})


def main(
    event: dict[str, Any],
    host_path: str = "",
    longest_text: int = 8192,
    deepest: int = 32,
    most_values: int = 20_000,
) -> dict[str, Any]:
    """Return the event as data that nothing executes; the one that was given is not changed."""
    made = _Event(longest_text, most_values).value(event, deepest)
    if host_path:
        made["meta"] = {**_mapping(made.get("meta")), "hosts": [_PORT.sub("", str(_found(made, host_path)))]}
    if "hosts" in _mapping(made.get("meta")):
        made["meta"]["hosts"] = _hosts(made["meta"]["hosts"])
    return made


class _Event:
    """One event that is being copied, and how much of it may still come."""

    def __init__(self, longest_text: int, most_values: int) -> None:
        self._longest, self._left = longest_text, most_values

    def value(self, value: Any, levels: int) -> Any:
        """The value, inert; texts, numbers, truth values and nothing are kept as they are, what is no data becomes text."""
        self._left -= 1
        if isinstance(value, str):
            return inert_text(value, self._longest)
        if value is None or isinstance(value, (bool, int)):
            return value
        if isinstance(value, float):
            return value if abs(value) < float("inf") else str(value)
        if levels <= 0 or self._left < 0:
            return LEFT_OUT
        if isinstance(value, dict):
            return self._named(value, levels - 1)
        if isinstance(value, (list, tuple)):
            return [self.value(one, levels - 1) for one in value[: max(self._left, 0)]]
        return inert_text(str(value), self._longest)

    def _named(self, values: dict[Any, Any], levels: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        kept = {name for name in values if isinstance(name, str) and _inert_name(name) == name}
        for name, value in list(values.items())[: max(self._left, 0)]:
            new = name if name in kept else _inert_name(str(name))
            while new in made or (new in kept and name not in kept):
                new += "_"
            made[new] = self.value(value, levels)
        return made


def inert_text(text: str, longest: int) -> str:
    """Return a text in which Ansible finds nothing to execute; one that has nothing of the kind comes back as it is."""
    if len(text) > longest:
        text = text[:longest] + CUT
    text = _UNFIT.sub(REPLACEMENT, text.replace("\r\n", "\n"))
    text = _OPENING.sub("{ ", _HIDDEN_BRACE.sub(r"\\ ", text))
    text = _HEADER.sub("# ", _VAULT.sub("$ ", text))
    return text.translate(_QUOTES) if _hides_something(text) else text


def _inert_name(name: str) -> str:
    return _RESERVED.sub("", inert_text(name, LONGEST_NAME))


def _hides_something(text: str) -> bool:
    """Whether Python, reading the text as one of its literals, makes a text of it that is not inert."""
    if "{" not in text or not ("'" in text or '"' in text):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes
            return _is_unfit(ast.literal_eval(text.strip()))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False


def _is_unfit(value: Any) -> bool:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, str):
        return _OPENING.search(value) is not None
    if isinstance(value, dict):
        return any(map(_is_unfit, [*value.keys(), *value.values()]))
    return any(map(_is_unfit, value)) if isinstance(value, (list, tuple, set)) else False


def _hosts(given: Any) -> list[str]:
    names = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    kept = [name for name in names if isinstance(name, str) and _HOST.fullmatch(name) and name not in _NOT_HOSTS]
    return kept or [NO_HOST]


def _found(event: dict[str, Any], path: str) -> Any:
    found: Any = event
    for name in path.split("."):
        found = _mapping(found).get(name, "")
    return found


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
