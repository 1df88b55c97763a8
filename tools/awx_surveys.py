# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the survey of each remediation's job template in AWX from its meta/argument_specs.yml and meta/remediation.yml.

python -m tools.awx_surveys

A survey asks for what AWX can hand over as it is: texts, whole numbers, one of several, some of several. It does not ask for commands, which no launcher
should choose, nor for truths and free lists: AWX hands both over as text, and the text `false` is true. These stand in the template's extra variables.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, cast

from ansible_collections.breakglass.remediation.plugins.plugin_utils._parameters.kinds import KINDS, Whole
from tools.role_docs import REPOSITORY, RolePapers, plain_sentences, read_papers, remediation_roles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SURVEYS: Final = REPOSITORY / "deploy" / "awx" / "surveys"
LONGEST_TEXT: Final = 1024
LONGEST_QUESTION: Final = 500
COMMANDS: Final = "argument"
Question = dict[str, object]


def survey(papers: RolePapers) -> dict[str, object]:
    """The survey of a role's job template, as AWX takes it at `survey_spec`."""
    return {
        "name": f"{title(papers.name)} (breakglass)",
        "description": str(papers.spec["short_description"]),
        "spec": [*_always(), *_questions(papers)],
    }


def title(role: str) -> str:
    """A role's name as people read it: `restart_service` is Restart service."""
    return role.replace("_", " ").capitalize()


def not_asked(papers: RolePapers) -> list[str]:
    """The parameters that a survey does not ask for; a required one must be set by the template."""
    asked = {question["variable"] for question in _questions(papers)}
    return [name for name in _options(papers) if name not in asked]


def text(papers: RolePapers) -> str:
    """The file of a survey."""
    return json.dumps(survey(papers), indent=2, ensure_ascii=False) + "\n"


def write_all(repository: Path, directory: Path) -> None:
    """Write every survey, and remove those of roles that are no more."""
    directory.mkdir(parents=True, exist_ok=True)
    names = remediation_roles(repository / "roles")
    for name in names:
        (directory / f"{name}.json").write_text(text(read_papers(repository, name)), encoding="utf-8")
    for path in directory.glob("*.json"):
        if path.stem not in names:
            path.unlink()


def _always() -> Iterator[Question]:
    yield _question(
        "Reason", "remediate_reason", "Why; it is recorded, and an auditor reads it.", required=True, most=200
    )
    yield _question("Ticket", "remediate_ticket", "Where it is tracked, for example OPS-4711.", most=200)
    why = "Life of the grant, for example 10m; the access may allow less, and says so."
    yield {**_question("Time box", "remediate_time_box", why, most=8), "default": "10m"}


def _questions(papers: RolePapers) -> Iterator[Question]:
    kinds = cast("Mapping[str, str]", papers.behaviour.get("parameters") or {})
    for name, option in _options(papers).items():
        if (form := _form(option, kinds.get(name, ""))) is not None:
            label = title(name.removeprefix(f"{papers.name}_"))
            meaning = " ".join(plain_sentences(option["description"]))[:LONGEST_QUESTION]
            yield {**_question(label, name, meaning, required=bool(option.get("required"))), **form}


def _form(option: Mapping[str, object], kind: str) -> Question | None:
    """What a question is like beside its words; None for what a survey can't ask for."""
    choices, default, of = option.get("choices"), option.get("default"), option.get("type", "str")
    if kind == COMMANDS:
        return None
    if isinstance(choices, list) and of == "str":
        return {"type": "multiplechoice", "choices": choices, "default": default or ""}
    if isinstance(choices, list) and of == "list":
        chosen = default if isinstance(default, list) else []
        return {"type": "multiselect", "choices": choices, "default": "\n".join(chosen)}
    if of == "int":
        bounds = KINDS.get(kind)
        least, most = (bounds.least, bounds.most) if isinstance(bounds, Whole) else (0, 2**31 - 1)
        if not isinstance(default, int):
            return {"type": "integer", "min": least, "max": most, "default": ""}
        return {"type": "integer", "min": min(least, default), "max": most, "default": default}
    return {"type": "text", "default": default or ""} if of == "str" else None


def _question(label: str, variable: str, meaning: str, *, required: bool = False, most: int = LONGEST_TEXT) -> Question:
    return {
        "question_name": label,
        "question_description": meaning,
        "required": required,
        "type": "text",
        "variable": variable,
        "min": 1 if required else 0,
        "max": most,
        "default": "",
        "choices": "",
    }


def _options(papers: RolePapers) -> Mapping[str, Mapping[str, object]]:
    return cast("Mapping[str, Mapping[str, object]]", papers.spec.get("options") or {})


if __name__ == "__main__":
    write_all(REPOSITORY, SURVEYS)
