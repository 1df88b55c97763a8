# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the README of each remediation role from what its meta/argument_specs.yml and meta/remediation.yml say.

python tools/role_docs.py [ROLE ...]

Without names: of every role that has a meta/remediation.yml. What stands after a `#` beside a behaviour is its reason, and told with it.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import yaml
from ansible_collections.breakglass.remediation.plugins.plugin_utils._parameters.kinds import KINDS, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

REPOSITORY: Final = Path(__file__).resolve().parents[1]
HEAD: Final = "<!-- SPDX-License-Identifier: GPL-3.0-or-later. Written by `make role-docs` from meta/ of this role; do not edit. -->"
_MARKUP: Final = re.compile(r"\b(?:C|E|O|P|RV|V)\(((?:[^\\)]|\\.)*)\)")
_PLAIN: Final = re.compile(r"\b(?:M|R)\(([^,)]*)(?:,[^)]*)?\)")
_REASON: Final = re.compile(r"^(\w+): +[^\s#]+ +# +(.+)$", re.MULTILINE)
_CHECK_MODES: Final = {
    "full": "tells all of it",
    "partial": "tells a part of it",
    "none": "none",
}


@dataclass(frozen=True)
class RolePapers:
    """What the two files of a role say, read and not yet interpreted.

    Attributes:
        name: The role's short name.
        spec: The entry point `main` of its argument specs.
        behaviour: The content of its `meta/remediation.yml`.
        reasons: What that file says beside a behaviour, by the behaviour's name.
        has_playbook: Whether there is a playbook of the role's name; otherwise `remediate` runs it.
    """

    name: str
    spec: Mapping[str, object]
    behaviour: Mapping[str, object]
    reasons: Mapping[str, str]
    has_playbook: bool


def remediation_roles(roles: Path) -> list[str]:
    """The names of all roles that repair, in order."""
    return sorted(path.parents[1].name for path in roles.glob("*/meta/remediation.yml"))


def read_papers(repository: Path, name: str) -> RolePapers:
    """Read the two files of a role of a repository."""
    meta = repository / "roles" / name / "meta"
    text = (meta / "remediation.yml").read_text(encoding="utf-8")
    specs = yaml.safe_load((meta / "argument_specs.yml").read_text(encoding="utf-8"))
    return RolePapers(
        name=name,
        spec=specs["argument_specs"]["main"],
        behaviour=yaml.safe_load(text),
        reasons={key: reason.strip() for key, reason in _REASON.findall(text)},
        has_playbook=(repository / "playbooks" / f"{name}.yml").is_file(),
    )


def readme(papers: RolePapers) -> str:
    """The whole README of a role."""
    return "\n".join(
        [
            HEAD,
            f"# {papers.name}",
            "",
            f"{_markdown(str(papers.spec['short_description']))}.",
            "",
            *(f"- {sentence}" for sentence in _sentences(papers.spec["description"])),
            "",
            *_parameters(papers),
            "## How it behaves",
            "",
            *_behaviour(papers),
            "",
            "## What it does not do",
            "",
            *(f"- {sentence}" for sentence in cast("Sequence[str]", papers.behaviour["does_not"])),
            "",
            "## Run it",
            "",
            *_examples(papers),
            "",
        ]
    )


def _parameters(papers: RolePapers) -> Iterator[str]:
    options = cast("Mapping[str, Mapping[str, object]]", papers.spec.get("options") or {})
    kinds = cast("Mapping[str, str]", papers.behaviour.get("parameters") or {})
    yield from ("## Parameters", "")
    if not options:
        yield from ("None.", "")
        return
    yield from ("| parameter | type | kind | default | meaning |", "|---|---|---|---|---|")
    for name, option in options.items():
        meaning = " ".join(_sentences(option["description"]))
        cells = (f"`{name}`", _type(option), _kind(option, kinds.get(name)), _default(option), meaning)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    used = sorted({*kinds.values()})
    if used:
        yield from ("", "What a kind takes; anything else is refused before anything is opened or done:", "")
        yield from (f"- `{kind}`: {_takes(kind)}" for kind in used)
    yield ""


def _type(option: Mapping[str, object]) -> str:
    of = f" of {option['elements']}" if "elements" in option else ""
    return f"{option.get('type', 'str')}{of}"


def _kind(option: Mapping[str, object], kind: str | None) -> str:
    if "choices" in option:
        return "one of " + ", ".join(f"`{_shown(one)}`" for one in cast("Sequence[object]", option["choices"]))
    return f"`{kind}`" if kind else ""


def _default(option: Mapping[str, object]) -> str:
    if option.get("required"):
        return "**required**"
    return f"`{_shown(option['default'])}`" if "default" in option else "none"


def _shown(value: object) -> str:
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _takes(kind: str) -> str:
    known = KINDS[kind]
    return known.takes if isinstance(known, Text) else f"{known.least} to {known.most}"


def _behaviour(papers: RolePapers) -> Iterator[str]:
    known = papers.behaviour
    rows = [
        ("idempotent", _yes(known["idempotent"])),
        ("disruptive", _yes(known["disruptive"])),
        ("expected_duration", f"{known['expected_duration']}, as a rule"),
        ("check_mode", _CHECK_MODES[str(known["check_mode"])]),
        ("holds_host", _yes(known.get("holds_host", False))),
        ("releases_host", _yes(known.get("releases_host", False))),
        ("rollout", _ROLLOUTS[str(known.get("rollout", "canary"))]),
    ]
    yield from ("| | | |", "|---|---|---|")
    for key, value in rows:
        yield f"| {_BEHAVIOURS[key]} | {value} | {_markdown(papers.reasons.get(key, ''))} |"


_BEHAVIOURS: Final = {
    "idempotent": "a second run does no harm (`idempotent`)",
    "disruptive": "users may notice it (`disruptive`)",
    "expected_duration": "takes (`expected_duration`)",
    "check_mode": "check mode (`check_mode`)",
    "holds_host": "holds the host against other triggers (`holds_host`)",
    "releases_host": "ends such a hold (`releases_host`)",
    "rollout": "on several hosts, for the runner (`rollout`)",
}
_ROLLOUTS: Final = {
    "canary": "one first; when that is well, all others at once",
    "one-by-one": "one after the other",
    "together": "all at once",
}


def _yes(value: object) -> str:
    return "yes" if value else "no"


def policy_example(papers: RolePapers) -> str:
    """A policy with one trigger that runs the role with its example parameters."""
    trigger: dict[str, object] = {
        "name": papers.name.replace("_", "-"),
        "match": {"alertname": "NameOfTheAlert"},
        "access": "web-operator",
        "approval": "automatic",
        "remediation": papers.name,
        "escalation": "platform-chat",
        "mode": "act",
    }
    parameters = papers.behaviour.get("example") or {}
    if parameters:
        trigger["parameters"] = parameters
    policy = {"version": 1, "access": {"web-operator": {"hosts": ["web"]}}, "triggers": [trigger]}
    return str(yaml.dump(policy, Dumper=_Indented, sort_keys=False, width=110, allow_unicode=True))


class _Indented(yaml.SafeDumper):
    """Lists stand further in than what they belong to, as in the guides."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        super().increase_indent(flow, indentless=False)


def command_example(papers: RolePapers) -> str:
    """A shell command that runs the role at the operator's door."""
    playbook = "breakglass.remediation." + (papers.name if papers.has_playbook else "remediate")
    asked = [] if papers.has_playbook else [f"-e remediate_role={papers.name}"]
    parameters = papers.behaviour.get("example") or {}
    given = [f"-e {shlex.quote(json.dumps(parameters, ensure_ascii=False))}"] if parameters else []
    lines = [
        "ANSIBLE_CALLBACKS_ENABLED=breakglass.remediation.audit",
        f"ansible-playbook {playbook} -i inventory -l web1",
        " ".join(["-e remediate_access=web-operator", "-e remediate_reason='why it is needed'", *asked]),
        *given,
    ]
    return " \\\n    ".join(lines)


def _examples(papers: RolePapers) -> Iterator[str]:
    yield "By an operator ([guide](../../docs/guides/ansible-playbook.md)); with `--check` first it says what it would change:"
    yield from ("", "```console", f"$ {command_example(papers)}", "```", "")
    yield "By an alert ([guide](../../docs/guides/policy.md)); the access names the hosts, and the credentials that the role needs beside SSH:"
    yield from ("", "```yaml", policy_example(papers).rstrip("\n"), "```")


def _sentences(described: object) -> list[str]:
    texts = [described] if isinstance(described, str) else cast("Sequence[str]", described)
    return [_markdown(text) for text in texts]


def plain_sentences(described: object) -> list[str]:
    """A description without any markup, for who reads it outside of a page."""
    return [sentence.replace("`", "") for sentence in _sentences(described)]


def _markdown(text: str) -> str:
    """Ansible's markup as Markdown."""
    return _PLAIN.sub(r"`\1`", _MARKUP.sub(lambda found: f"`{_inside(found[1])}`", " ".join(text.split())))


def _inside(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text.removeprefix("ignore:"))


def main(arguments: Sequence[str]) -> None:
    """Write the READMEs of these roles, or of all."""
    for name in arguments or remediation_roles(REPOSITORY / "roles"):
        text = readme(read_papers(REPOSITORY, name))
        (REPOSITORY / "roles" / name / "README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
