# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX refuses of a survey: JobTemplateSurveySpec in awx/api/views, retold."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping


def survey_fault(spec: Mapping[str, object]) -> str:
    """What AWX would answer 400 for; empty when it takes it."""
    if not all(isinstance(spec.get(name), str) and spec[name] for name in ("name", "description")):
        return "name, description"
    questions = cast("list[Mapping[str, object]]", spec["spec"])
    variables = [question["variable"] for question in questions]
    if len(set(variables)) < len(variables):
        return "a variable twice"
    return next((f"{question}: {why}" for question in questions if (why := _fault(question))), "")


def _fault(question: Mapping[str, object]) -> str:
    kind, default = question["type"], question["default"]
    choices = cast("list[str]", question["choices"])
    if not isinstance(question["required"], bool) or not question["question_name"] or " " in str(question["variable"]):
        return "fields"
    match kind:
        case "text":
            return "" if isinstance(default, str) and isinstance(question["max"], int) else "text"
        case "integer":
            fits = default == "" or (
                type(default) is int and int(str(question["min"])) <= default <= int(str(question["max"]))
            )
            return "" if fits else "integer"
        case "multiplechoice":
            return "" if choices and default in (*choices, "") else "choice"
        case "multiselect":
            return "" if choices and set(str(default).split("\n")) - {""} <= set(choices) else "choices"
    return "type"
